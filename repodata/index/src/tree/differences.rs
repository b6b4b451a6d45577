//! What differs between two trees, without looking at what does not.

use std::collections::{BTreeMap, BTreeSet};

use super::read::too_deep;
use super::{DEEPEST, Node, NodeRef, for_each};
use crate::IndexError;

/// By key, the value before and after; `None` where there is none.
pub type Differences<K, V> = BTreeMap<K, (Option<V>, Option<V>)>;

/// Compares two trees node by node: what has equal digests is equal, and is not read. The two functions bring nodes of
/// the first and of the second.
pub fn differences<K: Ord + Clone, V: PartialEq, E: From<IndexError>>(
    before: Option<&NodeRef>,
    after: Option<&NodeRef>,
    read_before: &mut impl FnMut(&NodeRef) -> Result<Node<K, V>, E>,
    read_after: &mut impl FnMut(&NodeRef) -> Result<Node<K, V>, E>,
) -> Result<Differences<K, V>, E> {
    let mut found = BTreeMap::new();
    let mut pending = vec![(before.copied(), after.copied(), 0)];
    while let Some((before, after, depth)) = pending.pop() {
        if before.map(|node| node.sha256) == after.map(|node| node.sha256) {
            continue;
        }
        let first = before.map(|node| read_before(&node)).transpose()?;
        let second = after.map(|node| read_after(&node)).transpose()?;
        match (first, second) {
            (Some(Node::Branch(first)), Some(Node::Branch(second))) => {
                if let (DEEPEST, Some(node)) = (depth, before) {
                    return Err(too_deep(&node).into());
                }
                let digits: BTreeSet<char> = first.keys().chain(second.keys()).copied().collect();
                let child = |digit: &char| (first.get(digit).copied(), second.get(digit).copied(), depth + 1);
                pending.extend(digits.iter().map(child));
            }
            // One is a leaf where the other has grown, or is not there: few entries on at least one side.
            (first, second) => {
                let first = entries(first, read_before)?;
                let second = entries(second, read_after)?;
                compare(first, second, &mut found);
            }
        }
    }
    Ok(found)
}

fn entries<K: Ord, V, E: From<IndexError>>(
    node: Option<Node<K, V>>,
    read: &mut impl FnMut(&NodeRef) -> Result<Node<K, V>, E>,
) -> Result<BTreeMap<K, V>, E> {
    match node {
        None => Ok(BTreeMap::new()),
        Some(Node::Leaf(entries)) => Ok(entries),
        Some(Node::Branch(children)) => {
            let mut entries = BTreeMap::new();
            for child in children.values() {
                for_each(Some(child), read, &mut |key, value| drop(entries.insert(key, value)))?;
            }
            Ok(entries)
        }
    }
}

fn compare<K: Ord + Clone, V: PartialEq>(
    mut before: BTreeMap<K, V>,
    after: BTreeMap<K, V>,
    found: &mut Differences<K, V>,
) {
    for (key, after) in after {
        let before = before.remove(&key);
        if before.as_ref() != Some(&after) {
            found.insert(key, (before, Some(after)));
        }
    }
    found.extend(before.into_iter().map(|(key, before)| (key, (Some(before), None))));
}
