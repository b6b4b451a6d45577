//! Removing the bytes of deleted wheels, once nothing current names them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pkgsrv_index::{Abi, Digest, WheelFilename};
use serde::Serialize;

use super::delete::MeantFile;
use crate::channel::{Line, read_line};
use crate::environments::all_environments;
use crate::named::own_objects_of_file;
use crate::store::PublishLock;
use crate::{ChannelName, EnvironmentName, EnvironmentPackage, ServerError, Store, StoredObject};

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
    /// The lines and environments that need the wheel, for which it was kept.
    pub kept_for: Vec<KeptFor>,
}

/// What needs a wheel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptFor {
    /// The channel.
    pub channel: String,
    /// The line.
    pub abi: Abi,
    /// The environment of the line that was made of it; `None` if the line itself names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentName>,
}

/// Removes the blobs of these wheels, which `lines` had before, as far as no current line of any channel names them, nor
/// an environment in this directory: where it cannot be restored its wheels are installed. Heads of the past that name one can not be rolled back to any more.
pub(super) fn purge(
    store: &Store,
    lock: &PublishLock,
    lines: &[Line],
    files: &[MeantFile],
    environments: &Path,
) -> Result<Vec<Purged>, ServerError> {
    let channels = store.channels()?;
    let used = used(environments)?;
    let mut purged = Vec::new();
    for file in files {
        let Named { mut kept_for, objects: named } = named(store, &channels, file)?;
        let objects = file.objects(lines)?;
        kept_for.extend(objects.iter().filter_map(|object| used.get(&object.path())).flatten().cloned());
        let mut removed = Vec::new();
        if kept_for.is_empty() {
            // Another wheel of this name may have the same twin.
            for object in objects.into_iter().filter(|object| !named.contains(&object.path())) {
                let deltas = match &object {
                    StoredObject::Twin { sha256, .. } => store.deltas(*sha256)?,
                    _ => Vec::new(),
                };
                for object in [object].into_iter().chain(deltas) {
                    if store.remove(lock, &object)? {
                        removed.push(object.path());
                    }
                }
            }
        }
        purged.push(Purged { filename: file.filename.clone(), sha256: file.sha256, removed, kept_for });
    }
    Ok(purged)
}

/// What of the store environments were made of, by path.
fn used(environments: &Path) -> Result<BTreeMap<String, Vec<KeptFor>>, ServerError> {
    let mut used: BTreeMap<String, Vec<KeptFor>> = BTreeMap::new();
    for (channel, abi, environment) in all_environments(environments)? {
        for path in environment.packages.iter().filter_map(EnvironmentPackage::blob) {
            let (channel, environment) = (channel.to_string(), Some(environment.name.clone()));
            used.entry(path).or_default().push(KeptFor { channel, abi, environment });
        }
    }
    Ok(used)
}

/// What current lines name under a filename.
#[derive(Default)]
struct Named {
    /// The lines that name the very wheel.
    kept_for: Vec<KeptFor>,
    /// Paths of all objects.
    objects: BTreeSet<String>,
}

fn named(store: &Store, channels: &[ChannelName], file: &MeantFile) -> Result<Named, ServerError> {
    let mut named = Named::default();
    for channel in channels {
        for abi in Abi::known() {
            let project = read_line(store, channel, abi)?.project(file.filename.name())?;
            let Some(entry) = project.get(file.filename.as_str()) else { continue };
            named.objects.extend(own_objects_of_file(entry).iter().map(|named| named.object.path()));
            if entry.sha256 == file.sha256 {
                named.kept_for.push(KeptFor { channel: channel.to_string(), abi, environment: None });
            }
        }
    }
    Ok(named)
}
