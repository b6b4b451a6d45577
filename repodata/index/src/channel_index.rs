//! What one line of a channel says it has.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Abi, Digest, FORMAT, FileEntry, IndexError, Twin};

/// The index object of one channel and ABI. Stored under the digest of [`Self::to_bytes`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelIndex {
    format: u32,
    /// The line's ABI.
    pub abi: Abi,
    files: BTreeMap<String, FileEntry>,
}

/// What became of an entry offered to an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It was not there before.
    Added,
    /// The same bytes were published before; the earlier entry stays as it was.
    AlreadyThere,
}

impl ChannelIndex {
    /// An index without files.
    pub const fn empty(abi: Abi) -> Self {
        Self { format: FORMAT, abi, files: BTreeMap::new() }
    }

    /// Every file, sorted by filename.
    pub fn files(&self) -> impl Iterator<Item = &FileEntry> {
        self.files.values()
    }

    /// The file of this name.
    pub fn get(&self, filename: &str) -> Option<&FileEntry> {
        self.files.get(filename)
    }

    /// Adds a file. The same filename with other bytes is an error, whatever else has changed.
    pub fn insert(&mut self, entry: FileEntry) -> Result<Inserted, IndexError> {
        entry.filename.require_fit(self.abi)?;
        if let Some(published) = self.files.get(entry.filename.as_str()) {
            if published.sha256 == entry.sha256 {
                return Ok(Inserted::AlreadyThere);
            }
            return Err(IndexError::FilenameTaken {
                filename: entry.filename.to_string(),
                published: published.sha256,
                offered: entry.sha256,
            });
        }
        self.files.insert(entry.filename.to_string(), entry);
        Ok(Inserted::Added)
    }

    /// Names the report of a file's admission; nothing happens if there is no such file.
    pub fn set_admission(&mut self, filename: &str, report: Digest) {
        if let Some(entry) = self.files.get_mut(filename) {
            entry.admission_sha256 = Some(report);
        }
    }

    /// Names the stored twin of a file; nothing happens if there is no such file.
    pub fn set_twin(&mut self, filename: &str, twin: Twin) {
        if let Some(entry) = self.files.get_mut(filename) {
            entry.twin = Some(twin);
        }
    }

    /// Canonical JSON: compact, sorted; equal indexes have equal bytes.
    ///
    /// # Panics
    /// Never: the type holds nothing that JSON cannot express.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_json(self)
    }

    /// Reads what [`Self::to_bytes`] wrote and checks that it agrees with itself.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IndexError> {
        const WHAT: &str = "channel index";
        let index: Self = from_json(WHAT, bytes)?;
        for (filename, entry) in &index.files {
            if filename != entry.filename.as_str()
                || entry.name != *entry.filename.name()
                || entry.version != *entry.filename.version()
            {
                let reason = format!(
                    "the entry under {filename} describes {}, {} {}",
                    entry.filename, entry.name, entry.version
                );
                return Err(IndexError::Inconsistent { what: WHAT, reason });
            }
        }
        Ok(index)
    }
}

/// Writes any of this crate's formats.
pub(crate) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("these types have string keys and no failing serializer")
}

#[derive(Deserialize)]
struct Probe {
    format: u32,
}

/// Reads any of this crate's numbered formats. A document of another format is reported as such,
/// also where its shape no longer fits.
pub(crate) fn from_json<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, IndexError> {
    let parsed = serde_json::from_slice(bytes);
    let probe = serde_json::from_slice::<Probe>(bytes);
    if let Ok(Probe { format }) = probe
        && format != FORMAT
    {
        return Err(IndexError::UnsupportedFormat { what, found: format, supported: FORMAT });
    }
    parsed.map_err(|error| IndexError::Json { what, reason: error.to_string() })
}
