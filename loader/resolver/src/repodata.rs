//! The repodata of one line or of several, as far as it has been brought.

use std::collections::{BTreeMap, BTreeSet};

use pkgsrv_index::tree::{Found, LeafLimits, Node, NodeRef, find};
use pkgsrv_index::{
    Abi, Closure, ClosureError, Digest, PackageName, ProjectError, Releases, RepodataNode, Requirement, StoredHead,
    Version, closure, evaluate, nearest, read_repodata,
};
use serde::{Deserialize, Serialize};

use crate::{ForeignWheel, Installed, ResolverError, Selection};

/// Largest node that is asked for, bytes.
const LARGEST: u64 = 64 << 20;
/// With more nodes than this, those of earlier heads are given up.
const MOST_KEPT: usize = 1000;
/// Most nodes that one answer may take. A channel of millions of files needs some for each package.
const MOST_NODES: usize = 100_000;

/// The heads of lines, and the nodes at hand. A project comes from the first line that has it, in whatever version: so
/// nobody brings another package under the name of one of ours by publishing a higher version elsewhere.
#[derive(Debug)]
pub struct Repodata {
    lines: Vec<Line>,
    /// Of all lines: nodes are named by what they contain.
    nodes: BTreeMap<Digest, RepodataNode>,
}

#[derive(Debug)]
struct Line {
    head: StoredHead,
    /// Where the blobs are; heads of format 1 do not say.
    blobs: Option<String>,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Request {
    /// [Dependency specifiers](https://packaging.python.org/en/latest/specifications/dependency-specifiers/); those whose
    /// markers do not hold ask for nothing.
    pub wanted: Vec<String>,
    /// The same, to limit the versions of what is needed anyway.
    #[serde(default)]
    pub constraints: Vec<String>,
    /// What the interpreter has.
    pub installed: Vec<Installed>,
    /// Wheels that are there without a line; of their projects nothing else is taken.
    #[serde(default)]
    pub wheels: Vec<ForeignWheel>,
}

/// A node that has to be brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NeededNode {
    /// The line that has it, by its place.
    pub line: usize,
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
struct NamedAbi {
    abi: String,
}

impl Repodata {
    /// Reads the head of the first line; that of a line with an unknown ABI is refused as such.
    pub fn new(head: &[u8]) -> Result<Self, ResolverError> {
        Ok(Self { lines: vec![Line::new(read_head(head)?)], nodes: BTreeMap::new() })
    }

    /// Takes a newer head of a line, or the head of the next line. Nodes are kept as far as they are few.
    pub fn set_head(&mut self, line: usize, head: &[u8]) -> Result<(), ResolverError> {
        let new = Line::new(read_head(head)?);
        if new.head.abi() != self.abi() {
            return Err(ResolverError::OtherLine { found: new.head.abi(), expected: self.abi() });
        }
        if self.nodes.len() > MOST_KEPT {
            self.nodes.clear();
        }
        match self.lines.get_mut(line) {
            Some(known) => *known = Line { blobs: new.blobs.or(known.blobs.take()), ..new },
            None => self.lines.push(new),
        }
        Ok(())
    }

    /// The ABI.
    pub fn abi(&self) -> Abi {
        self.lines[0].head.abi()
    }

    /// Address of a line's blobs, relative to its head; `None` while it is not known, which is only before a
    /// [`Resolution`].
    pub fn blobs(&self, line: usize) -> Option<&str> {
        self.lines.get(line)?.blobs.as_deref()
    }

    /// The root of a repodata that is more than one node: then a server can send all nodes for a request at once.
    pub fn branching_root(&self, line: usize) -> Option<Digest> {
        let root = self.lines.get(line)?.root();
        root.filter(|root| root.weight > LeafLimits::SHARED.root && root.entries > 1).map(|root| root.sha256)
    }

    /// Adds a node. The caller has checked that the digest is that of the bytes.
    pub fn add(&mut self, sha256: Digest, bytes: &[u8]) -> Result<(), ResolverError> {
        let (node, blobs) = read_repodata(bytes).map_err(|source| ResolverError::Repodata { source })?;
        if blobs.is_some() {
            for line in self.lines.iter_mut().filter(|line| line.root().is_some_and(|root| root.sha256 == sha256)) {
                line.blobs.clone_from(&blobs);
            }
        }
        self.nodes.insert(sha256, node);
        Ok(())
    }

