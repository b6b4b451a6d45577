//! Removing the bytes of deleted wheels, once nothing current names them.

use pkgsrv_index::{Abi, Digest, WheelFilename};
use serde::Serialize;

use crate::channel::read_line;
use crate::store::PublishLock;
use crate::{ChannelName, ServerError, Store, StoredObject};

/// What became of the bytes of a wheel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Purged {
    /// The wheel.
    pub filename: WheelFilename,
    /// Its SHA-256.
    pub sha256: Digest,
    /// Objects that were removed, by their path in the store; reports and documents are not among them, others may name
    /// the same.
    pub removed: Vec<String>,
    /// The lines that name the wheel, for which it was kept.
    pub kept_for: Vec<KeptFor>,
}

/// A line that names a wheel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptFor {
    /// The channel.
    pub channel: String,
    /// The line.
    pub abi: Abi,
}

/// Removes the blobs of these wheels that no current line of any channel names. Heads of the past that name one can
/// not be rolled back to any more.
pub(super) fn purge(
    store: &Store,
    lock: &PublishLock,
    files: &[(WheelFilename, Digest)],
) -> Result<Vec<Purged>, ServerError> {
    let channels = store.channels()?;
    let mut purged = Vec::new();
    for (filename, sha256) in files {
        let kept_for = naming(store, &channels, filename, *sha256)?;
        let mut removed = Vec::new();
        if kept_for.is_empty() {
            for object in blobs(filename, *sha256) {
                if store.remove(lock, &object)? {
                    removed.push(object.path());
                }
            }
        }
        purged.push(Purged { filename: filename.clone(), sha256: *sha256, removed, kept_for });
    }
    Ok(purged)
}

/// The objects that are of this wheel alone.
fn blobs(filename: &WheelFilename, sha256: Digest) -> [StoredObject; 2] {
    [
        StoredObject::Wheel { sha256, filename: filename.clone() },
        StoredObject::Metadata { sha256, filename: filename.clone() },
    ]
}

fn naming(
    store: &Store,
    channels: &[ChannelName],
    filename: &WheelFilename,
    sha256: Digest,
) -> Result<Vec<KeptFor>, ServerError> {
    let mut lines = Vec::new();
    for channel in channels {
        for abi in Abi::known() {
            let project = read_line(store, channel, abi)?.project(filename.name())?;
            if project.get(filename.as_str()).is_some_and(|entry| entry.sha256 == sha256) {
                lines.push(KeptFor { channel: channel.to_string(), abi });
            }
        }
    }
    Ok(lines)
}
