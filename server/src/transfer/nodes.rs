//! Head and nodes of a line at the source, as far as they are not here.

use std::collections::BTreeMap;

use pkgsrv_builder::Interrupt;
use pkgsrv_index::tree::{Node, NodeRef, get};
use pkgsrv_index::{Abi, Digest, Head, PackageName, Project, Release, StoredHead, TreeRoots};
use serde::de::{DeserializeOwned, IgnoredAny};

use super::TransferError;
use super::source::{Source, Wanted};
use crate::named::Check;
use crate::store::{PublishLock, digest_of};
use crate::{ChannelName, Store, StoredObject};

/// The head of a line at the source.
pub(super) struct TheirHead {
    pub(super) bytes: Vec<u8>,
    pub(super) head: Head,
}

impl TheirHead {
    /// `None` where the source does not have the line.
    pub(super) fn read(source: &Source, channel: &ChannelName, abi: Abi) -> Result<Option<Self>, TransferError> {
        let key = StoredObject::Head { channel: channel.clone(), abi }.path();
        let Some(bytes) = source.get(&key)? else { return Ok(None) };
        let unusable = |source: pkgsrv_index::IndexError, place| TransferError::Format {
            place,
            object: key.clone(),
            source: Box::new(source),
        };
        let head = StoredHead::from_bytes(&bytes).map_err(|error| unusable(error, source.place()))?;
        let expected = channel.blobs_from_view();
        match head {
            // Readers of the copy would follow the address to somewhere else.
            StoredHead::Trees(head) if head.abi == abi && head.blobs == expected => {
                Ok(Some(Self { bytes, head: *head }))
            }
            StoredHead::Trees(head) => Err(TransferError::ForeignHead {
                place: source.place(),
                object: key,
                found: format!("ABI {} and blobs at {}", head.abi, head.blobs),
                expected: format!("ABI {abi} and blobs at {expected}"),
            }),
            StoredHead::Whole(_) => Err(TransferError::ForeignHead {
                place: source.place(),
                object: key,
                found: "an index of format 1".to_owned(),
                expected: "one of trees, as every publish of a newer pkgsrv makes it".to_owned(),
            }),
        }
    }
}

/// Nodes that were fetched, in the order in which they came: parents before their children.
pub(super) struct Nodes<'a> {
    store: &'a Store,
    source: &'a Source,
    channel: &'a ChannelName,
    abi: Abi,
    fetched: Vec<StoredObject>,
    bytes: BTreeMap<Digest, Vec<u8>>,
}

impl<'a> Nodes<'a> {
    pub(super) fn new(store: &'a Store, source: &'a Source, channel: &'a ChannelName, abi: Abi) -> Self {
        Self { store, source, channel, abi, fetched: Vec::new(), bytes: BTreeMap::new() }
    }

    /// How many were fetched.
    pub(super) fn fetched(&self) -> u64 {
        self.fetched.len() as u64
    }

    fn index_object(&self, sha256: Digest) -> StoredObject {
        StoredObject::Index { channel: self.channel.clone(), abi: self.abi, sha256 }
    }

    fn shared_object(&self, sha256: Digest) -> StoredObject {
        StoredObject::Repodata { channel: self.channel.clone(), abi: self.abi, sha256 }
    }

    /// Fetches all nodes that are not here, level by level. Below a node that is here everything is: nodes are written
    /// children first.
    pub(super) fn bring(&mut self, trees: &TreeRoots, interrupt: &Interrupt) -> Result<(), TransferError> {
        let index = trees.index.iter().map(|node| (self.index_object(node.sha256), *node));
        let shared = trees.repodata.iter().chain(&trees.modules).map(|node| (self.shared_object(node.sha256), *node));
        let mut level: Vec<(StoredObject, NodeRef)> = index.chain(shared).collect();
        while !level.is_empty() {
            let wanted: Vec<_> = level.into_iter().filter_map(|(object, node)| self.wanted(object, &node)).collect();
            let mut children = Vec::new();
            let (source, place) = (self.source, self.source.place());
            source.get_all(wanted.into_iter(), interrupt, |(object, sha256), bytes| {
                let unusable = |source| TransferError::Format {
                    place: place.clone(),
                    object: object.path(),
                    source: Box::new(source),
                };
                let node = Node::<String, IgnoredAny>::from_bytes(&bytes).map_err(unusable)?;
                if let Node::Branch(below) = node {
                    children.extend(below.into_values().map(|node| (self.sibling(&object, node.sha256), node)));
                }
                self.keep(object, sha256, bytes);
                Ok(())
            })?;
            level = children;
        }
        Ok(())
    }

