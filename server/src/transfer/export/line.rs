//! One line on both sides, and how they differ.

use std::collections::BTreeSet;

use pkgsrv_index::tree::{Differences, Node, NodeRef, differences};
use pkgsrv_index::{Abi, Digest, Head, PackageName, Project, Release, StoredHead, TreeRoots};
use serde::de::DeserializeOwned;

use crate::channel::Line;
use crate::store::digest_of;
use crate::transfer::TransferError;
use crate::transfer::history::{State, against};
use crate::transfer::target::{Seen, Target};
use crate::{ChannelName, ServerError, Store, StoredObject};

/// What a target lacks of a line.
#[derive(Debug)]
pub(super) struct LineExport {
    pub(super) abi: Abi,
    /// The head to be.
    pub(super) head: Vec<u8>,
    /// The target's head.
    pub(super) seen: Seen,
    /// Projects that differ.
    pub(super) projects: Differences<PackageName, Project>,
    /// Nodes that the target's trees do not have.
    pub(super) nodes: Vec<StoredObject>,
    /// Whether other projects have releases.
    pub(super) has_other_names: bool,
    pub(super) has_other_releases: bool,
}

/// Reads nodes of the target's trees: mostly they are of the line's own past, and here.
struct Theirs<'a> {
    store: &'a Store,
    target: &'a Target,
}

impl LineExport {
    /// Compares. With `force`, a target of another history counts as empty.
    pub(super) fn compare(
        store: &Store,
        channel: &ChannelName,
        line: &Line,
        target: &Target,
        force: bool,
    ) -> Result<Self, TransferError> {
        let abi = line.abi();
        let key = StoredObject::Head { channel: channel.clone(), abi }.path();
        let seen = target.see(&key)?;
        let before = match &seen.bytes {
            None => None,
            Some(bytes) => {
                let unusable = |source| TransferError::Format {
                    place: target.place(),
                    object: key.clone(),
                    source: Box::new(source),
                };
                Some(state_of(&StoredHead::from_bytes(bytes).map_err(unusable)?))
            }
        };
        let export = Self::differing(store, channel, line, target, before.map(|state| state.trees).unwrap_or_default());
        let export = match export {
            Err(_) if force => Self::differing(store, channel, line, target, TreeRoots::default())?,
            export => export?,
        };
        let after = State { serial: line.serial(), trees: *line.trees() };
        if let Some(before) = before.filter(|_| !force)
            && let Some(reason) = against(before, after, &export.projects)
        {
            return Err(TransferError::OtherHistory { place: target.place(), channel: channel.clone(), abi, reason });
        }
        Ok(Self { seen, ..export })
    }

    fn differing(
        store: &Store,
        channel: &ChannelName,
        line: &Line,
        target: &Target,
        before: TreeRoots,
    ) -> Result<Self, TransferError> {
        let abi = line.abi();
        let theirs = Theirs { store, target };
        let index = |sha256: Digest| StoredObject::Index { channel: channel.clone(), abi, sha256 };
        let shared = |sha256: Digest| StoredObject::Repodata { channel: channel.clone(), abi, sha256 };
        let mut nodes = Vec::new();
        let ours = line.trees();
        let trees = (before.index.as_ref(), ours.index.as_ref());
        let projects: Differences<PackageName, Project> =
            theirs.compare(trees, &index, |node| line.index_node(node), &mut nodes)?;
        let trees = (before.repodata.as_ref(), ours.repodata.as_ref());
        let releases: Differences<PackageName, Vec<Release>> =
            theirs.compare(trees, &shared, |node| line.shared_node(node), &mut nodes)?;
        let trees = (before.modules.as_ref(), ours.modules.as_ref());
        let _modules: Differences<String, BTreeSet<PackageName>> =
            theirs.compare(trees, &shared, |node| line.shared_node(node), &mut nodes)?;
        for (name, (_, after)) in &projects {
            after.as_ref().map_or(Ok(()), |project| project.check(name))?;
        }
        Ok(Self {
            abi,
            head: head_of(channel, line),
            seen: Seen::default(),
            has_other_names: releases.values().any(|(before, after)| before.is_some() != after.is_some()),
            has_other_releases: !releases.is_empty(),
            projects,
            nodes,
        })
    }

    /// Whether the target has another head.
    pub(super) fn is_changed(&self) -> bool {
        self.seen.bytes.as_deref() != Some(self.head.as_slice())
    }
}

/// A head of format 1 names no trees: such a target is written as if it were empty, and its serial still counts.
fn state_of(head: &StoredHead) -> State {
    match head {
        StoredHead::Trees(head) => State { serial: head.serial, trees: head.trees },
        StoredHead::Whole(head) => State { serial: head.serial.saturating_sub(1), trees: TreeRoots::default() },
    }
}

/// The line's head. One of format 1 names documents; its trees are exported, and named by a head of the current format.
fn head_of(channel: &ChannelName, line: &Line) -> Vec<u8> {
    match (line.unsaved(), line.head_bytes()) {
        (None, Some(bytes)) => bytes.to_vec(),
        _ => Head::new(line.abi(), line.serial(), channel.blobs_from_view(), *line.trees()).to_bytes(),
    }
}

impl Theirs<'_> {
    /// In which entries their tree and ours differ; adds the nodes that only ours has.
    fn compare<K, V>(
        &self,
        (before, ours): (Option<&NodeRef>, Option<&NodeRef>),
        object: &impl Fn(Digest) -> StoredObject,
        read: impl Fn(&NodeRef) -> Result<Node<K, V>, ServerError>,
        nodes: &mut Vec<StoredObject>,
    ) -> Result<Differences<K, V>, TransferError>
    where
        K: Ord + Clone + DeserializeOwned,
        V: PartialEq + DeserializeOwned,
    {
        let read_theirs = &mut |node: &NodeRef| self.read(&object(node.sha256), node);
        let read_ours = &mut |node: &NodeRef| {
            nodes.push(object(node.sha256));
            Ok(read(node)?)
        };
        differences(before, ours, read_theirs, read_ours)
    }

    fn read<K, V>(&self, object: &StoredObject, node: &NodeRef) -> Result<Node<K, V>, TransferError>
    where
        K: Ord + DeserializeOwned,
        V: DeserializeOwned,
    {
        let (place, key) = (|| self.target.place(), object.path());
        let here = self.store.read(object)?.filter(|bytes| digest_of(bytes) == node.sha256);
        let bytes = match here {
            Some(bytes) => bytes,
            None => self.target.get(&key)?.ok_or_else(|| TransferError::Missing {
                place: place(),
                object: key.clone(),
                remedy: "write it anew with --force",
            })?,
        };
        let found = digest_of(&bytes);
        if found != node.sha256 {
            return Err(TransferError::Damaged { place: place(), object: key, expected: node.sha256, found });
        }
        Node::from_bytes(&bytes).map_err(|source| TransferError::Format {
            place: place(),
            object: key,
            source: Box::new(source),
        })
    }
}
