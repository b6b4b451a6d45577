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

/// Releases of projects as far as they were brought, newest first. A project without releases does not exist; of one that
/// is not here, nothing is known.
pub type Known = BTreeMap<PackageName, Vec<Release>>;

/// How far a solver came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// What to install, dependencies first, otherwise by name.
    Solved(Vec<Selected>),
    /// Projects whose releases have to be known before it can go on.
    Needs(BTreeSet<PackageName>),
}
