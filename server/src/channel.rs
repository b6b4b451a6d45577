//! Reading a channel: the head of a line, then the trees that it names, as far as they are needed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use pkgsrv_index::tree::{Differences, Node, NodeRef, differences, for_each, get};
use pkgsrv_index::{
    Abi, ChannelIndex, Digest, PackageName, PipliteIndex, Project, Release, StoredHead, TreeRoots, UploadTime,
    WholeHead, preferred_release,
};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::store::digest_of;
use crate::trees::{self, NewTrees};
use crate::{ChannelName, ServerError, Store, StoredObject};

/// Up to this many bytes of repodata all releases are told in one document.
const MOST_TOLD: u64 = 8 << 20;

/// One line of a channel as of one head.
#[derive(Debug)]
pub struct Line {
    store: Store,
    channel: ChannelName,
    abi: Abi,
    head: Option<PublishedHead>,
    trees: TreeRoots,
    /// Nodes that are not stored: those of a line whose index is still one document.
    unsaved: Option<NewTrees>,
}

/// The head of a line that something was published to.
#[derive(Debug, Clone)]
struct PublishedHead {
    serial: u64,
    changed: Option<UploadTime>,
    expires: Option<UploadTime>,
    bytes: Vec<u8>,
}

/// Tells two heads apart without reading them: a publish renames a new file into place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeadStamp(Option<(u64, u64, i64, i64)>);

/// Which object a node is.
#[derive(Debug, Clone, Copy)]
enum Tree {
    Index,
    /// Repodata and modules, which loaders read.
    Published,
}

impl HeadStamp {
    /// Whether there is a head at all.
    pub const fn is_published(self) -> bool {
        self.0.is_some()
    }
}

/// The stamp of a line's head.
pub fn head_stamp(store: &Store, channel: &ChannelName, abi: Abi) -> Result<HeadStamp, ServerError> {
    stamp_of(&store.file(&StoredObject::Head { channel: channel.clone(), abi }))
}

/// The stamp of the head at a path.
pub(crate) fn stamp_of(path: &Path) -> Result<HeadStamp, ServerError> {
    match fs::metadata(path) {
        Ok(there) => Ok(HeadStamp(Some((there.ino(), there.len(), there.mtime(), there.mtime_nsec())))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HeadStamp(None)),
        Err(source) => Err(ServerError::Read { path: path.to_owned(), source }),
    }
}

/// Reads the head of a line.
pub fn read_line(store: &Store, channel: &ChannelName, abi: Abi) -> Result<Line, ServerError> {
    line_of(store, channel, abi, &StoredObject::Head { channel: channel.clone(), abi })
}

/// The line as of an earlier head of its history. A serial that it has not come to is an error: what lies there was left
/// by a publish that did not end.
pub(crate) fn read_line_at(line: &Line, serial: u64) -> Result<Line, ServerError> {
    let (store, channel, abi) = (&line.store, &line.channel, line.abi);
    let past = |serial| StoredObject::PastHead { channel: channel.clone(), abi, serial };
    let is_kept = |serial: &u64| *serial == line.serial() || store.file(&past(*serial)).is_file();
    if serial > line.serial() || !is_kept(&serial) {
        let first = (1..=line.serial()).find(is_kept).unwrap_or_default();
        let last = line.serial();
        return Err(ServerError::UnknownSerial { channel: channel.to_string(), abi, serial, first, last });
    }
    if serial == line.serial() { read_line(store, channel, abi) } else { line_of(store, channel, abi, &past(serial)) }
}

fn line_of(store: &Store, channel: &ChannelName, abi: Abi, object: &StoredObject) -> Result<Line, ServerError> {
    let mut line = Line {
        store: store.clone(),
        channel: channel.clone(),
        abi,
        head: None,
        trees: TreeRoots::default(),
        unsaved: None,
    };
    let Some(bytes) = store.read(object)? else { return Ok(line) };
    let stored = |source| ServerError::Stored { path: store.file(object), source };
    let head = StoredHead::from_bytes(&bytes).map_err(stored)?;
    let (changed, expires) = (head.changed().cloned(), head.expires().cloned());
    line.head = Some(PublishedHead { serial: head.serial(), changed, expires, bytes });
    match head {
        StoredHead::Trees(head) => line.trees = head.trees,
        StoredHead::Whole(head) => line.take_whole(&head)?,
    }
    Ok(line)
}

impl Line {
    /// The ABI.
    pub const fn abi(&self) -> Abi {
        self.abi
    }

