//! The one small object per channel and ABI that changes.

use serde::{Deserialize, Serialize};

use crate::format::{FORMAT, WHOLE_FORMAT, format_of, from_json, from_json_of, to_json};
use crate::tree::NodeRef;
use crate::{Abi, Digest, IndexError, RuntimeInfo, UploadTime};

/// Names the current trees of a line. Replacing it is what publishes. It lies at `repodata/{abi}/head.json`, so that the
/// loader reads the same object that the server does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    format: u32,
    /// The line's ABI.
    pub abi: Abi,
    /// Grows by one with every publish.
    pub serial: u64,
    /// When it was made; earlier versions did not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<UploadTime>,
    /// From when on readers that check signatures refuse it; only where the channel signs its heads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<UploadTime>,
    /// Address of the blobs, relative to the head's directory; ends in `/`. A wheel is at `{blobs}{sha256}/{filename}`.
    pub blobs: String,
    /// The runtime that the line's wheels are for.
    pub runtime: RuntimeInfo,
    /// The trees.
    #[serde(flatten)]
    pub trees: TreeRoots,
}

/// The roots of a line's trees; a tree without entries has none. Nodes of the index lie at `index/{abi}/{sha256}.json`,
/// those of the others at `{sha256}.json` beside the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TreeRoots {
    /// Every file, by project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<NodeRef>,
    /// The releases of each project, for our loader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repodata: Option<NodeRef>,
    /// The projects that bring each importable module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modules: Option<NodeRef>,
}

/// Names a stored document and how many bytes it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectRef {
    /// SHA-256 of its bytes, also its name.
    pub sha256: Digest,
    /// Its size, bytes.
    pub size: u64,
}

/// A head of format 1, whose index and repodata are one document each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct WholeHead {
    /// The line's ABI.
    pub abi: Abi,
    /// Grows by one with every publish.
    pub serial: u64,
    /// The index; the loader does not ask for it.
    pub index: ObjectRef,
    /// The repodata made from it.
    pub repodata: ObjectRef,
}

/// A head of any format that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredHead {
    /// As it is written now.
    Trees(Box<Head>),
    /// As it was before.
    Whole(WholeHead),
}

impl Head {
    /// A head of the current format.
    pub fn new(abi: Abi, serial: u64, blobs: &str, trees: TreeRoots) -> Self {
        let (blobs, runtime) = (blobs.to_owned(), RuntimeInfo::of(abi));
        Self { format: FORMAT, abi, serial, changed: None, expires: None, blobs, runtime, trees }
    }

    /// Canonical JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_json(self)
    }
}

impl StoredHead {
    /// Reads a head.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IndexError> {
        const WHAT: &str = "head";
        match format_of(bytes) {
            Some(WHOLE_FORMAT) => from_json_of(WHAT, WHOLE_FORMAT, bytes).map(Self::Whole),
            _ => from_json(WHAT, bytes).map(|head| Self::Trees(Box::new(head))),
        }
    }

    /// The line's ABI.
    pub const fn abi(&self) -> Abi {
        match self {
            Self::Trees(head) => head.abi,
            Self::Whole(head) => head.abi,
        }
    }

    /// The number of publishes so far.
    pub const fn serial(&self) -> u64 {
        match self {
            Self::Trees(head) => head.serial,
            Self::Whole(head) => head.serial,
        }
    }

    /// When it was made, if it says so.
    pub const fn changed(&self) -> Option<&UploadTime> {
        match self {
            Self::Trees(head) => head.changed.as_ref(),
            Self::Whole(_) => None,
        }
    }

    /// From when on it is refused by readers that check signatures.
    pub const fn expires(&self) -> Option<&UploadTime> {
        match self {
            Self::Trees(head) => head.expires.as_ref(),
            Self::Whole(_) => None,
        }
    }
}
