//! The search.

use std::collections::{BTreeMap, BTreeSet};

use pkgsrv_index::{PackageName, Release, Selected, dependencies_first, pins};
use pubgrub::PubGrubError;

use crate::error::SolveError;
use crate::explanation::explain;
use crate::item::Item;
use crate::problem::{Problem, end};
use crate::release_set::Place;
use crate::request::{Known, Outcome, Request};

/// Chooses releases for everything wanted and everything that needs.
///
/// Of each project the newest release that fits is taken; pre-releases only where a specifier names one or nothing else
/// fits, yanked ones only where someone pins them. What is installed stays as it is. Older releases are tried where
/// newer ones exclude each other, and whether there is a solution is told rightly with one exception: a yanked release
/// that one pins and another merely accepts may be missed. The same input gives the same answer, cycles are fine, and
/// an answer found over parts is that over everything.
///
/// # Errors
/// With an explanation where there is no solution, and where the search takes too long.
pub fn solve(request: &Request, known: &Known) -> Result<Outcome, SolveError> {
    search(request, known, end())
}

fn search(request: &Request, known: &Known, end: u64) -> Result<Outcome, SolveError> {
    let mut problem = Problem::new(request, known, end);
    loop {
        let found = match pubgrub::resolve(&problem, Item::Request, Place::REQUEST) {
            Ok(found) => found,
            Err(PubGrubError::NoSolution(tree)) => return Err(explain(&problem, tree)),
            Err(_) => return Err(SolveError::TooComplex),
        };
        let missing = problem.missing();
        if !missing.is_empty() {
            return Ok(Outcome::Needs(missing));
        }
        let chosen: BTreeMap<Item, Place> = found.into_iter().collect();
        let yanked = yanked_without_a_pin(&problem, &chosen);
        if yanked.is_empty() {
            return Ok(Outcome::Solved(dependencies_first(selected(&problem, &chosen))));
        }
        problem.restrict(yanked);
    }
}

/// Solves with all the rounds that it takes: `bring` gives the releases of a project, newest first, none if it does not
/// exist. Each project is asked for once.
///
/// # Errors
/// As [`solve`], and what `bring` fails with.
pub fn solve_with<E: From<SolveError>>(
    request: &Request,
    mut bring: impl FnMut(&PackageName) -> Result<Vec<Release>, E>,
) -> Result<Vec<Selected>, E> {
    // Each round begins anew, so that a long chain takes its length squared: one limit holds for all of them.
    let (mut known, end) = (Known::new(), end());
    loop {
        match search(request, &known, end)? {
            Outcome::Solved(selected) => return Ok(selected),
            Outcome::Needs(names) => {
                for name in names {
                    let releases = bring(&name)?;
                    known.insert(name, releases);
                }
            }
        }
    }
}

/// Projects of which a yanked release was taken although no one in the solution pins it. Which requirements a solution
/// will have is known only afterwards, so this cannot be a rule of the search.
fn yanked_without_a_pin(problem: &Problem<'_>, chosen: &BTreeMap<Item, Place>) -> BTreeSet<PackageName> {
    let demands = || chosen.iter().flat_map(|(item, place)| problem.requirements(item, *place));
    let is_wrong = |name: &PackageName, place: Place| {
        let Some(candidates) = problem.candidates(name) else { return false };
        let Some(candidate) = candidates.at(place).filter(|candidate| candidate.is_yanked()) else { return false };
        !candidates.is_pinned(candidate) && !demands().any(|demand| demand.name == *name && pins(&demand.specifiers))
    };
    let projects = chosen.iter().filter_map(|(item, place)| match item {
        Item::Project(name) if is_wrong(name, *place) => Some(name.clone()),
        _ => None,
    });
    projects.collect()
}

/// What of a solution is to be installed.
fn selected(problem: &Problem<'_>, chosen: &BTreeMap<Item, Place>) -> Vec<Selected> {
    let mut needs: BTreeMap<&PackageName, BTreeSet<PackageName>> = BTreeMap::new();
    let mut releases: BTreeMap<&PackageName, &Release> = BTreeMap::new();
    for (item, place) in chosen {
        let Some(name) = item.name() else { continue };
        let needed = problem.requirements(item, *place).iter().map(|requirement| requirement.name.clone());
        needs.entry(name).or_default().extend(needed.filter(|needed| needed != name));
        // What is installed has no release here.
        let release = problem.candidates(name).and_then(|candidates| candidates.at(*place)?.release);
        releases.extend(release.map(|release| (name, release)));
    }
    let requested: BTreeSet<&PackageName> = problem.request.wanted.iter().map(|wanted| &wanted.name).collect();
    let one = |(name, release): (&PackageName, &Release)| Selected {
        name: name.clone(),
        release: release.clone(),
        requested: requested.contains(name),
        needs: needs.remove(name).unwrap_or_default(),
    };
    releases.into_iter().map(one).collect()
}
