//! Looking for one entry, and walking over all.

use std::collections::BTreeMap;

use super::node::digit;
use super::{DEEPEST, Node, NodeRef};
use crate::{Digest, IndexError};

/// What a search among the nodes at hand has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<'a, V> {
    /// The entry.
    Entry(&'a V),
    /// There is no such entry.
    Nothing,
    /// This node has to be brought first.
    Needs(NodeRef),
}

/// Looks for a key among the nodes at hand, from the root on.
pub fn find<'a, K: Ord + AsRef<str>, V>(
    root: Option<&NodeRef>,
    nodes: &'a BTreeMap<Digest, Node<K, V>>,
    key: &K,
) -> Found<'a, V> {
    let Some(mut reference) = root.copied() else { return Found::Nothing };
    for depth in 0..=DEEPEST {
        match nodes.get(&reference.sha256) {
            None => return Found::Needs(reference),
            Some(Node::Leaf(entries)) => {
                return entries.get(key).map_or(Found::Nothing, Found::Entry);
            }
            Some(Node::Branch(children)) => {
                let Some(child) = children.get(&digit(key.as_ref(), depth)) else { return Found::Nothing };
                reference = *child;
            }
        }
    }
    Found::Nothing
}

/// The value of a key, `None` if there is no such entry; `read` brings the nodes on the way to it.
pub fn get<K: Ord + AsRef<str>, V: Clone, E>(
    root: Option<&NodeRef>,
    key: &K,
    mut read: impl FnMut(&NodeRef) -> Result<Node<K, V>, E>,
) -> Result<Option<V>, E> {
    let mut nodes: BTreeMap<Digest, Node<K, V>> = BTreeMap::new();
    loop {
        match find(root, &nodes, key) {
            Found::Entry(value) => return Ok(Some(value.clone())),
            Found::Nothing => return Ok(None),
            Found::Needs(node) => drop(nodes.insert(node.sha256, read(&node)?)),
        }
    }
}

/// Shows every entry below a node to `visit`; `read` brings the nodes. In order of the keys only where the root is a
/// leaf.
pub fn for_each<K: Ord, V, E: From<IndexError>>(
    root: Option<&NodeRef>,
    read: &mut impl FnMut(&NodeRef) -> Result<Node<K, V>, E>,
    visit: &mut impl FnMut(K, V),
) -> Result<(), E> {
    let mut pending: Vec<(NodeRef, usize)> = root.map(|root| (*root, 0)).into_iter().collect();
    while let Some((reference, depth)) = pending.pop() {
        match read(&reference)? {
            Node::Leaf(entries) => entries.into_iter().for_each(|(key, value)| visit(key, value)),
            Node::Branch(_) if depth == DEEPEST => return Err(too_deep(&reference).into()),
            Node::Branch(children) => pending.extend(children.into_values().rev().map(|child| (child, depth + 1))),
        }
    }
    Ok(())
}

/// A writer that keeps to the format goes on to no deeper level.
pub(super) fn too_deep(reference: &NodeRef) -> IndexError {
    let reason = format!("{} is a branch {DEEPEST} levels below the root, expected a leaf", reference.sha256);
    IndexError::Inconsistent { what: "index node", reason }
}
