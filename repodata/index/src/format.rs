//! Numbered JSON documents.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::IndexError;

/// Version of the heads and nodes that this crate writes.
pub const FORMAT: u32 = 2;

/// Version of the heads whose index and repodata were one document each. They are read, and never written.
pub(crate) const WHOLE_FORMAT: u32 = 1;

/// Writes any of this crate's formats: compact and sorted, so that equal values have equal bytes.
pub(crate) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("these types have string keys and no failing serializer")
}

#[derive(Deserialize)]
struct Probe {
    format: u32,
}

/// The number of a document's format, if it has one.
pub(crate) fn format_of(bytes: &[u8]) -> Option<u32> {
    serde_json::from_slice(bytes).ok().map(|Probe { format }| format)
}

/// Reads a document of the current format.
pub(crate) fn from_json<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, IndexError> {
    from_json_of(what, FORMAT, bytes)
}

/// Reads a document of one format. One of another format is reported as such, also where its shape no longer fits.
pub(crate) fn from_json_of<T: DeserializeOwned>(
    what: &'static str,
    format: u32,
    bytes: &[u8],
) -> Result<T, IndexError> {
    let parsed = serde_json::from_slice(bytes);
    if let Some(found) = format_of(bytes)
        && found != format
    {
        return Err(IndexError::UnsupportedFormat { what, found, supported: format });
    }
    parsed.map_err(|error| IndexError::Json { what, reason: error.to_string() })
}
