//! Which releases to install so that everything wanted and everything needed is there.

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::Version;

use crate::project_error::listed;
use crate::selection::{dependencies_first, names_prerelease, newest, pins};
use crate::{
    Demand, DemandedBy, ExtraName, Offered, PackageName, ProjectError, Release, Releases, Requirement, Selected,
    nearest,
};

/// What [`closure`] has found with the releases that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closure {
    /// What to install, dependencies first.
    Complete(Vec<Selected>),
    /// Projects whose releases have to be brought before it can go on.
    Needs(BTreeSet<PackageName>),
}

/// Why no set of releases was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClosureError {
    /// One project stands in the way.
    #[error(transparent)]
    Project(#[from] ProjectError),
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

/// Chooses releases for everything wanted and everything that needs, dependencies first.
///
/// Of each project the newest release that satisfies all who ask is taken; pre-releases only where
/// a specifier names one or nothing else fits, yanked ones only where a specifier pins them. `constraints` limit the
/// versions of what is needed anyway; extras in them mean nothing. What
/// is `installed` and fits is left as it is. The same input gives the same answer, and cycles are
/// fine. A release once found unfit is not tried again, so this ends, but it does not try older
/// releases of a project to please a dependency of another.
///
/// Nothing is brought from here: if releases of some projects are not known, their names are the answer, as many at once
/// as can be told.
pub fn closure(
    releases: &Releases,
    wanted: &[Requirement],
    constraints: &[Requirement],
    installed: &BTreeMap<PackageName, Version>,
) -> Result<Closure, ClosureError> {
    let mut search =
        Search { releases, wanted, constraints, installed, chosen: BTreeMap::new(), rejected: BTreeSet::new() };
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
    constraints: &'a [Requirement],
    installed: &'a BTreeMap<PackageName, Version>,
    chosen: BTreeMap<PackageName, &'a Release>,
    rejected: BTreeSet<(PackageName, Version)>,
}

impl<'a> Search<'a> {
    /// Walks from what is wanted through what is chosen so far.
    fn demands(&self) -> Demands {
        let mut demands = Demands::new();
        let mut queue: Vec<Demand> = self
            .wanted
            .iter()
            .rev()
            .map(|requirement| Demand { by: DemandedBy::Request, requirement: requirement.clone() })
            .collect();
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
                queue.push(Demand { by: DemandedBy::Releases(by.clone()), requirement: requirement.clone() });
            }
        }
        for constraint in self.constraints {
            if let Some(asked) = demands.get_mut(&constraint.name) {
                asked.demands.push(Demand { by: DemandedBy::Constraint, requirement: constraint.clone() });
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
                return Err(ProjectError::InstalledConflict {
                    name: name.clone(),
                    installed: version.clone(),
                    demands: conflicts,
                }
                .into());
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
        let mut missing = BTreeSet::new();
        missing.extend(unknown.map(|(name, _)| name.clone()));
        missing
    }

    fn pick(
        &self,
        name: &PackageName,
        releases: Option<&'a [Release]>,
        demands: &[Demand],
    ) -> Result<&'a Release, ClosureError> {
        let Some(releases) = releases else {
            return Err(ProjectError::UnknownPackage {
                name: name.clone(),
                by: demands.first().map_or(DemandedBy::Request, |demand| demand.by.clone()),
                nearest: nearest(name, self.releases.names()),
            }
            .into());
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
            let available = releases.iter().map(Offered::of).collect();
            ProjectError::NoVersionFits { name: name.clone(), demands: demands.to_vec(), available }.into()
        })
    }

    /// What is chosen and still asked for.
    fn in_order(&self, demands: &Demands) -> Vec<Selected> {
        let selected = demands.iter().filter_map(|(name, asked)| {
            let release = *self.chosen.get(name)?;
            let mut needs = BTreeSet::new();
            needs.extend(needed(release, asked).filter(|needed| *needed != name).cloned());
            let requested = self.wanted.iter().any(|requirement| requirement.name == *name);
            Some(Selected { name: name.clone(), release: release.clone(), requested, needs })
        });
        dependencies_first(selected.collect())
    }
}

fn needed<'r>(release: &'r Release, asked: &'r Asked) -> impl Iterator<Item = &'r PackageName> {
    let for_extras = asked.extras.iter().filter_map(|extra| release.extras.get(extra)).flatten();
    release.depends.iter().chain(for_extras).map(|requirement| &requirement.name)
}

fn fits(demands: &[Demand], version: &Version) -> bool {
    demands.iter().all(|demand| demand.requirement.specifiers.contains(version))
}

/// The newest of those that fit.
fn best<'r>(fitting: &[&'r Release], demands: &[Demand]) -> Option<&'r Release> {
    let specifiers = || demands.iter().map(|demand| &demand.requirement.specifiers);
    let releases = fitting.iter().map(|release| (*release, &release.version, release.yanked.is_some()));
    newest(releases, specifiers().any(names_prerelease), specifiers().any(pins))
}
