//! What can be wrong with what the loader was given.

use pkgsrv_side_module::SideModuleError;
use pkgsrv_wheel::WheelError;

/// Why the core refuses something. [`CoreError::code`] is what reaches JavaScript.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each case's message says what its fields are")]
pub enum CoreError {
    /// A wheel cannot be read.
    #[error("{filename}: {source}")]
    Wheel { filename: String, source: WheelError },
    /// A wheel is of another project or version than the repodata says.
    #[error("{filename} holds {found}, expected {expected}; the repodata and the wheel disagree")]
    OtherWheel { filename: String, found: String, expected: String },
    /// A wheel installs into a directory that the format does not define.
    #[error(
        "{filename} has the file {path:?}, which belongs to no installation scheme; expected purelib, platlib, scripts, headers or data"
    )]
    UnknownScheme { filename: String, path: String },
    /// A side module cannot be read.
    #[error("{path}: {source}")]
    SideModule { path: String, source: SideModuleError },
    /// A side module uses what the runtimes do not have.
    #[error("{path} needs {feature}, which this runtime does not have")]
    UnsupportedModule { path: String, feature: String },
    /// An import that nothing provides.
    #[error(
        "{path} imports the {kind} `{symbol}` from `{module}`, which neither the runtime nor a needed library provides"
    )]
    MissingSymbol { path: String, module: String, symbol: String, kind: String },
    /// A needed library that is nowhere.
    #[error("{path} needs the library {library:?}, which is neither installed nor part of this installation")]
    MissingLibrary { path: String, library: String },
    /// What JavaScript asks for is not there.
    #[error("the host layer asked for what is not there: {problem}; are both of one version?")]
    HostValue { problem: String },
}

impl CoreError {
    /// The stable code, one of those that `LoaderError` documents.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Wheel { .. } | Self::OtherWheel { .. } | Self::UnknownScheme { .. } => "bad_wheel",
            Self::SideModule { .. } => "bad_module",
            Self::UnsupportedModule { .. } => "unsupported_module",
            Self::MissingSymbol { .. } => "missing_symbol",
            Self::MissingLibrary { .. } => "missing_library",
            Self::HostValue { .. } => "internal",
        }
    }
}
