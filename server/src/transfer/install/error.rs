//! Why wheels were not unpacked.

use std::fmt;
use std::path::{Path, PathBuf};

use pkgsrv_index::{Selected, WheelFilename};
use pkgsrv_solver::SolveError;
use pkgsrv_wheel::WheelError;

use crate::{ResolveError, TransferError};

/// Why nothing was installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The directory holds something.
    #[error("{} is not empty: expected a directory that is not there yet, or an empty one; nothing was changed", target.display())]
    Occupied {
        /// The directory.
        target: PathBuf,
    },
    /// Wheels whose code an interpreter would have to link.
    #[error(
        "what is asked for has compiled code, and --target takes pure Python only: {}; nothing was installed",
        refused.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    Compiled {
        /// All of them, dependencies first.
        refused: Vec<Refused>,
    },
    /// No releases go together, or the question is none.
    #[error(transparent)]
    Resolve(Box<ResolveError>),
    /// The channel cannot be read.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// A wheel that is not what its specification asks for.
    #[error("cannot unpack {filename}; nothing was installed")]
    Wheel {
        /// The wheel.
        filename: String,
        /// What is wrong with it.
        source: Box<WheelError>,
    },
    /// A part of a wheel's `.data` directory that no installer knows.
    #[error(
        "{filename}: {path} is for no place that is known: expected purelib, platlib, scripts, headers or data; nothing \
         was installed"
    )]
    Scheme {
        /// The wheel.
        filename: String,
        /// The file in it.
        path: String,
    },
    /// Two wheels with the same file, of other contents.
    #[error(
        "{filename} and {other} both bring {path}, and not the same; nothing was installed: install one of them alone"
    )]
    Conflict {
        /// The wheel that comes second.
        filename: String,
        /// The one that has the file already.
        other: String,
        /// Where the file goes, relative to the directory.
        path: String,
    },
    /// The disk.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// `write`, `create` or the like.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
}

/// A wheel that has compiled code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The wheel.
    pub filename: WheelFilename,
    /// The file that is such code; `None` where the wheel's tags say so.
    pub path: Option<String>,
}

impl Refused {
    pub(super) fn of_tags(selected: &Selected) -> Self {
        Self { filename: selected.release.filename.clone(), path: None }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { filename, path } = self;
        write!(f, "{} {} (", filename.name(), filename.version())?;
        match path {
            Some(path) => write!(f, "{path} in {filename})"),
            None => write!(f, "{filename})"),
        }
    }
}

impl InstallError {
    pub(super) fn io(doing: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { doing, path: path.to_owned(), source }
    }
}

impl From<ResolveError> for InstallError {
    fn from(error: ResolveError) -> Self {
        Self::Resolve(Box::new(error))
    }
}

impl From<SolveError> for InstallError {
    fn from(error: SolveError) -> Self {
        ResolveError::from(error).into()
    }
}
