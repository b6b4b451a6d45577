//! The nodes of a repodata that requirements lead to, for loaders that would else ask for them level by level.

use std::collections::{BTreeMap, BTreeSet};

use pkgsrv_index::tree::NodeRef;
use pkgsrv_index::{Closure, Digest, Releases, RepodataNode, Requirement, closure, read_repodata};

use crate::ServerError;
use crate::channel::Line;
use crate::store::digest_of;

/// A loader gets no more than this at once, bytes, and fetches the rest one by one.
const MOST_BYTES: usize = 4 << 20;

/// The nodes that the closure of `wanted` leads to from the node `root`, each as it is stored and a line, the root first;
/// `None` if there is no such root. Where there is no closure, the nodes that tell so.
pub(crate) fn nodes_of_closure(
    line: &Line,
    root: Digest,
    wanted: &[Requirement],
) -> Result<Option<Vec<u8>>, ServerError> {
    let root = NodeRef { sha256: root, size: 0, entries: 0, weight: 0 };
    let mut brought = Brought { line, nodes: BTreeMap::new(), lines: Vec::new() };
    if !brought.bring(root.sha256)? {
        return Ok(None);
    }
    let mut releases = Releases::default();
    while let Ok(Closure::Needs(names)) = closure(&releases, wanted, &[], &BTreeMap::new()) {
        let missing: BTreeSet<Digest> =
            releases.bring(Some(&root), &brought.nodes, names).into_iter().map(|node| node.sha256).collect();
        for sha256 in missing {
            if brought.lines.len() > MOST_BYTES || !brought.bring(sha256)? {
                return Ok(Some(brought.lines));
            }
        }
    }
    Ok(Some(brought.lines))
}

struct Brought<'a> {
    line: &'a Line,
    nodes: BTreeMap<Digest, RepodataNode>,
    lines: Vec<u8>,
}

impl Brought<'_> {
    /// Whether there is a node of this name. One that is damaged is as good as none: the loader would not take it.
    fn bring(&mut self, sha256: Digest) -> Result<bool, ServerError> {
        let Some(bytes) = self.line.published_node(sha256)?.filter(|bytes| digest_of(bytes) == sha256) else {
            return Ok(false);
        };
        // Modules are trees too, and other documents lie there.
        let Ok((node, _)) = read_repodata(&bytes) else { return Ok(false) };
        self.nodes.insert(sha256, node);
        self.lines.extend(bytes);
        self.lines.push(b'\n');
        Ok(true)
    }
}
