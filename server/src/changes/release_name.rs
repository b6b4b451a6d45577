//! `NAME==VERSION`.

use std::fmt;
use std::str::FromStr;

use pkgsrv_index::{PackageName, Version};

use crate::ServerError;

/// One version of one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseName {
    /// The project.
    pub name: PackageName,
    /// The version.
    pub version: Version,
}

impl FromStr for ReleaseName {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        let parsed = text.split_once("==").and_then(|(name, version)| {
            Some(Self { name: name.trim().parse().ok()?, version: version.trim().parse().ok()? })
        });
        parsed.ok_or_else(|| ServerError::InvalidRelease { found: text.to_owned() })
    }
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=={}", self.name, self.version)
    }
}
