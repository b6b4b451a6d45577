//! Which releases to install so that everything wanted and everything needed is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pep440_rs::{Operator, Version, VersionSpecifiers};

use crate::{ExtraName, PackageName, Release, Releases, Requirement};

/// A release chosen by [`closure`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// The project.
    pub name: PackageName,
    /// The release to install.
    pub release: Release,
    /// Whether it was asked for by name, and not only needed by something.
    pub requested: bool,
}

/// What [`closure`] has found with the releases that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closure {
    /// What to install, dependencies first.
    Complete(Vec<Selected>),
    /// Projects whose releases have to be brought before it can go on.
    Needs(BTreeSet<PackageName>),
}

/// Who asked for a project, and for which versions of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The release that needs it, as `name version`; `None` for the request itself.
    pub by: Option<String>,
    /// What was asked for.
    pub requirement: Requirement,
}

/// Why no set of releases was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClosureError {
    /// A project that the repodata does not have.
    #[error("unknown package `{name}`{}{}", needed_by(by.as_deref()), did_you_mean(nearest))]
    UnknownPackage {
        /// The name asked for.
        name: PackageName,
        /// The release that needs it, `None` for the request itself.
        by: Option<String>,
        /// Up to three names that are spelled much alike, nearest first.
        nearest: Vec<PackageName>,
    },
    /// No release satisfies everyone who asks.
    #[error("no version of `{name}` fits {}; available: {}", listed(demands), listed(available))]
    NoVersionFits {
        /// The project.
        name: PackageName,
        /// Everyone who asks for it.
        demands: Vec<Demand>,
        /// The versions there are, newest first, yanked ones included.
        available: Vec<Version>,
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
    /// Newest releases of several projects exclude each other; trying older ones is not attempted.
    #[error(
        "the newest releases that fit `{name}` exclude each other: {}; ask for an exact version of one of them",
        listed(demands)
    )]
    Unsettled {
        /// A project whose releases were all tried.
        name: PackageName,
        /// Everyone who asks for it.
        demands: Vec<Demand>,
    },
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.requirement)?;
        match &self.by {
            Some(by) => write!(f, " (needed by {by})"),
            None => f.write_str(" (requested)"),
        }
    }
}

