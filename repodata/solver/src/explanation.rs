//! From pubgrub's proof that there is no solution to the demands that exclude each other.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use pkgsrv_index::{Demand, DemandedBy, Offered, PackageName, ProjectError, Requirement, listed_first};
use pubgrub::{DerivationTree, External, VersionSet};

use crate::candidates::Candidates;
use crate::error::{SolveError, Standing};
use crate::item::Item;
use crate::problem::Problem;
use crate::release_set::{Place, ReleaseSet};

type Tree = DerivationTree<Item, ReleaseSet, &'static str>;
type Leaf = External<Item, ReleaseSet, &'static str>;

/// The proof's premises are the shortest thing to say: together they cannot hold, and people see why. Its steps would
/// say everything twice.
pub(crate) fn explain(problem: &Problem<'_>, tree: Tree) -> SolveError {
    let facts = Facts::new(problem, &leaves(tree));
    let disputed = facts.disputed(problem);
    if let (Some(name), 1) = (disputed.first(), disputed.len())
        && let Some(error) = facts.about_one(problem, name)
    {
        return error.into();
    }
    let disputed = disputed.into_iter().filter_map(|name| Some((name.clone(), standing(problem, &name)?))).collect();
    SolveError::NoSolution { demands: facts.in_order(problem), disputed }
}

/// The premises of a proof. The tree is taken apart afterwards: dropped as it is, its depth, which is an outsider's
/// choice, would be that of the stack.
fn leaves(tree: Tree) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    let mut seen = HashSet::new();
    let mut held = Vec::new();
    let mut stack = vec![Arc::new(tree)];
    while let Some(tree) = stack.pop() {
        if !seen.insert(Arc::as_ptr(&tree)) {
            continue;
        }
        match &*tree {
            DerivationTree::External(leaf) => leaves.push(leaf.clone()),
            DerivationTree::Derived(derived) => {
                stack.extend([Arc::clone(&derived.cause1), Arc::clone(&derived.cause2)]);
            }
        }
        held.push(tree);
    }
    while let Some(tree) = held.pop() {
        // Its last holder takes it apart before it is dropped.
        if let Some(DerivationTree::Derived(derived)) = Arc::into_inner(tree) {
            held.extend([derived.cause1, derived.cause2]);
        }
    }
    leaves
}

/// Who asks for which versions of what, each once, with the releases that do.
#[derive(Default)]
struct Facts(BTreeMap<Fact, BTreeSet<Place>>);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Fact {
    /// `None` for the request.
    by: Option<PackageName>,
    on: PackageName,
    /// Requirements know no order.
    text: String,
}

impl Facts {
    fn new(problem: &Problem<'_>, leaves: &[Leaf]) -> Self {
        let mut facts = Self::default();
        for leaf in leaves {
            match leaf {
                External::FromDependencyOf(by, places, on, set) => {
                    let Some(on) = on.name() else { continue };
                    facts.add(problem, by, places, |requirement| {
                        requirement.name == *on && problem.set(requirement).as_ref() == Some(set)
                    });
                }
                // A release that needs another version of itself.
                External::Custom(by, places, _) => {
                    facts.add(problem, by, places, |requirement| Some(&requirement.name) == by.name());
                }
                External::NotRoot(..) | External::NoVersions(..) => {}
            }
        }
        facts
    }

    fn add(&mut self, problem: &Problem<'_>, by: &Item, set: &ReleaseSet, is_meant: impl Fn(&Requirement) -> bool) {
        for place in places(problem, by, set) {
            for requirement in problem.requirements(by, place).iter().filter(|requirement| is_meant(requirement)) {
                let fact = Fact { by: by.name().cloned(), on: requirement.name.clone(), text: requirement.to_string() };
                self.0.entry(fact).or_default().insert(place);
            }
        }
    }

    /// Projects of which no release satisfies all that is said about them.
    fn disputed(&self, problem: &Problem<'_>) -> BTreeSet<PackageName> {
        let mut left: BTreeMap<&PackageName, ReleaseSet> = BTreeMap::new();
        for fact in self.0.keys() {
            let set = fact.requirement().and_then(|requirement| problem.set(&requirement));
            let left = left.entry(&fact.on).or_insert_with(ReleaseSet::full);
            *left = left.intersection(&set.unwrap_or_else(ReleaseSet::full));
        }
        let is_empty = |name: &PackageName, set: &ReleaseSet| {
            problem.candidates(name).is_some_and(|candidates| candidates.allowed(set).next().is_none())
        };
        left.into_iter().filter(|(name, set)| is_empty(name, set)).map(|(name, _)| name.clone()).collect()
    }

