//! What is asked, what is known, and what comes out.

use std::collections::{BTreeMap, BTreeSet};

use pkgsrv_index::{PackageName, Release, Requirement, Selected, Version};

/// What a solution has to satisfy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// Everything asked for by name.
    pub wanted: Vec<Requirement>,
    /// Limits on versions, for projects that are needed anyway. Extras in them mean nothing.
    pub constraints: Vec<Requirement>,
    /// What is there already and stays as it is.
    pub installed: BTreeMap<PackageName, Version>,
    /// Versions to take before newer ones where they fit, such as those of an earlier lock.
    pub preferences: BTreeMap<PackageName, Version>,
}

impl Request {
    /// These, and nothing else to heed.
    pub fn of(wanted: impl Into<Vec<Requirement>>) -> Self {
        Self { wanted: wanted.into(), ..Self::default() }
    }
}

/// Releases of projects, each project's newest first.
#[derive(Debug, Clone, Copy)]
pub enum Known<'a> {
    /// Everything there is: a project that is not in it does not exist.
    All(&'a BTreeMap<PackageName, Vec<Release>>),
    /// What was brought so far: a project without releases does not exist, of one that is not in it nothing is known.
    Part(&'a BTreeMap<PackageName, Vec<Release>>),
}

impl<'a> Known<'a> {
    /// A project's releases, none if it does not exist; `None` if they have to be brought.
    pub(crate) fn releases(self, name: &PackageName) -> Option<&'a [Release]> {
        match self {
            Self::All(all) => Some(all.get(name).map(Vec::as_slice).unwrap_or_default()),
            Self::Part(part) => part.get(name).map(Vec::as_slice),
        }
    }

    /// Every name of a project that is known to exist.
    pub(crate) fn names(self) -> impl Iterator<Item = &'a PackageName> {
        let (Self::All(projects) | Self::Part(projects)) = self;
        projects.iter().filter(|(_, releases)| !releases.is_empty()).map(|(name, _)| name)
    }
}

/// How far a solver came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// What to install, dependencies first, otherwise by name.
    Solved(Vec<Selected>),
    /// Projects whose releases have to be known before it can go on.
    Needs(BTreeSet<PackageName>),
}