fn listed(items: &[impl fmt::Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn needed_by(by: Option<&str>) -> String {
    by.map(|by| format!(", needed by {by}")).unwrap_or_default()
}

fn did_you_mean(nearest: &[PackageName]) -> String {
    if nearest.is_empty() {
        return String::new();
    }
    let names: Vec<String> = nearest.iter().map(|name| format!("`{name}`")).collect();
    format!("; did you mean {}?", names.join(" or "))
}

/// Chooses releases for everything wanted and everything that needs, dependencies first.
///
/// Of each project the newest release that satisfies all who ask is taken; pre-releases only where
/// a specifier names one or nothing else fits, yanked ones only where a specifier pins them. What
/// is `installed` and fits is left as it is. The same input gives the same answer, and cycles are
/// fine. A release once found unfit is not tried again, so this ends, but it does not try older
/// releases of a project to please a dependency of another.
///
/// Nothing is brought from here: if releases of some projects are not known, their names are the answer, as many at once
/// as can be told.
pub fn closure(
    releases: &Releases,
    wanted: &[Requirement],
    installed: &BTreeMap<PackageName, Version>,
) -> Result<Closure, ClosureError> {
    let mut search = Search { releases, wanted, installed, chosen: BTreeMap::new(), rejected: BTreeSet::new() };
    loop {
        let demands = search.demands();
        if search.settle(&demands)? {
            continue;
        }
        let missing = search.missing(&demands);
        return Ok(if missing.is_empty() {
            Closure::Complete(search.in_order(&demands))
        } else {
            Closure::Needs(missing)
        });
    }
}

/// Everyone who asks for one project, and the extras they ask for together.
#[derive(Default)]
struct Asked {
    demands: Vec<Demand>,
    extras: BTreeSet<ExtraName>,
}

type Demands = BTreeMap<PackageName, Asked>;

struct Search<'a> {
    releases: &'a Releases,
    wanted: &'a [Requirement],
    installed: &'a BTreeMap<PackageName, Version>,
    chosen: BTreeMap<PackageName, &'a Release>,
    rejected: BTreeSet<(PackageName, Version)>,
}

impl<'a> Search<'a> {
    /// Walks from what is wanted through what is chosen so far.
    fn demands(&self) -> Demands {
        let mut demands = Demands::new();
        let mut queue: Vec<Demand> =
            self.wanted.iter().rev().map(|requirement| Demand { by: None, requirement: requirement.clone() }).collect();
        while let Some(demand) = queue.pop() {
            let name = demand.requirement.name.clone();
            let is_new = !demands.contains_key(&name);
            let asked = demands.entry(name.clone()).or_default();
            let new_extras: Vec<ExtraName> = demand.requirement.extras.difference(&asked.extras).cloned().collect();
            asked.extras.extend(new_extras.iter().cloned());
            asked.demands.push(demand);
            let Some(release) = self.current(&name) else { continue };
            let by = format!("{name} {}", release.version);
            // An installed project's own dependencies were settled when it was installed.
            let own = if is_new && !self.installed.contains_key(&name) { release.depends.as_slice() } else { &[] };
            let for_extras = new_extras.iter().filter_map(|extra| release.extras.get(extra));
            for requirement in own.iter().chain(for_extras.flatten()).rev() {
                queue.push(Demand { by: Some(by.clone()), requirement: requirement.clone() });
            }
        }
        for asked in demands.values_mut() {
            asked.demands.dedup();
        }
        demands
    }

    /// The release whose dependencies count: the chosen one, or the one that is installed.
    fn current(&self, name: &PackageName) -> Option<&'a Release> {
        let Some(installed) = self.installed.get(name) else {
            return self.chosen.get(name).copied();
        };
        self.releases.get(name)??.iter().find(|release| release.version == *installed)
    }

    /// Chooses for every name that has no fitting choice yet. Whether anything changed.
    fn settle(&mut self, demands: &Demands) -> Result<bool, ClosureError> {
        let mut changed = false;
        for (name, asked) in demands {
            if let Some(version) = self.installed.get(name) {
                let unfit = |demand: &&Demand| !demand.requirement.specifiers.contains(version);
                let conflicts: Vec<Demand> = asked.demands.iter().filter(unfit).cloned().collect();
                if conflicts.is_empty() {
                    continue;
                }
                return Err(ClosureError::InstalledConflict {
                    name: name.clone(),
                    installed: version.clone(),
                    demands: conflicts,
                });
            }
            if let Some(release) = self.chosen.get(name) {
                if fits(&asked.demands, &release.version) {
                    continue;
                }
                self.rejected.insert((name.clone(), release.version.clone()));
            }
            let Some(releases) = self.releases.get(name) else { continue };
            let release = self.pick(name, releases, &asked.demands)?;
            self.chosen.insert(name.clone(), release);
            changed = true;
        }
        Ok(changed)
    }

    /// What is asked for and not known. Of what is installed, releases count only for its extras.
    fn missing(&self, demands: &Demands) -> BTreeSet<PackageName> {
        let counts = |name: &PackageName, asked: &Asked| !self.installed.contains_key(name) || !asked.extras.is_empty();
        let unknown = demands.iter().filter(|(name, asked)| self.releases.get(name).is_none() && counts(name, asked));
        unknown.map(|(name, _)| name.clone()).collect()
    }

    fn pick(
        &self,
        name: &PackageName,
        releases: Option<&'a [Release]>,
        demands: &[Demand],
    ) -> Result<&'a Release, ClosureError> {
        let Some(releases) = releases else {
            return Err(ClosureError::UnknownPackage {
                name: name.clone(),
                by: demands.first().and_then(|demand| demand.by.clone()),
                nearest: nearest(name, self.releases.names()),
            });
        };
        let fitting: Vec<&Release> = releases.iter().filter(|release| fits(demands, &release.version)).collect();
        let untried: Vec<&Release> = fitting
            .iter()
            .copied()
            .filter(|release| !self.rejected.contains(&(name.clone(), release.version.clone())))
            .collect();
        best(&untried, demands).ok_or_else(|| {
            if best(&fitting, demands).is_some() {
                return ClosureError::Unsettled { name: name.clone(), demands: demands.to_vec() };
            }
            ClosureError::NoVersionFits {
                name: name.clone(),
                demands: demands.to_vec(),
                available: releases.iter().map(|release| release.version.clone()).collect(),
            }
        })
    }

    /// What is chosen and still asked for, dependencies first, otherwise by name.
    fn in_order(&self, demands: &Demands) -> Vec<Selected> {
        let requested: BTreeSet<&PackageName> = self.wanted.iter().map(|requirement| &requirement.name).collect();
        let mut seen = BTreeSet::new();
        let mut order = Vec::new();
        // An explicit stack: the depth of a dependency chain is an outsider's choice.
        for root in demands.keys() {
            let mut stack = vec![(root, false)];
            while let Some((name, is_done)) = stack.pop() {
                let Some(release) = self.chosen.get(name) else { continue };
                if is_done {
                    order.push(Selected {
                        name: name.clone(),
                        release: (*release).clone(),
                        requested: requested.contains(name),
                    });
                    continue;
                }
                if !seen.insert(name) {
                    continue;
                }
                stack.push((name, true));
                let needed = needed(release, demands.get(name));
                let needed: BTreeSet<&PackageName> = needed.filter(|needed| demands.contains_key(needed)).collect();
                stack.extend(needed.into_iter().rev().map(|needed| (needed, false)));
            }
        }
        order
    }
}