    /// The wheels to install, without what is installed and fits.
    pub fn resolve(&self, request: Request) -> Result<Resolution, ResolverError> {
        let wanted = self.holding(&request.wanted)?;
        let constraints = self.holding(&request.constraints)?;
        let installed = known(&request.installed);
        let mut releases = Releases::default();
        let mut origins = BTreeMap::new();
        for wheel in request.wheels {
            let release = wheel.release(self.abi())?;
            let name = release.filename.name().clone();
            let mut all = releases.get(&name).flatten().unwrap_or_default().to_vec();
            all.push(release);
            releases.add(name, Some(all));
        }
        loop {
            match closure(&releases, &wanted, &constraints, &installed) {
                Ok(Closure::Complete(selected)) => {
                    let selection = |selected: pkgsrv_index::Selected| {
                        let line = origins.get(&selected.name).copied();
                        Selection::new(selected, line)
                    };
                    return Ok(Resolution::Selected(selected.into_iter().map(selection).collect()));
                }
                Ok(Closure::Needs(names)) => {
                    let needed = self.bring(&mut releases, &mut origins, names);
                    if !needed.is_empty() {
                        return self.needs(needed);
                    }
                }
                Err(error) => return Err(self.with_nearest(error).into()),
            }
        }
    }

    /// The requirements whose markers hold.
    fn holding(&self, texts: &[String]) -> Result<Vec<Requirement>, ResolverError> {
        let evaluated = evaluate(texts.iter().map(String::as_str), &BTreeSet::new(), self.abi());
        Ok(evaluated.map_err(|source| ResolverError::Requirement { source })?.depends)
    }

    /// Adds what the nodes at hand tell of these projects, and the line that each is from; returns what is missing.
    fn bring(
        &self,
        releases: &mut Releases,
        origins: &mut BTreeMap<PackageName, usize>,
        names: BTreeSet<PackageName>,
    ) -> BTreeSet<NeededNode> {
        let mut needed = BTreeSet::new();
        'names: for name in names {
            for (place, line) in self.lines.iter().enumerate() {
                match find(line.root().as_ref(), &self.nodes, &name) {
                    Found::Nothing => continue,
                    Found::Entry(found) => {
                        origins.insert(name.clone(), place);
                        releases.add(name, Some(found.clone()));
                    }
                    Found::Needs(NodeRef { sha256, size, .. }) => {
                        needed.insert(NeededNode { line: place, sha256, size });
                    }
                }
                continue 'names;
            }
            releases.add(name, None);
        }
        needed
    }

    fn needs(&self, needed: BTreeSet<NeededNode>) -> Result<Resolution, ResolverError> {
        if let Some(node) = needed.iter().find(|node| node.size > LARGEST) {
            return Err(ResolverError::TooLarge { what: format!("{} bytes in one node", node.size) });
        }
        if self.nodes.len() + needed.len() > MOST_NODES {
            return Err(ResolverError::TooLarge { what: format!("more than {MOST_NODES} nodes for one request") });
        }
        Ok(Resolution::Needs(needed))
    }

    /// Looks for like names among all that is at hand.
    fn with_nearest(&self, error: ClosureError) -> ClosureError {
        let ClosureError::Project(ProjectError::UnknownPackage { name, by, .. }) = error else { return error };
        let leaves = self.nodes.values().filter_map(|node| if let Node::Leaf(leaf) = node { Some(leaf) } else { None });
        let nearest = nearest(&name, leaves.flat_map(BTreeMap::keys));
        ProjectError::UnknownPackage { name, by, nearest }.into()
    }
}

impl Line {
    fn new(head: StoredHead) -> Self {
        let blobs = match &head {
            StoredHead::Trees(head) => Some(head.blobs.clone()),
            StoredHead::Whole(_) => None,
        };
        Self { head, blobs }
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
}

fn read_head(bytes: &[u8]) -> Result<StoredHead, ResolverError> {
    StoredHead::from_bytes(bytes).map_err(|source| {
        let line = serde_json::from_slice::<NamedAbi>(bytes).ok();
        let unknown = line.and_then(|line| line.abi.parse::<Abi>().err());
        ResolverError::Repodata { source: unknown.unwrap_or(source) }
    })
}

/// What is installed under a name or version outside the specifications cannot be compared, and is left alone.
fn known(installed: &[Installed]) -> BTreeMap<PackageName, Version> {
    let mut known = BTreeMap::new();
    known.extend(installed.iter().filter_map(|installed| {
        let name = installed.name.parse::<PackageName>().ok()?;
        Some((name, installed.version.parse::<Version>().ok()?))
    }));
    known
}
