//! What has to be decided on.

use std::fmt;

use pkgsrv_index::{ExtraName, PackageName};

/// What pubgrub calls a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Item {
    /// Whatever is asked for, as if it were a package that needs all of it.
    Request,
    /// A project: which release.
    Project(PackageName),
    /// An extra of a project: of which release, which is the project's own.
    Extra(PackageName, ExtraName),
}

impl Item {
    /// The project; `None` for the request.
    pub(crate) const fn name(&self) -> Option<&PackageName> {
        match self {
            Self::Request => None,
            Self::Project(name) | Self::Extra(name, _) => Some(name),
        }
    }
}

/// For pubgrub's own log.
impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request => f.write_str("request"),
            Self::Project(name) => write!(f, "{name}"),
            Self::Extra(name, extra) => write!(f, "{name}[{extra}]"),
        }
    }
}
