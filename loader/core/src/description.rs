//! What a wheel says of itself, for the resolver.

use pkgsrv_wheel::{Wheel, WheelError};
use serde::Serialize;

/// Of a wheel that no repodata describes, what the resolver describes it by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WheelDescription {
    /// The text of METADATA.
    pub metadata: String,
    /// Top-level import names.
    pub imports: Vec<String>,
}

impl WheelDescription {
    /// Reads it out of a wheel.
    pub fn of(wheel: &Wheel<'_>) -> Result<Self, WheelError> {
        let imports = wheel.top_level_modules()?;
        // It has just been read as UTF-8.
        let metadata = String::from_utf8(wheel.metadata_bytes()?).unwrap_or_default();
        Ok(Self { metadata, imports })
    }
}
