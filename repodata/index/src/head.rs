//! The one small object per channel and ABI that changes.

use serde::{Deserialize, Serialize};

use crate::channel_index::{from_json, to_json};
use crate::{Abi, Digest, FORMAT, IndexError};

/// Names a stored object and how many bytes it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectRef {
    /// SHA-256 of its bytes, also its name.
    pub sha256: Digest,
    /// Its size, bytes.
    pub size: u64,
}

/// Names the current index of a line and its repodata. Replacing it is what publishes, so it lies
/// at `repodata/{abi}/head.json` and the loader reads the same object that the server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    format: u32,
    /// The line's ABI.
    pub abi: Abi,
    /// Grows by one with every publish.
    pub serial: u64,
    /// The [`crate::ChannelIndex`].
    pub index: ObjectRef,
    /// The [`crate::Repodata`] made from that index.
    pub repodata: ObjectRef,
}

impl Head {
    /// A head of the current format.
    pub const fn new(abi: Abi, serial: u64, index: ObjectRef, repodata: ObjectRef) -> Self {
        Self { format: FORMAT, abi, serial, index, repodata }
    }

    /// Canonical JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_json(self)
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IndexError> {
        from_json("head", bytes)
    }
}

/// The part of a [`Head`] that the loader needs; what it does not know it passes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepodataHead {
    format: u32,
    /// The line's ABI.
    pub abi: Abi,
    /// Grows by one with every publish.
    pub serial: u64,
    /// The current repodata, at `{sha256}.json` beside the head.
    pub repodata: ObjectRef,
}

impl RepodataHead {
    /// Reads a head object.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IndexError> {
        from_json("head", bytes)
    }
}
