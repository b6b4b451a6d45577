//! Sorted maps that are stored as many small immutable objects, so that a reader fetches only the part that it asks
//! about, and a change writes only the path to what it changes.
//!
//! A node is a leaf with entries, or a branch with up to 16 children, one per hexadecimal digit. An entry belongs to the
//! leaf whose position, digits from the root on, begins the SHA-256 of its key. However a tree came to be, equal maps have
//! equal bytes and so one digest.

mod change;
mod differences;
mod node;
mod read;

pub use change::{ChangedTree, Changes, WrittenNode, change};
pub use differences::{Differences, differences};
pub use node::{Node, NodeRef, Position};
pub use read::{Found, find, for_each, get};

/// Levels below the root. Keys that share so many digits are not met by chance.
const DEEPEST: usize = 16;

/// How many bytes of entries a leaf may have. A leaf that is too large for one entry more is divided; one entry alone may
/// have any size. Which nodes there are follows from the entries and these numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeafLimits {
    /// At the root: up to this, the tree is one object.
    pub root: u64,
    /// Anywhere else.
    pub below: u64,
}

impl LeafLimits {
    /// Of trees whose nodes go through networks: a small channel takes one request, in a large one a project costs little.
    pub const SHARED: Self = Self { root: 64 << 10, below: 8 << 10 };
    /// Of trees that only the server reads: fewer files.
    pub const INDEX: Self = Self { root: 64 << 10, below: 64 << 10 };

    const fn at(self, depth: usize) -> u64 {
        if depth == 0 { self.root } else { self.below }
    }
}
