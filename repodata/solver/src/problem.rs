//! A request over what is known, as pubgrub asks about it.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use pkgsrv_index::{PackageName, Requirement, VersionSpecifiers};
use pubgrub::{Dependencies, DependencyProvider, PackageResolutionStatistics, VersionSet};

use crate::candidates::Candidates;
use crate::item::Item;
use crate::ranks::ranks;
use crate::release_set::{Place, ReleaseSet, count_decision, operations};
use crate::request::{Known, Request};

/// Operations on sets that a search may take. What people ask for takes some thousands; repodata that is made to take
/// exponential time ends here, within seconds.
const MOST_OPERATIONS: u64 = 20_000_000;

/// The count of operations at which a search that begins now is given up.
pub(crate) fn end() -> u64 {
    operations() + MOST_OPERATIONS
}

/// Conflicts of a project after which it is decided earlier than its rank says.
const CONFLICTS: u32 = 16;

/// The search was given up.
#[derive(Debug, thiserror::Error)]
#[error("no end after {MOST_OPERATIONS} operations")]
pub(crate) struct GivenUp;

/// What is needed of one item: `Err` if the release excludes itself.
type Needed = Result<Vec<(Item, ReleaseSet)>, &'static str>;

pub(crate) struct Problem<'a> {
    pub(crate) request: &'a Request,
    pub(crate) known: &'a Known,
    /// Projects whose yanked releases only those may take who pin them themselves.
    strict: BTreeSet<PackageName>,
    ranks: HashMap<Item, u32>,
    candidates: RefCell<HashMap<PackageName, Rc<Candidates<'a>>>>,
    sets: RefCell<HashMap<(PackageName, VersionSpecifiers), ReleaseSet>>,
    /// Where each project stood when it was last looked at, so that its extras choose alike.
    glimpsed: RefCell<HashMap<PackageName, ReleaseSet>>,
    missing: RefCell<BTreeSet<PackageName>>,
    /// The count at which the search is given up.
    end: u64,
}

impl<'a> Problem<'a> {
    /// Gives up where the count of operations has come to `end`.
    pub(crate) fn new(request: &'a Request, known: &'a Known, end: u64) -> Self {
        let mut problem = Self {
            request,
            known,
            strict: BTreeSet::new(),
            ranks: HashMap::new(),
            candidates: RefCell::default(),
            sets: RefCell::default(),
            glimpsed: RefCell::default(),
            missing: RefCell::default(),
            end,
        };
        problem.ranks = ranks(&problem);
        problem
    }

    /// Allows yanked releases of these projects to those only who pin them themselves.
    pub(crate) fn restrict(&mut self, names: BTreeSet<PackageName>) {
        self.strict.extend(names);
        self.sets.borrow_mut().clear();
    }

    /// Every project that was met and of which nothing is known.
    pub(crate) fn missing(&self) -> BTreeSet<PackageName> {
        self.missing.borrow().clone()
    }