    /// The number of publishes so far.
    pub fn serial(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.serial)
    }

    /// The channel.
    pub const fn channel(&self) -> &ChannelName {
        &self.channel
    }

    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    /// When its head was made; `None` if the head does not say so.
    pub fn changed_at(&self) -> Option<&UploadTime> {
        self.head.as_ref()?.changed.as_ref()
    }

    /// From when on its head is refused by readers that check signatures; `None` if it is not signed.
    pub fn expires(&self) -> Option<&UploadTime> {
        self.head.as_ref()?.expires.as_ref()
    }

    /// The head as it is stored; `None` while nothing has been published.
    pub fn head_bytes(&self) -> Option<&[u8]> {
        self.head.as_ref().map(|head| head.bytes.as_slice())
    }

    /// The roots of its trees.
    pub const fn trees(&self) -> &TreeRoots {
        &self.trees
    }

    /// Its trees where they are not stored yet.
    pub(crate) const fn unsaved(&self) -> Option<&NewTrees> {
        self.unsaved.as_ref()
    }

    /// The files of a project; none if the line does not have it.
    pub fn project(&self, name: &PackageName) -> Result<Project, ServerError> {
        let project: Project = self.entry(Tree::Index, self.trees.index.as_ref(), name)?.unwrap_or_default();
        project.check(name)?;
        Ok(project)
    }

    /// The releases of a project, `None` if the line has none that its Python admits.
    pub fn releases(&self, name: &PackageName) -> Result<Option<Vec<Release>>, ServerError> {
        self.entry(Tree::Published, self.trees.repodata.as_ref(), name)
    }

    /// The projects whose newest release brings a module.
    pub fn bringing(&self, module: &String) -> Result<BTreeSet<PackageName>, ServerError> {
        Ok(self.entry(Tree::Published, self.trees.modules.as_ref(), module)?.unwrap_or_default())
    }

    /// Every file; reads all of the index.
    pub fn index(&self) -> Result<ChannelIndex, ServerError> {
        let mut projects = BTreeMap::new();
        self.walk(Tree::Index, self.trees.index.as_ref(), |name, project| drop(projects.insert(name, project)))?;
        projects.iter().try_for_each(|(name, project): (&PackageName, &Project)| project.check(name))?;
        Ok(ChannelIndex::new(self.abi, projects))
    }

    /// The projects that have releases; reads all of the repodata.
    pub fn names(&self) -> Result<BTreeSet<PackageName>, ServerError> {
        let mut names = BTreeSet::new();
        let mut visit = |name: PackageName, _: IgnoredAny| {
            names.insert(name);
        };
        self.walk(Tree::Published, self.trees.repodata.as_ref(), &mut visit)?;
        Ok(names)
    }

    /// Of each project the release that those get who ask for no version; reads all of the repodata.
    pub fn newest(&self) -> Result<BTreeMap<PackageName, Release>, ServerError> {
        let mut chosen = BTreeMap::new();
        let mut visit = |name: PackageName, releases: Vec<Release>| {
            if let Some(release) = preferred_release(&releases) {
                chosen.insert(name, release.clone());
            }
        };
        self.walk(Tree::Published, self.trees.repodata.as_ref(), &mut visit)?;
        Ok(chosen)
    }

    /// The bytes of an earlier head or of the present one; `None` if the line has not come to it, or did not keep it. What
    /// lies at a later serial was left by a publish that did not end, and may still become another.
    pub fn past_head(&self, serial: u64) -> Result<Option<Vec<u8>>, ServerError> {
        if serial > self.serial() {
            return Ok(None);
        }
        let (channel, abi) = (self.channel.clone(), self.abi);
        self.store.read(&StoredObject::PastHead { channel, abi, serial })
    }

    /// The signatures of the head with this digest; `None` if it has none.
    pub fn head_signature(&self, sha256: Digest) -> Result<Option<Vec<u8>>, ServerError> {
        let (channel, abi) = (self.channel.clone(), self.abi);
        self.store.read(&StoredObject::HeadSignature { channel, abi, sha256 })
    }

    /// What piplite is told of the line: all releases or, where that is very much, of each project the one that those get
    /// who ask for no version. Reads all of the repodata.
    pub fn piplite(&self) -> Result<PipliteIndex, ServerError> {
        let blobs = self.channel.blobs_from_line();
        if self.trees.repodata.is_some_and(|root| root.weight > MOST_TOLD) {
            let newest = self.newest()?.into_iter().map(|(name, release)| (name, vec![release]));
            return Ok(PipliteIndex::new(newest, blobs));
        }
        let mut releases = BTreeMap::new();
        let mut visit = |name: PackageName, all: Vec<Release>| drop(releases.insert(name, all));
        self.walk(Tree::Published, self.trees.repodata.as_ref(), &mut visit)?;
        Ok(PipliteIndex::new(releases, blobs))
    }

    /// A node of a tree that loaders read; `None` if there is none of this name.
    pub fn published_node(&self, sha256: Digest) -> Result<Option<Vec<u8>>, ServerError> {
        self.store.read(&self.object(Tree::Published, sha256))
    }

    /// The projects that two states of lines have apart; a line that is not there has none. Reads what differs.
    pub(crate) fn differences(
        before: Option<&Self>,
        after: Option<&Self>,
    ) -> Result<Differences<PackageName, Project>, ServerError> {
        let root = |line: Option<&Self>| line.and_then(|line| line.trees.index);
        let read = |line: Option<&Self>, node: &NodeRef| match line {
            Some(line) => line.index_node(node),
            None => Ok(Node::Leaf(BTreeMap::new())),
        };
        differences(root(before).as_ref(), root(after).as_ref(), &mut |node| read(before, node), &mut |node| {
            read(after, node)
        })
    }

    /// What has to be written so that these projects are as given.
    pub(crate) fn changed(&self, projects: &BTreeMap<PackageName, Project>) -> Result<NewTrees, ServerError> {
        trees::changed(self, projects)
    }

    /// A node of the index.
    pub(crate) fn index_node(&self, node: &NodeRef) -> Result<Node<PackageName, Project>, ServerError> {
        self.node(Tree::Index, node)
    }

    /// A node of repodata or modules.
    pub(crate) fn shared_node<K, V>(&self, node: &NodeRef) -> Result<Node<K, V>, ServerError>
    where
        K: Ord + DeserializeOwned,
        V: DeserializeOwned,
    {
        self.node(Tree::Published, node)
    }

    /// The bytes of an object that must be there.
    pub(crate) fn stored_bytes(&self, object: &StoredObject) -> Result<Vec<u8>, ServerError> {
        let missing = || ServerError::Read { path: self.store.file(object), source: io::ErrorKind::NotFound.into() };
        self.store.read(object)?.ok_or_else(missing)
    }

    /// The bytes of a node, also of one that is not stored yet.
    pub(crate) fn object_bytes(&self, object: &StoredObject) -> Result<Vec<u8>, ServerError> {
        let (StoredObject::Index { sha256, .. } | StoredObject::Repodata { sha256, .. }) = object else {
            let path = self.store.file(object);
            return Err(ServerError::Read { path, source: io::ErrorKind::InvalidInput.into() });
        };
        match self.unsaved.as_ref().and_then(|unsaved| unsaved.get(*sha256)) {
            Some(bytes) => Ok(bytes.to_vec()),
            None => self.read_checked(object, *sha256),
        }
    }

    /// The projects that have files; reads all of the index.
    pub(crate) fn index_names(&self) -> Result<BTreeSet<PackageName>, ServerError> {
        let mut names = BTreeSet::new();
        let mut visit = |name: PackageName, _: IgnoredAny| {
            names.insert(name);
        };
        self.walk(Tree::Index, self.trees.index.as_ref(), &mut visit)?;
        Ok(names)
    }

    fn object(&self, tree: Tree, sha256: Digest) -> StoredObject {
        let (channel, abi) = (self.channel.clone(), self.abi);
        match tree {
            Tree::Index => StoredObject::Index { channel, abi, sha256 },
            Tree::Published => StoredObject::Repodata { channel, abi, sha256 },
        }
    }

    fn node<K, V>(&self, tree: Tree, reference: &NodeRef) -> Result<Node<K, V>, ServerError>
    where
        K: Ord + DeserializeOwned,
        V: DeserializeOwned,
    {
        let object = self.object(tree, reference.sha256);
        let parse = |bytes: &[u8]| {
            Node::from_bytes(bytes).map_err(|source| ServerError::Stored { path: self.store.file(&object), source })
        };
        match self.unsaved.as_ref().and_then(|unsaved| unsaved.get(reference.sha256)) {
            Some(bytes) => parse(bytes),
            None => parse(&self.read_checked(&object, reference.sha256)?),
        }
    }

    fn read_checked(&self, object: &StoredObject, expected: Digest) -> Result<Vec<u8>, ServerError> {
        let path = || self.store.file(object);
        let Some(bytes) = self.store.read(object)? else {
            return Err(ServerError::Read { path: path(), source: io::ErrorKind::NotFound.into() });
        };
        let found = digest_of(&bytes);
        if found == expected { Ok(bytes) } else { Err(ServerError::Damaged { path: path(), expected, found }) }
    }

    fn entry<K, V>(&self, tree: Tree, root: Option<&NodeRef>, key: &K) -> Result<Option<V>, ServerError>
    where
        K: Ord + AsRef<str> + DeserializeOwned,
        V: Clone + DeserializeOwned,
    {
        get(root, key, |node| self.node(tree, node))
    }

    fn walk<K, V>(&self, tree: Tree, root: Option<&NodeRef>, mut visit: impl FnMut(K, V)) -> Result<(), ServerError>
    where
        K: Ord + DeserializeOwned,
        V: DeserializeOwned,
    {
        for_each(root, &mut |reference: &NodeRef| self.node(tree, reference), &mut visit)
    }

    /// Makes trees of an index that is one document.
    fn take_whole(&mut self, head: &WholeHead) -> Result<(), ServerError> {
        let object = self.object(Tree::Index, head.index.sha256);
        let bytes = self.read_checked(&object, head.index.sha256)?;
        let index = ChannelIndex::from_whole(&bytes)
            .map_err(|source| ServerError::Stored { path: self.store.file(&object), source })?;
        let trees = self.changed(index.projects())?;
        self.trees = trees.roots;
        self.unsaved = Some(trees);
        Ok(())
    }
}
