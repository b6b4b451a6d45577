//! What is known so far of a line's releases.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::{Found, NodeRef, find};
use crate::{Digest, PackageName, Release, RepodataNode, Version};

/// Releases of projects, as far as they have been brought: a line's repodata comes in parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Releases(BTreeMap<PackageName, Option<Vec<Release>>>);

impl Releases {
    /// Notes the releases of a project, newest first; `None` if the line does not have the project.
    pub fn add(&mut self, name: PackageName, releases: Option<Vec<Release>>) {
        self.0.insert(name, releases);
    }

    /// Adds what the nodes at hand tell of these projects; returns the nodes that are missing for the others.
    pub fn bring(
        &mut self,
        root: Option<&NodeRef>,
        nodes: &BTreeMap<Digest, RepodataNode>,
        names: BTreeSet<PackageName>,
    ) -> Vec<NodeRef> {
        let mut missing = Vec::new();
        for name in names {
            match find(root, nodes, &name) {
                Found::Entry(found) => self.add(name, Some(found.clone())),
                Found::Nothing => self.add(name, None),
                Found::Needs(node) => missing.push(node),
            }
        }
        missing
    }

    /// What is known of a project; `None` if nothing has been brought.
    pub fn get(&self, name: &PackageName) -> Option<Option<&[Release]>> {
        self.0.get(name).map(Option::as_deref)
    }

    /// Names of the projects that are known to be there.
    pub fn names(&self) -> impl Iterator<Item = &PackageName> {
        self.0.iter().filter(|(_, releases)| releases.is_some()).map(|(name, _)| name)
    }
}

impl FromIterator<(PackageName, Vec<Release>)> for Releases {
    fn from_iter<I: IntoIterator<Item = (PackageName, Vec<Release>)>>(releases: I) -> Self {
        Self(releases.into_iter().map(|(name, releases)| (name, Some(releases))).collect())
    }
}

/// Whether METADATA's name and version are those of a release: in any spelling, as `PyYAML` is `pyyaml` and `1.0` is
/// `1.0.0`.
pub fn is_release(found: (&str, &str), expected: (&str, &str)) -> bool {
    let name = |text: &str| text.parse::<PackageName>().ok();
    let version = |text: &str| text.parse::<Version>().ok();
    let found = (name(found.0), version(found.1));
    found.0.is_some() && found.1.is_some() && found == (name(expected.0), version(expected.1))
}

#[cfg(test)]
mod tests {
    use super::is_release;

    #[test]
    fn releases_in_any_spelling() {
        let cases = [
            (("PyYAML", "6.0"), ("pyyaml", "6.0.0"), true),
            (("PyYAML", "6.0"), ("pyyaml", "6.0.1"), false),
            (("yaml", "6.0"), ("pyyaml", "6.0"), false),
            (("a b", "6.0"), ("a b", "6.0"), false),
            (("a", "six"), ("a", "six"), false),
        ];
        for (found, expected, same) in cases {
            assert_eq!(is_release(found, expected), same, "{found:?} {expected:?}");
        }
    }
}
