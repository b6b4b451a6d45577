//! What closure and solver have in common: which release comes first, and in which order releases are installed.

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::{Operator, Version, VersionSpecifiers};

use crate::{PackageName, Release};

/// A release that is to be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// The project.
    pub name: PackageName,
    /// The release to install.
    pub release: Release,
    /// Whether it was asked for by name, and not only needed by something.
    pub requested: bool,
    /// What it needs, with what the extras need that are asked for. What is installed already is among it.
    pub needs: BTreeSet<PackageName>,
}

/// Dependencies first, otherwise by name; those that need each other by whatever way come in any order that is always
/// the same.
pub fn dependencies_first(selected: Vec<Selected>) -> Vec<Selected> {
    // What is taken leaves an empty place: removing is more code, which browsers download.
    let mut left: BTreeMap<PackageName, Option<Selected>> = BTreeMap::new();
    left.extend(selected.into_iter().map(|selected| (selected.name.clone(), Some(selected))));
    let names: Vec<PackageName> = left.keys().cloned().collect();
    let mut seen = BTreeSet::new();
    let mut order = Vec::new();
    // An explicit stack: the depth of a dependency chain is an outsider's choice.
    for root in names {
        let mut stack = vec![(root, false)];
        while let Some((name, is_done)) = stack.pop() {
            if is_done {
                order.extend(left.get_mut(&name).and_then(Option::take));
            } else if let Some(Some(selected)) = left.get(&name)
                && seen.insert(name.clone())
            {
                stack.push((name, true));
                stack.extend(selected.needs.iter().rev().map(|needed| (needed.clone(), false)));
            }
        }
    }
    order
}

/// Of releases that fit, newest first and each with its version and whether it is yanked, the one to take in the order
/// that [PEP 440](https://peps.python.org/pep-0440/#handling-of-pre-releases) and
/// [PEP 592](https://peps.python.org/pep-0592/#installers) ask for: pre-releases are equal to others only with
/// `prereleases`, else they come after them; yanked ones are taken last, and only if `yanked`.
pub fn newest<'v, T>(
    releases: impl Iterator<Item = (T, &'v Version, bool)>,
    prereleases: bool,
    yanked: bool,
) -> Option<T> {
    let (mut prerelease, mut last) = (None, None);
    for (release, version, is_yanked) in releases {
        if is_yanked {
            last = last.or(Some(release));
        } else if prereleases || !version.any_prerelease() {
            return Some(release);
        } else {
            prerelease = prerelease.or(Some(release));
        }
    }
    prerelease.or(last.filter(|_| yanked))
}

/// Whether specifiers name a pre-release, and so ask for them.
pub fn names_prerelease(specifiers: &VersionSpecifiers) -> bool {
    specifiers.iter().any(|specifier| specifier.any_prerelease() && *specifier.operator() != Operator::NotEqual)
}

/// Whether specifiers name one version, and so take it also if it is yanked.
pub fn pins(specifiers: &VersionSpecifiers) -> bool {
    specifiers.iter().any(|specifier| matches!(specifier.operator(), Operator::Equal | Operator::ExactEqual))
}