    /// What there is of a project; `None`, which is noted, if that has to be brought first.
    pub(crate) fn candidates(&self, name: &PackageName) -> Option<Rc<Candidates<'a>>> {
        if let Some(candidates) = self.candidates.borrow().get(name) {
            return Some(Rc::clone(candidates));
        }
        let Some(candidates) = Candidates::new(name, self.request, self.known) else {
            self.missing.borrow_mut().insert(name.clone());
            return None;
        };
        let candidates = Rc::new(candidates);
        self.candidates.borrow_mut().insert(name.clone(), Rc::clone(&candidates));
        Some(candidates)
    }

    /// What satisfies a requirement; `None` if that cannot be known yet.
    pub(crate) fn set(&self, requirement: &Requirement) -> Option<ReleaseSet> {
        let key = (requirement.name.clone(), requirement.specifiers.clone());
        if let Some(set) = self.sets.borrow().get(&key) {
            return Some(set.clone());
        }
        let is_strict = self.strict.contains(&requirement.name);
        let set = self.candidates(&requirement.name)?.set(&requirement.specifiers, is_strict);
        self.sets.borrow_mut().insert(key, set.clone());
        Some(set)
    }

    /// The requirements of an item as they are written.
    pub(crate) fn requirements(&self, item: &Item, place: Place) -> &'a [Requirement] {
        match item {
            Item::Request => &self.request.wanted,
            Item::Project(name) => {
                let candidates = self.candidates(name);
                let release = candidates.and_then(|candidates| candidates.at(place)?.release);
                release.map(|release| release.depends.as_slice()).unwrap_or_default()
            }
            Item::Extra(name, extra) => {
                let Some(candidates) = self.candidates(name) else { return &[] };
                let release = match candidates.at(place) {
                    Some(candidate) if candidates.is_installed => {
                        let Some(releases) = self.known.get(name) else {
                            self.missing.borrow_mut().insert(name.clone());
                            return &[];
                        };
                        releases.iter().find(|release| release.version == *candidate.version)
                    }
                    candidate => candidate.and_then(|candidate| candidate.release),
                };
                release.and_then(|release| release.extras.get(extra)).map(Vec::as_slice).unwrap_or_default()
            }
        }
    }

    /// The same as items and sets. Projects of which nothing is known are left out: a solution without them is none,
    /// but what it meets on its way is what has to be brought next.
    pub(crate) fn needed(&self, item: &Item, place: Place) -> Needed {
        let mut needed = Vec::new();
        if let Item::Extra(name, _) = item {
            needed.push((Item::Project(name.clone()), ReleaseSet::singleton(place)));
        }
        for requirement in self.requirements(item, place) {
            let Some(set) = self.set(requirement) else { continue };
            let name = &requirement.name;
            let extras = requirement.extras.iter().map(|extra| Item::Extra(name.clone(), extra.clone()));
            for other in extras.chain([Item::Project(name.clone())]) {
                if other != *item {
                    needed.push((other, set.clone()));
                } else if !set.contains(&place) {
                    return Err("it needs another version of itself");
                }
            }
        }
        Ok(needed)
    }

    /// How many candidates a set leaves.
    fn count(&self, item: &Item, set: &ReleaseSet) -> usize {
        let candidates = item.name().and_then(|name| self.candidates(name));
        candidates.map_or(1, |candidates| candidates.allowed(set).count())
    }

    /// The release to take of a set.
    pub(crate) fn best(&self, item: &Item, set: &ReleaseSet) -> Option<Place> {
        let Some(name) = item.name() else { return Some(Place::REQUEST) };
        let candidates = self.candidates(name)?;
        if let Item::Extra(..) = item
            && let Some(of_base) = self.glimpsed.borrow().get(name)
            && let Some(place) = candidates.best(&set.intersection(of_base))
        {
            return Some(place);
        }
        candidates.best(set)
    }

    fn glimpse(&self, item: &Item, set: impl FnOnce() -> ReleaseSet) {
        if let Item::Project(name) = item {
            self.glimpsed.borrow_mut().insert(name.clone(), set());
        }
    }
}

impl DependencyProvider for Problem<'_> {
    type P = Item;
    type V = Place;
    type VS = ReleaseSet;
    type Priority = (Reverse<usize>, u32, Reverse<u32>);
    type M = &'static str;
    type Err = GivenUp;

    /// Who needs something is decided before what it needs: then all who ask for a project have spoken when its release
    /// is chosen. Where nothing is to choose, that is found out first.
    fn prioritize(&self, item: &Item, set: &ReleaseSet, conflicts: &PackageResolutionStatistics) -> Self::Priority {
        self.glimpse(item, || set.clone());
        let rank = self.ranks.get(item).copied().unwrap_or(u32::MAX);
        (Reverse(self.count(item, set).min(2)), conflicts.conflict_count() / CONFLICTS, Reverse(rank))
    }

    fn choose_version(&self, item: &Item, set: &ReleaseSet) -> Result<Option<Place>, GivenUp> {
        let best = self.best(item, set);
        if let Some(place) = best {
            self.glimpse(item, || ReleaseSet::singleton(place));
        }
        Ok(best)
    }

    fn get_dependencies(
        &self,
        item: &Item,
        place: &Place,
    ) -> Result<Dependencies<Item, ReleaseSet, &'static str>, GivenUp> {
        Ok(match self.needed(item, *place) {
            Ok(needed) => Dependencies::Available(needed.into_iter().collect()),
            Err(reason) => Dependencies::Unavailable(reason),
        })
    }

    fn should_cancel(&self) -> Result<(), GivenUp> {
        count_decision();
        if operations() > self.end { Err(GivenUp) } else { Ok(()) }
    }
}
