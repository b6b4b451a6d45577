//! A line's repodata, as far as it has been brought.

use std::collections::{BTreeMap, BTreeSet};

use pkgsrv_index::tree::{LeafLimits, Node, NodeRef};
use pkgsrv_index::{
    Abi, Closure, ClosureError, Digest, PackageName, ProjectError, Releases, RepodataNode, Requirement, RuntimeInfo,
    StoredHead, Version, closure, nearest, read_repodata,
};
use serde::{Deserialize, Serialize};

use crate::{CoreError, Installed, Selection};

/// Largest node that is asked for, bytes.
const LARGEST: u64 = 64 << 20;
/// With more nodes than this, those of earlier heads are given up.
const MOST_KEPT: usize = 1000;
/// Most nodes that one answer may take. A channel of millions of files needs some for each package.
const MOST_NODES: usize = 100_000;

/// The head of a line, and the nodes at hand.
#[derive(Debug)]
pub struct Repodata {
    head: StoredHead,
    /// Where the blobs are; heads of format 1 do not say.
    blobs: Option<String>,
    nodes: BTreeMap<Digest, RepodataNode>,
}

/// A node that has to be brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NeededNode {
    /// SHA-256 of its bytes; it lies at `{sha256}.json` beside the head.
    pub sha256: Digest,
    /// Its size, bytes.
    pub size: u64,
}

/// What could be told with the nodes at hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Resolution {
    /// The wheels to install, dependencies first.
    Selected(Vec<Selection>),
    /// Nodes to bring before asking again.
    Needs(BTreeSet<NeededNode>),
}

/// What of a head is read to tell a line that this loader does not know from damage.
#[derive(Deserialize)]
struct Line {
    abi: String,
}

impl Repodata {
    /// Reads a head; that of a line with an unknown ABI is refused as such.
    pub fn new(head: &[u8]) -> Result<Self, CoreError> {
        let head = read_head(head)?;
        let blobs = blobs_of(&head);
        Ok(Self { head, blobs, nodes: BTreeMap::new() })
    }

    /// Takes a newer head. Nodes are kept as far as they are few: they are named by what they contain.
    pub fn set_head(&mut self, head: &[u8]) -> Result<(), CoreError> {
        self.head = read_head(head)?;
        if self.nodes.len() > MOST_KEPT {
            self.nodes.clear();
        }
        if let Some(blobs) = blobs_of(&self.head) {
            self.blobs = Some(blobs);
        }
        Ok(())
    }

    /// The ABI.
    pub fn abi(&self) -> Abi {
        self.head.abi()
    }

    /// Address of the blobs, relative to the head; `None` while it is not known, which is only before a [`Resolution`].
    pub fn blobs(&self) -> Option<&str> {
        self.blobs.as_deref()
    }

    /// Address of the directory with the runtime's files, relative to the head; heads of format 1 do not say.
    pub fn runtime(&self) -> Option<String> {
        let StoredHead::Trees(head) = &self.head else { return None };
        let RuntimeInfo { name, version, .. } = &head.runtime;
        Some(format!("{}../runtime/{name}/{version}/", head.blobs))
    }

    /// The root of a repodata that is more than one node: then a server can send all nodes for a request at once.
    pub fn branching_root(&self) -> Option<Digest> {
        self.root().filter(|root| root.weight > LeafLimits::SHARED.root && root.entries > 1).map(|root| root.sha256)
    }

    /// Adds a node. The caller has checked that the digest is that of the bytes.
    pub fn add(&mut self, sha256: Digest, bytes: &[u8]) -> Result<(), CoreError> {
        let (node, blobs) = read_repodata(bytes).map_err(|source| CoreError::Repodata { source })?;
        if let Some(blobs) = blobs {
            self.blobs = Some(blobs);
        }
        self.nodes.insert(sha256, node);
        Ok(())
    }

    /// The wheels to install for `wanted`, without what `installed` satisfies.
    pub fn resolve(&self, wanted: &[String], installed: &[Installed]) -> Result<Resolution, CoreError> {
        let wanted = wanted.iter().map(|text| text.parse::<Requirement>());
        let wanted = wanted.collect::<Result<Vec<_>, _>>().map_err(|source| CoreError::Requirement { source })?;
        let installed = known(installed);
        let root = self.root();
        let mut releases = Releases::default();
        loop {
            match closure(&releases, &wanted, &installed) {
                Ok(Closure::Complete(selected)) => {
                    return Ok(Resolution::Selected(selected.into_iter().map(Selection::from).collect()));
                }
                Ok(Closure::Needs(names)) => {
                    let missing = releases.bring(root.as_ref(), &self.nodes, names);
                    if !missing.is_empty() {
                        let needed =
                            missing.into_iter().map(|NodeRef { sha256, size, .. }| NeededNode { sha256, size });
                        return self.needs(needed.collect());
                    }
                }
                Err(error) => return Err(self.with_nearest(error).into()),
            }
        }
    }

    fn needs(&self, needed: BTreeSet<NeededNode>) -> Result<Resolution, CoreError> {
        if let Some(node) = needed.iter().find(|node| node.size > LARGEST) {
            return Err(CoreError::TooLarge { what: format!("{} bytes in one node", node.size) });
        }
        if self.nodes.len() + needed.len() > MOST_NODES {
            return Err(CoreError::TooLarge { what: format!("more than {MOST_NODES} nodes for one request") });
        }
        Ok(Resolution::Needs(needed))
    }

    fn root(&self) -> Option<NodeRef> {
        match &self.head {
            StoredHead::Trees(head) => head.trees.repodata,
            // One document counts as a root without children.
            StoredHead::Whole(head) => {
                Some(NodeRef { sha256: head.repodata.sha256, size: head.repodata.size, entries: 0, weight: 0 })
            }
        }
    }

    /// Looks for like names among all that is at hand.
    fn with_nearest(&self, error: ClosureError) -> ClosureError {
        let ClosureError::Project(ProjectError::UnknownPackage { name, by, .. }) = error else { return error };
        let leaves = self.nodes.values().filter_map(|node| if let Node::Leaf(leaf) = node { Some(leaf) } else { None });
        let nearest = nearest(&name, leaves.flat_map(BTreeMap::keys));
        ProjectError::UnknownPackage { name, by, nearest }.into()
    }
}

fn read_head(bytes: &[u8]) -> Result<StoredHead, CoreError> {
    StoredHead::from_bytes(bytes).map_err(|source| {
        let line = serde_json::from_slice::<Line>(bytes).ok();
        let unknown = line.and_then(|line| line.abi.parse::<Abi>().err());
        CoreError::Repodata { source: unknown.unwrap_or(source) }
    })
}

fn blobs_of(head: &StoredHead) -> Option<String> {
    match head {
        StoredHead::Trees(head) => Some(head.blobs.clone()),
        StoredHead::Whole(_) => None,
    }
}

/// What is installed under a name or version outside the specifications cannot be compared, and is left alone.
fn known(installed: &[Installed]) -> BTreeMap<PackageName, Version> {
    let known = installed.iter().filter_map(|installed| {
        let name = installed.name.parse::<PackageName>().ok()?;
        Some((name, installed.version.parse::<Version>().ok()?))
    });
    known.collect()
}
