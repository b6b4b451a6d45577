//! Sets of a project's releases.

use std::cell::Cell;
use std::fmt;

use pubgrub::VersionSet;
use smallvec::SmallVec;

thread_local! {
    static OPERATIONS: Cell<u64> = const { Cell::new(0) };
}

/// How many operations on sets this thread has done so far. They are what a search consists of: where each step is as
/// cheap as the last, steps could be counted, but what was learned on the way makes them ever dearer.
pub(crate) fn operations() -> u64 {
    OPERATIONS.get()
}

/// Counts one decision, which costs as much as some operations, however few it takes.
pub(crate) fn count_decision() {
    OPERATIONS.set(OPERATIONS.get() + 50);
}

fn count() {
    OPERATIONS.set(OPERATIONS.get() + 1);
}

/// A release by its place in the project's list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place(u32);

impl Place {
    /// No release: it is in the set of every requirement that names no pre-release. Whether it is left when all
    /// requirements are joined tells whether one of them does.
    pub(crate) const NO_PRERELEASE_NAMED: Self = Self(0);
    /// The only version of the request itself.
    pub(crate) const REQUEST: Self = Self(1);

    /// The release with this index.
    ///
    /// # Panics
    /// With more releases than memory can hold.
    pub(crate) fn of(index: usize) -> Self {
        Self(u32::try_from(index + 1).expect("fewer than 2^32 releases"))
    }

    /// The release's index; `None` if it stands for none.
    pub(crate) fn index(self) -> Option<usize> {
        self.0.checked_sub(1).map(|index| index as usize)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Places, some by name or all but some by name: the complement of a set has no end. Equal sets have equal fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReleaseSet {
    /// Two words hold the releases of nearly every project.
    words: SmallVec<[u64; 2]>,
    /// Whether the places past the last word are in it.
    is_endless: bool,
}

const fn filled(bit: bool) -> u64 {
    if bit { u64::MAX } else { 0 }
}

impl ReleaseSet {
    fn new(mut words: SmallVec<[u64; 2]>, is_endless: bool) -> Self {
        while words.last() == Some(&filled(is_endless)) {
            words.pop();
        }
        Self { words, is_endless }
    }

    fn word(&self, at: usize) -> u64 {
        self.words.get(at).copied().unwrap_or(filled(self.is_endless))
    }

    fn length(&self, other: &Self) -> usize {
        self.words.len().max(other.words.len())
    }

    /// Whether an operation leaves nothing.
    fn is_emptied(&self, other: &Self, operation: fn(u64, u64) -> u64) -> bool {
        count();
        // The word past the last one stands for all that follow.
        (0..=self.length(other)).all(|at| operation(self.word(at), other.word(at)) == 0)
    }

    fn combined(&self, other: &Self, operation: fn(u64, u64) -> u64) -> Self {
        count();
        let words = (0..self.length(other)).map(|at| operation(self.word(at), other.word(at))).collect();
        Self::new(words, operation(filled(self.is_endless), filled(other.is_endless)) != 0)
    }
}

impl FromIterator<Place> for ReleaseSet {
    fn from_iter<I: IntoIterator<Item = Place>>(places: I) -> Self {
        let mut words = SmallVec::new();
        for Place(place) in places {
            let at = place as usize / 64;
            words.resize(words.len().max(at + 1), 0);
            words[at] |= 1 << (place % 64);
        }
        Self::new(words, false)
    }
}

impl VersionSet for ReleaseSet {
    type V = Place;

    fn empty() -> Self {
        Self { words: SmallVec::new(), is_endless: false }
    }

    fn singleton(place: Place) -> Self {
        Self::from_iter([place])
    }

    fn complement(&self) -> Self {
        Self { words: self.words.iter().map(|word| !word).collect(), is_endless: !self.is_endless }
    }

    fn intersection(&self, other: &Self) -> Self {
        self.combined(other, |one, other| one & other)
    }

    fn contains(&self, place: &Place) -> bool {
        self.word(place.0 as usize / 64) >> (place.0 % 64) & 1 == 1
    }

    fn union(&self, other: &Self) -> Self {
        self.combined(other, |one, other| one | other)
    }

    fn is_disjoint(&self, other: &Self) -> bool {
        self.is_emptied(other, |one, other| one & other)
    }

    fn subset_of(&self, other: &Self) -> bool {
        self.is_emptied(other, |one, other| one & !other)
    }
}

/// For pubgrub's own log; people read versions.
impl fmt::Display for ReleaseSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.is_endless { "…" } else { "" };
        write!(f, "{:x?}{end}", self.words)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn sets() -> impl Strategy<Value = ReleaseSet> {
        let places = proptest::collection::btree_set((0u32..150).prop_map(Place), 0..8);
        (places, any::<bool>()).prop_map(|(places, is_complement)| {
            let set: ReleaseSet = places.into_iter().collect();
            if is_complement { set.complement() } else { set }
        })
    }

    fn members(set: &ReleaseSet) -> BTreeSet<u32> {
        (0..300).filter(|place| set.contains(&Place(*place))).collect()
    }

    proptest! {
        #[test]
        fn are_sets(one in sets(), other in sets()) {
            let (left, right) = (members(&one), members(&other));
            prop_assert_eq!(members(&one.union(&other)), &left | &right);
            prop_assert_eq!(members(&one.intersection(&other)), &left & &right);
            prop_assert_eq!(members(&one.complement()), &members(&ReleaseSet::full()) - &left);
            prop_assert_eq!(one == other, left == right);
            prop_assert_eq!(&one.complement().complement(), &one);
            prop_assert_eq!(one.subset_of(&other), left.is_subset(&right));
            prop_assert_eq!(one.is_disjoint(&other), left.is_disjoint(&right));
        }
    }
}
