//! Sorting, by one piece of code for whatever is sorted: it is some kilobytes for each type, and browsers download this.

use std::cmp::Ordering;

/// The items in order; equal ones stay as they were.
pub(crate) fn sorted<T>(items: Vec<T>, compare: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    sort(&mut order, &|one, other| compare(&items[one], &items[other]));
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    order.into_iter().filter_map(|place| items[place].take()).collect()
}

fn sort(order: &mut [usize], compare: &dyn Fn(usize, usize) -> Ordering) {
    order.sort_by(|one, other| compare(*one, *other));
}

#[cfg(test)]
mod tests {
    use super::sorted;

    #[test]
    fn equal_ones_stay_as_they_were() {
        let given = vec![(2, "a"), (1, "b"), (2, "c"), (1, "d"), (0, "e")];
        let expected = [(0, "e"), (1, "b"), (1, "d"), (2, "a"), (2, "c")];
        assert_eq!(sorted(given, |one, other| one.0.cmp(&other.0)), expected);
        assert_eq!(sorted(Vec::<i32>::new(), i32::cmp), []);
    }
}