/// Up to three of these names that are spelled much like `name`, nearest first.
pub fn nearest<'n>(name: &PackageName, names: impl Iterator<Item = &'n PackageName>) -> Vec<PackageName> {
    const MOST: usize = 3;
    let limit = (name.as_str().len() / 3).max(1);
    let mut near: Vec<(usize, &PackageName)> = names
        // The distance is at least the difference in length, which is cheaper to know.
        .filter(|known| known.as_str().len().abs_diff(name.as_str().len()) <= limit)
        .map(|known| (strsim::osa_distance(known.as_str(), name.as_str()), known))
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    near.sort();
    near.into_iter().take(MOST).map(|(_, known)| known.clone()).collect()
}

fn needed<'r>(release: &'r Release, asked: Option<&'r Asked>) -> impl Iterator<Item = &'r PackageName> {
    let extras = asked.into_iter().flat_map(|asked| &asked.extras);
    let for_extras = extras.filter_map(|extra| release.extras.get(extra)).flatten();
    release.depends.iter().chain(for_extras).map(|requirement| &requirement.name)
}

fn fits(demands: &[Demand], version: &Version) -> bool {
    demands.iter().all(|demand| demand.requirement.specifiers.contains(version))
}

/// The newest, in the order of preference that PEP 440 and PEP 592 ask for.
fn best<'r>(fitting: &[&'r Release], demands: &[Demand]) -> Option<&'r Release> {
    let specifiers = || demands.iter().map(|demand| &demand.requirement.specifiers);
    let named_prerelease = specifiers().any(names_prerelease);
    let pinned = specifiers().any(pins);
    let usable = |yanked: bool, prerelease: bool| {
        fitting
            .iter()
            .copied()
            .find(|release| (yanked || release.yanked.is_none()) && (prerelease || !release.version.any_prerelease()))
    };
    usable(false, named_prerelease)
        .or_else(|| usable(false, true))
        .or_else(|| if pinned { usable(true, true) } else { None })
}

fn names_prerelease(specifiers: &VersionSpecifiers) -> bool {
    specifiers.iter().any(|specifier| specifier.any_prerelease() && *specifier.operator() != Operator::NotEqual)
}

fn pins(specifiers: &VersionSpecifiers) -> bool {
    specifiers.iter().any(|specifier| matches!(specifier.operator(), Operator::Equal | Operator::ExactEqual))
}
