//! What a channel says of a project as a whole ([PEP 792](https://peps.python.org/pep-0792/)).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::IndexError;
use crate::error::excerpt;

/// The markers of PEP 792, the most lenient first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Files are taken and offered.
    #[default]
    Active,
    /// The same; people are told to use something else.
    Deprecated,
    /// Files are offered, and no more are taken.
    Archived,
    /// Files are neither offered nor taken.
    Quarantined,
}

/// A status and the reason for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct ProjectStatus {
    /// The marker.
    pub status: Status,
    /// The reason, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Status {
    /// The marker's text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deprecated => "deprecated",
            Self::Archived => "archived",
            Self::Quarantined => "quarantined",
        }
    }

    /// Whether files may be added.
    pub const fn takes_files(self) -> bool {
        matches!(self, Self::Active | Self::Deprecated)
    }
}

impl ProjectStatus {
    /// Whether it says nothing: what every project has that was never given a status.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

impl FromStr for Status {
    type Err = IndexError;

    fn from_str(text: &str) -> Result<Self, IndexError> {
        let all = [Self::Active, Self::Deprecated, Self::Archived, Self::Quarantined];
        let named = all.into_iter().find(|status| status.as_str() == text);
        named.ok_or_else(|| IndexError::InvalidStatus { found: excerpt(text) })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