    /// A node of the same tree.
    fn sibling(&self, object: &StoredObject, sha256: Digest) -> StoredObject {
        match object {
            StoredObject::Index { .. } => self.index_object(sha256),
            _ => self.shared_object(sha256),
        }
    }

    /// `None` for a node that is here.
    fn wanted(&self, object: StoredObject, node: &NodeRef) -> Option<Wanted<(StoredObject, Digest)>> {
        if self.bytes.contains_key(&node.sha256) || self.store.file(&object).exists() {
            return None;
        }
        let (key, sha256) = (object.path(), node.sha256);
        Some(Wanted { what: (object, sha256), key, check: Check::of(sha256, Some(node.size)) })
    }

    fn keep(&mut self, object: StoredObject, sha256: Digest, bytes: Vec<u8>) {
        if self.bytes.insert(sha256, bytes).is_none() {
            self.fetched.push(object);
        }
    }

    /// Writes them, children first.
    pub(super) fn write(&self, lock: &PublishLock) -> Result<(), TransferError> {
        for object in self.fetched.iter().rev() {
            let (StoredObject::Index { sha256, .. } | StoredObject::Repodata { sha256, .. }) = object else { continue };
            self.store.write(lock, object, &self.bytes[sha256])?;
        }
        Ok(())
    }

    /// A node of the index that was brought or is here.
    pub(super) fn index(&self, node: &NodeRef) -> Result<Node<PackageName, Project>, TransferError> {
        self.read(&self.index_object(node.sha256), node)
    }

    fn read<K, V>(&self, object: &StoredObject, node: &NodeRef) -> Result<Node<K, V>, TransferError>
    where
        K: Ord + DeserializeOwned,
        V: DeserializeOwned,
    {
        let (place, key) = (self.source.place(), object.path());
        let here = |bytes: &Vec<u8>| digest_of(bytes) == node.sha256;
        let bytes = match self.bytes.get(&node.sha256) {
            Some(bytes) => bytes.clone(),
            None => self.store.read(object)?.filter(here).ok_or_else(|| TransferError::Missing {
                place: self.store.root().display().to_string(),
                object: key.clone(),
                remedy: "its file is damaged: restore or remove it",
            })?,
        };
        Node::from_bytes(&bytes).map_err(|source| TransferError::Format {
            place,
            object: key,
            source: Box::new(source),
        })
    }

    /// The releases of a project.
    pub(super) fn releases(
        &mut self,
        trees: &TreeRoots,
        name: &PackageName,
    ) -> Result<Option<Vec<Release>>, TransferError> {
        self.entry(trees.repodata.as_ref(), name, Self::shared_object)
    }

    /// The files of a project.
    pub(super) fn project(&mut self, trees: &TreeRoots, name: &PackageName) -> Result<Project, TransferError> {
        let project: Project = self.entry(trees.index.as_ref(), name, Self::index_object)?.unwrap_or_default();
        project.check(name)?;
        Ok(project)
    }

    /// Looks for an entry, and fetches the nodes on the way to it.
    fn entry<V: Clone + DeserializeOwned>(
        &mut self,
        root: Option<&NodeRef>,
        key: &PackageName,
        object: fn(&Self, Digest) -> StoredObject,
    ) -> Result<Option<V>, TransferError> {
        get(root, key, |node| {
            let object = object(self, node.sha256);
            if let Some(wanted) = self.wanted(object.clone(), node) {
                let mut came = Vec::new();
                self.source.get_all(std::iter::once(wanted), &Interrupt::default(), |_, bytes| {
                    came = bytes;
                    Ok(())
                })?;
                self.keep(object.clone(), node.sha256, came);
            }
            self.read(&object, node)
        })
    }

    /// The error for a release whose file the index does not have.
    pub(super) fn unlisted(&self, filename: &str) -> TransferError {
        TransferError::Missing {
            place: self.source.place(),
            object: filename.to_owned(),
            remedy: "its index and its repodata disagree: publish there again",
        }
    }
}
