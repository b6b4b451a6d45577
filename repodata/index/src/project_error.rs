//! What can stand in the way of an answer about one project, in words.

use std::fmt;

use pep440_rs::Version;

use crate::{PackageName, Release, Requirement};

/// Who asks for a project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum DemandedBy {
    /// Whoever asks.
    Request,
    /// A constraint of the request.
    Constraint,
    /// Releases of one project, as `name 2.0, 1.0`.
    Releases(String),
}

/// Who asks for a project, and for which versions of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// Who.
    pub by: DemandedBy,
    /// What was asked for.
    pub requirement: Requirement,
}

/// A version that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// The version.
    pub version: Version,
    /// Whether it is for those only who pin it.
    pub is_yanked: bool,
}

/// Why no release of a project can be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectError {
    /// A project that does not exist.
    #[error("unknown package `{name}`{}{}", needed_by(by), did_you_mean(nearest))]
    UnknownPackage {
        /// The name asked for.
        name: PackageName,
        /// Who asks for it.
        by: DemandedBy,
        /// Up to three names that are spelled much alike, nearest first.
        nearest: Vec<PackageName>,
    },
    /// No release satisfies everyone who asks.
    #[error("no version of `{name}` fits {}; available: {}", listed(demands), listed_first(available, MOST_OFFERED))]
    NoVersionFits {
        /// The project.
        name: PackageName,
        /// Everyone who asks for it.
        demands: Vec<Demand>,
        /// The versions there are, newest first.
        available: Vec<Offered>,
    },
    /// Something already installed stands in the way.
    #[error(
        "`{name}` {installed} is already installed, which does not fit {}; restart the interpreter or ask for versions that go together",
        listed(demands)
    )]
    InstalledConflict {
        /// The project.
        name: PackageName,
        /// The version in the interpreter.
        installed: Version,
        /// Those who ask for another one.
        demands: Vec<Demand>,
    },
}

/// Versions that a message lists of one project.
pub const MOST_OFFERED: usize = 20;

impl Offered {
    /// A release as it is offered.
    pub fn of(release: &Release) -> Self {
        Self { version: release.version.clone(), is_yanked: release.yanked.is_some() }
    }
}

impl fmt::Display for DemandedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request => f.write_str("requested"),
            Self::Constraint => f.write_str("constraint"),
            Self::Releases(releases) => write!(f, "needed by {releases}"),
        }
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", self.requirement, self.by)
    }
}

impl fmt::Display for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.version, if self.is_yanked { " (yanked)" } else { "" })
    }
}

pub(crate) fn listed(items: &[impl fmt::Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// So many at most, and how many more there are.
pub fn listed_first(items: &[impl fmt::Display], most: usize) -> String {
    match items.len().checked_sub(most) {
        None | Some(0) => listed(items),
        Some(more) => format!("{} and {more} more", listed(&items[..most])),
    }
}

fn needed_by(by: &DemandedBy) -> String {
    if *by == DemandedBy::Request { String::new() } else { format!(", {by}") }
}

fn did_you_mean(nearest: &[PackageName]) -> String {
    if nearest.is_empty() {
        return String::new();
    }
    let names: Vec<String> = nearest.iter().map(|name| format!("`{name}`")).collect();
    format!("; did you mean {}?", names.join(" or "))
}

/// Up to three of the names that are spelled much like this one, nearest first.
pub fn nearest<'n>(name: &PackageName, names: impl IntoIterator<Item = &'n PackageName>) -> Vec<PackageName> {
    const MOST: usize = 3;
    let limit = (name.as_str().len() / 3).max(1);
    let mut near: Vec<(usize, &PackageName)> = names
        .into_iter()
        // The distance is at least the difference in length, which is cheaper to know.
        .filter(|known| known.as_str().len().abs_diff(name.as_str().len()) <= limit)
        .map(|known| (strsim::osa_distance(known.as_str(), name.as_str()), known))
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    near.sort();
    near.dedup();
    near.into_iter().take(MOST).map(|(_, known)| known.clone()).collect()
}
