//! Sorted maps that are stored as many small immutable objects, so that a reader fetches only the part that it asks
//! about, and a change writes only the path to what it changes.
//!
//! A node is a leaf with entries, or a branch with up to 16 children, one per hexadecimal digit. An entry belongs to the
//! leaf whose position, digits from the root on, begins the SHA-256 of its key. Which nodes there are follows from the
//! entries alone: however a tree came to be, equal maps have equal bytes and so one digest.

mod change;
mod differences;
mod node;
mod read;

pub use change::{ChangedTree, Changes, WrittenNode, change};
pub use differences::{Differences, differences};
pub use node::{Node, NodeRef, Position};
pub use read::{Found, find, for_each};

/// Up to this many bytes of entries the root is a leaf: a small map is one object.
const ROOT_LIMIT: u64 = 64 << 10;
/// Up to this many bytes of entries any other node is a leaf.
const LEAF_LIMIT: u64 = 8 << 10;
/// Levels below the root. Keys that share so many digits are not met by chance.
const DEEPEST: usize = 16;

/// How many bytes of entries a leaf may have at this many levels below the root.
const fn limit(depth: usize) -> u64 {
    if depth == 0 { ROOT_LIMIT } else { LEAF_LIMIT }
}
