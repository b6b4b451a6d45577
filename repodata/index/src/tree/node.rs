//! One node, and how others name it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::format::{FORMAT, from_json, to_json};
use crate::{Digest, IndexError};

/// Names a node, and says how much is below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRef {
    /// SHA-256 of its bytes, also its name.
    pub sha256: Digest,
    /// Its size, bytes.
    pub size: u64,
    /// Entries in it and below it.
    pub entries: u64,
    /// Bytes of these entries, as JSON.
    pub weight: u64,
}

/// Hexadecimal digits from the root to a node; empty at the root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(String);

impl Position {
    /// The position of a child.
    #[must_use]
    pub fn child(&self, digit: char) -> Self {
        Self(format!("{}{digit}", self.0))
    }

    /// The first levels of the way to a key, from the root's child on.
    pub fn way_to(key: &str, levels: usize) -> Vec<Self> {
        let way = way(key);
        (1..=levels.min(way.len())).map(|length| Self(way[..length].to_owned())).collect()
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The digits that lead to a key.
pub(super) fn way(key: &str) -> String {
    Digest::from_bytes(Sha256::digest(key).into()).to_string()
}

/// The digit that leads to a key from a node that is this many levels below the root.
pub(super) fn digit(key: &str, depth: usize) -> char {
    way(key).as_bytes().get(depth).map_or('0', |digit| char::from(*digit))
}

/// A node with its entries, or with the names of the nodes that have them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Node<K: Ord, V> {
    /// Entries by key.
    Leaf(BTreeMap<K, V>),
    /// Children by hexadecimal digit.
    Branch(BTreeMap<char, NodeRef>),
}

/// A node as it is stored, without the number of its format.
#[derive(Deserialize)]
#[serde(bound(deserialize = "K: Ord + Deserialize<'de>, V: Deserialize<'de>"))]
struct Read<K: Ord, V> {
    leaf: Option<BTreeMap<K, V>>,
    branch: Option<BTreeMap<char, NodeRef>>,
}

#[derive(Serialize)]
#[serde(bound(serialize = "K: Ord + Serialize, V: Serialize"))]
struct Written<'a, K: Ord, V> {
    format: u32,
    #[serde(flatten)]
    node: &'a Node<K, V>,
}

impl<K: Ord, V> Node<K, V> {
    /// Reads a node.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IndexError>
    where
        K: DeserializeOwned,
        V: DeserializeOwned,
    {
        const WHAT: &str = "index node";
        let inconsistent = |reason: String| Err(IndexError::Inconsistent { what: WHAT, reason });
        match from_json(WHAT, bytes)? {
            Read { leaf: Some(entries), branch: None } => Ok(Self::Leaf(entries)),
            Read { leaf: None, branch: Some(children) } => {
                match children.keys().find(|digit| !matches!(digit, '0'..='9' | 'a'..='f')) {
                    Some(digit) => inconsistent(format!("a child is called `{digit}`, expected a hexadecimal digit")),
                    None => Ok(Self::Branch(children)),
                }
            }
            Read { leaf: None, branch: None } => inconsistent("it has neither `leaf` nor `branch`".to_owned()),
            Read { .. } => inconsistent("it has both `leaf` and `branch`, expected one of them".to_owned()),
        }
    }

    /// Canonical JSON.
    pub(super) fn to_bytes(&self) -> Vec<u8>
    where
        K: Serialize,
        V: Serialize,
    {
        to_json(&Written { format: FORMAT, node: self })
    }
}

/// The bytes that an entry counts for.
pub(super) fn weight<K: AsRef<str>, V: Serialize>(key: &K, value: &V) -> u64 {
    (key.as_ref().len() + to_json(value).len()) as u64
}
