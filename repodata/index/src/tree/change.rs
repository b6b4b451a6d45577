//! What has to be written so that a tree has other entries.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::node::{digit, weight};
use super::read::too_deep;
use super::{DEEPEST, LeafLimits, Node, NodeRef, Position, for_each};
use crate::{Digest, IndexError};

/// New values by key; `None` removes.
pub type Changes<K, V> = BTreeMap<K, Option<V>>;

/// A tree after changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedTree {
    /// Its root; `None` if it has no entries.
    pub root: Option<NodeRef>,
    /// The nodes that it did not have before, children before their parents.
    pub written: Vec<WrittenNode>,
}

/// A node to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenNode {
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Where in the tree it is.
    pub position: Position,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Plans changes to a tree, which has always had these limits; `read` brings nodes that it has.
pub fn change<K, V, E>(
    root: Option<&NodeRef>,
    limits: LeafLimits,
    changes: Changes<K, V>,
    read: &mut impl FnMut(&NodeRef) -> Result<Node<K, V>, E>,
) -> Result<ChangedTree, E>
where
    K: Ord + Clone + AsRef<str> + Serialize + DeserializeOwned,
    V: Clone + PartialEq + Serialize + DeserializeOwned,
    E: From<IndexError>,
{
    let mut change = Change { read, limits, written: Vec::new() };
    let root = change.node(root.copied(), changes, &Position::default(), 0)?;
    Ok(ChangedTree { root, written: change.written })
}

struct Change<'a, R> {
    read: &'a mut R,
    limits: LeafLimits,
    written: Vec<WrittenNode>,
}

impl<R> Change<'_, R> {
    fn node<K, V, E>(
        &mut self,
        before: Option<NodeRef>,
        changes: Changes<K, V>,
        position: &Position,
        depth: usize,
    ) -> Result<Option<NodeRef>, E>
    where
        K: Ord + Clone + AsRef<str> + Serialize + DeserializeOwned,
        V: Clone + PartialEq + Serialize + DeserializeOwned,
        E: From<IndexError>,
        R: FnMut(&NodeRef) -> Result<Node<K, V>, E>,
    {
        let Some(reference) = before else { return Ok(self.whole(applied(BTreeMap::new(), changes), position, depth)) };
        if changes.is_empty() {
            return Ok(before);
        }
        match (self.read)(&reference)? {
            Node::Leaf(entries) => {
                let after = applied(entries.clone(), changes);
                Ok(if after == entries { before } else { self.whole(after, position, depth) })
            }
            Node::Branch(_) if depth == DEEPEST => Err(too_deep(&reference).into()),
            Node::Branch(mut children) => {
                for (digit, changes) in by_digit(changes, depth) {
                    let child = self.node(children.get(&digit).copied(), changes, &position.child(digit), depth + 1)?;
                    match child {
                        Some(child) => children.insert(digit, child),
                        None => children.remove(&digit),
                    };
                }
                self.branch_or_leaf(children, position, depth)
            }
        }
    }

    /// The nodes for these entries.
    fn whole<K, V>(&mut self, entries: BTreeMap<K, V>, position: &Position, depth: usize) -> Option<NodeRef>
    where
        K: Ord + Clone + AsRef<str> + Serialize,
        V: Clone + Serialize,
    {
        let total =
            Total { entries: entries.len() as u64, weight: entries.iter().map(|(key, it)| weight(key, it)).sum() };
        if total.is_leaf(self.limits, depth) {
            return (total.entries > 0).then(|| self.write(&Node::Leaf(entries), total, position));
        }
        let parts = by_digit(entries, depth).into_iter();
        let children: BTreeMap<char, NodeRef> = parts
            .filter_map(|(digit, part)| Some((digit, self.whole(part, &position.child(digit), depth + 1)?)))
            .collect();
        Some(self.write(&Node::<K, V>::Branch(children), total, position))
    }

    /// The node above these children; where they have become few, it takes their entries.
    fn branch_or_leaf<K, V, E>(
        &mut self,
        children: BTreeMap<char, NodeRef>,
        position: &Position,
        depth: usize,
    ) -> Result<Option<NodeRef>, E>
    where
        K: Ord + Clone + AsRef<str> + Serialize + DeserializeOwned,
        V: Clone + Serialize + DeserializeOwned,
        E: From<IndexError>,
        R: FnMut(&NodeRef) -> Result<Node<K, V>, E>,
    {
        let total = Total {
            entries: children.values().map(|child| child.entries).sum(),
            weight: children.values().map(|child| child.weight).sum(),
        };
        if !total.is_leaf(self.limits, depth) {
            return Ok(Some(self.write(&Node::<K, V>::Branch(children), total, position)));
        }
        let Self { read, written, .. } = self;
        // Some of them were planned just now, and are not stored.
        let mut bring = |reference: &NodeRef| match written.iter().find(|node| node.sha256 == reference.sha256) {
            Some(node) => Node::from_bytes(&node.bytes).map_err(E::from),
            None => read(reference),
        };
        let mut entries = BTreeMap::new();
        for child in children.values() {
            for_each(Some(child), &mut bring, &mut |key, value| drop(entries.insert(key, value)))?;
        }
        let is_below = |below: &Position| below != position && below.as_str().starts_with(position.as_str());
        written.retain(|node| !is_below(&node.position));
        Ok(self.whole(entries, position, depth))
    }

    fn write<K, V>(&mut self, node: &Node<K, V>, total: Total, position: &Position) -> NodeRef
    where
        K: Ord + Serialize,
        V: Serialize,
    {
        let bytes = node.to_bytes();
        let sha256 = Digest::from_bytes(Sha256::digest(&bytes).into());
        let size = bytes.len() as u64;
        self.written.push(WrittenNode { sha256, position: position.clone(), bytes });
        NodeRef { sha256, size, entries: total.entries, weight: total.weight }
    }
}

#[derive(Clone, Copy)]
struct Total {
    entries: u64,
    weight: u64,
}

impl Total {
    const fn is_leaf(self, limits: LeafLimits, depth: usize) -> bool {
        self.weight <= limits.at(depth) || self.entries <= 1 || depth == DEEPEST
    }
}

fn applied<K: Ord, V>(mut entries: BTreeMap<K, V>, changes: Changes<K, V>) -> BTreeMap<K, V> {
    for (key, value) in changes {
        match value {
            Some(value) => entries.insert(key, value),
            None => entries.remove(&key),
        };
    }
    entries
}

/// What belongs below each child of a node at this many levels below the root.
fn by_digit<K: Ord + AsRef<str>, V>(entries: BTreeMap<K, V>, depth: usize) -> BTreeMap<char, BTreeMap<K, V>> {
    let mut parts: BTreeMap<char, BTreeMap<K, V>> = BTreeMap::new();
    for (key, value) in entries {
        parts.entry(digit(key.as_ref(), depth)).or_default().insert(key, value);
    }
    parts
}
