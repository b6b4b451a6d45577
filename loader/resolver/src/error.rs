//! Why there is nothing to install.

use pkgsrv_index::{Abi, ClosureError, IndexError, ProjectError};
use pkgsrv_wheel::WheelError;

/// Why the resolver refuses something. [`ResolverError::code`] is what reaches JavaScript.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each case's message says what its fields are")]
pub enum ResolverError {
    /// Head or repodata cannot be read.
    #[error("{source}")]
    Repodata { source: IndexError },
    /// Repodata of a size that no channel has.
    #[error("the repodata cannot be read: it has {what}, which is more than this loader takes")]
    TooLarge { what: String },
    /// What was asked for is no requirement.
    #[error("{source}")]
    Requirement { source: IndexError },
    /// No set of releases.
    #[error(transparent)]
    Closure(#[from] ClosureError),
    /// Lines of several ABIs.
    #[error("one repodata is for the ABI {expected}, another for {found}; use those of one ABI")]
    OtherLine { found: Abi, expected: Abi },
    /// What an address ends in is no wheel's name, or that of one for another ABI.
    #[error("{source}")]
    WheelName { source: IndexError },
    /// A wheel that refuses the interpreter's Python.
    #[error("{filename} requires Python {required}, but this interpreter has {python}")]
    WheelPython { filename: String, required: String, python: &'static str },
    /// A wheel whose requirements cannot be read.
    #[error("{filename} needs what cannot be read: {source}")]
    WheelNeeds { filename: String, source: IndexError },
    /// METADATA that cannot be read.
    #[error("{filename}: {source}")]
    Wheel { filename: String, source: WheelError },
    /// A wheel is of another project or version than its name says.
    #[error("{filename} holds {found}, expected {expected}; its name and its METADATA disagree")]
    OtherWheel { filename: String, found: String, expected: String },
    /// What JavaScript handed over is not what the resolver takes.
    #[error("the host layer passed a value that the resolver does not read: {problem}; are both of one version?")]
    HostValue { problem: String },
}

impl ResolverError {
    /// The stable code, one of those that `LoaderError` documents.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Repodata { source: IndexError::UnknownAbi { .. } }
            | Self::WheelName { source: IndexError::TagsDoNotFit { .. } }
            | Self::OtherLine { .. }
            | Self::WheelPython { .. } => "wrong_abi",
            Self::Repodata { .. } | Self::TooLarge { .. } => "bad_repodata",
            Self::Requirement { .. } | Self::WheelName { .. } => "invalid_requirement",
            Self::Closure(ClosureError::Project(ProjectError::UnknownPackage { .. })) => "unknown_package",
            Self::Closure(ClosureError::Project(ProjectError::InstalledConflict { .. })) => "installed_conflict",
            Self::Closure(_) => "no_matching_version",
            Self::Wheel { .. } | Self::OtherWheel { .. } | Self::WheelNeeds { .. } => "bad_wheel",
            Self::HostValue { .. } => "internal",
        }
    }
}