    /// Where all turns about one project, who asks for it is all there is to say. `None` if some release asks one thing
    /// and another release of the same project another thing: then it is not all.
    fn about_one(&self, problem: &Problem<'_>, name: &PackageName) -> Option<ProjectError> {
        let facts = || self.0.iter().filter(|(fact, _)| fact.on == *name);
        let standing = standing(problem, name)?;
        if standing == Standing::Absent {
            let by = facts().next().map_or(DemandedBy::Request, |(fact, places)| fact.demanded_by(problem, places));
            return Some(ProjectError::UnknownPackage { name: name.clone(), by, nearest: Vec::new() });
        }
        // Why these releases ask and not others of their projects would be left open.
        if self.0.keys().any(|fact| fact.on != *name && fact.restricts(problem)) {
            return None;
        }
        let askers: BTreeSet<_> = facts().filter_map(|(fact, _)| fact.by.as_ref()).collect();
        if askers.len() < facts().filter(|(fact, _)| fact.by.is_some()).count() {
            return None;
        }
        let mut demands: Vec<Demand> = facts().filter_map(|(fact, places)| fact.demand(problem, places)).collect();
        match standing {
            Standing::Absent => None,
            Standing::Installed(installed) => {
                demands.retain(|demand| !demand.requirement.specifiers.contains(&installed));
                Some(ProjectError::InstalledConflict { name: name.clone(), installed, demands })
            }
            Standing::Offered(available) => {
                demands.extend(constraints(problem, name));
                Some(ProjectError::NoVersionFits { name: name.clone(), demands, available })
            }
        }
    }

    /// All of them, from the request downwards, and the constraints of what they are about.
    fn in_order(&self, problem: &Problem<'_>) -> Vec<Demand> {
        let mut order = Vec::new();
        let mut reached = BTreeSet::from([None]);
        let mut rest: Vec<_> = self.0.iter().collect();
        while !rest.is_empty() {
            let (next, later): (Vec<_>, Vec<_>) = rest.iter().partition(|(fact, _)| reached.contains(&fact.by));
            // What nothing leads to would be left for ever.
            let (next, later) = if next.is_empty() { (later, next) } else { (next, later) };
            reached.extend(next.iter().map(|(fact, _)| Some(fact.on.clone())));
            order.extend(next);
            rest = later;
        }
        let about: BTreeSet<&PackageName> = self.0.keys().map(|fact| &fact.on).collect();
        let demands = order.into_iter().filter_map(|(fact, places)| fact.demand(problem, places));
        demands.chain(about.into_iter().flat_map(|name| constraints(problem, name))).collect()
    }
}

impl Fact {
    fn requirement(&self) -> Option<Requirement> {
        self.text.parse().ok()
    }

    /// Whether it, or a constraint, leaves out some releases of what it is about.
    fn restricts(&self, problem: &Problem<'_>) -> bool {
        let set = self.requirement().and_then(|requirement| problem.set(&requirement)).unwrap_or_else(ReleaseSet::full);
        let excludes = |candidates: &Candidates<'_>| candidates.placed().count() > candidates.allowed(&set).count();
        problem.candidates(&self.on).is_some_and(|candidates| excludes(&candidates))
    }

    fn demand(&self, problem: &Problem<'_>, places: &BTreeSet<Place>) -> Option<Demand> {
        Some(Demand { by: self.demanded_by(problem, places), requirement: self.requirement()? })
    }

    fn demanded_by(&self, problem: &Problem<'_>, places: &BTreeSet<Place>) -> DemandedBy {
        const MOST: usize = 4;
        let Some(name) = &self.by else { return DemandedBy::Request };
        let Some(candidates) = problem.candidates(name) else { return DemandedBy::Releases(name.to_string()) };
        let versions: Vec<_> =
            places.iter().filter_map(|place| Some(candidates.at(*place)?.version.to_string())).collect();
        let is_all = versions.len() > 1 && versions.len() == candidates.placed().count();
        let versions = if is_all {
            format!("every version of {name}")
        } else {
            format!("{name} {}", listed_first(&versions, MOST))
        };
        DemandedBy::Releases(versions)
    }
}

/// The releases of an item in a set.
fn places(problem: &Problem<'_>, item: &Item, set: &ReleaseSet) -> Vec<Place> {
    let Some(name) = item.name() else { return vec![Place::REQUEST] };
    let candidates = problem.candidates(name);
    let places = candidates.iter().flat_map(|candidates| candidates.placed());
    places.map(|(place, _)| place).filter(|place| set.contains(place)).collect()
}

fn constraints(problem: &Problem<'_>, name: &PackageName) -> Vec<Demand> {
    let candidates = problem.candidates(name);
    let limits = candidates.iter().flat_map(|candidates| candidates.constraints.iter());
    limits.map(|limit| Demand { by: DemandedBy::Constraint, requirement: (*limit).clone() }).collect()
}

fn standing(problem: &Problem<'_>, name: &PackageName) -> Option<Standing> {
    let candidates = problem.candidates(name)?;
    let mut all = candidates.placed().map(|(_, candidate)| candidate);
    if candidates.is_installed {
        return all.next().map(|candidate| Standing::Installed(candidate.version.clone()));
    }
    let offered: Vec<Offered> = all.filter_map(|candidate| candidate.release).map(Offered::of).collect();
    Some(if offered.is_empty() { Standing::Absent } else { Standing::Offered(offered) })
}
