//! In which order to decide.

use std::collections::{HashMap, HashSet};

use crate::item::Item;
use crate::problem::Problem;
use crate::release_set::{Place, count_decision};

/// Numbers every item that the best releases lead to, so that who needs comes before what is needed, as far as there are
/// no circles.
pub(crate) fn ranks(problem: &Problem<'_>) -> HashMap<Item, u32> {
    let mut seen = HashSet::new();
    let mut finished = Vec::new();
    // An explicit stack: the depth of a dependency chain is an outsider's choice.
    let mut stack = vec![(Item::Request, Some(Place::REQUEST))];
    while let Some((item, place)) = stack.pop() {
        let Some(place) = place else {
            finished.push(item);
            continue;
        };
        if !seen.insert(item.clone()) {
            continue;
        }
        count_decision();
        let mut needed = problem.needed(&item, place).unwrap_or_default();
        needed.sort_by(|(one, _), (other, _)| one.cmp(other));
        stack.push((item, None));
        let next = needed.into_iter().filter_map(|(item, set)| {
            let best = problem.best(&item, &set)?;
            Some((item, Some(best)))
        });
        stack.extend(next);
    }
    finished.into_iter().rev().zip(0..).collect()
}
