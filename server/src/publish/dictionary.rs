//! What a new release is told as a delta over: the release that most of those have who will fetch it.

use pkgsrv_index::{Digest, Project, WheelFilename, newest};

use super::twins::Kind;
use crate::StoredObject;

/// A stored twin that deltas are made over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dictionary {
    pub(super) sha256: Digest,
    pub(super) filename: WheelFilename,
}

impl Dictionary {
    /// The twin of this kind of the newest earlier release that clients take for a file of this name: of the same family, so that
    /// browsers offer it.
    pub(super) fn of(filename: &WheelFilename, project: &Project, kind: Kind) -> Option<Self> {
        let order = |filename: &WheelFilename| (filename.version().clone(), filename.build().cloned());
        let mut earlier: Vec<_> = project
            .offered()
            .filter(|entry| entry.filename.family() == filename.family() && order(&entry.filename) < order(filename))
            .filter_map(|entry| Some((entry, kind.of_entry(entry)?)))
            .collect();
        earlier.sort_by_cached_key(|(entry, _)| std::cmp::Reverse(order(&entry.filename)));
        let releases = earlier.iter().map(|(entry, twin)| ((entry, twin), &entry.version, entry.yanked.is_some()));
        let (entry, twin) = newest(releases, filename.version().any_prerelease(), true)?;
        Some(Self { sha256: twin.sha256, filename: entry.filename.clone() })
    }

    /// Where it lies.
    pub(super) fn object(&self) -> StoredObject {
        StoredObject::Twin { sha256: self.sha256, filename: self.filename.clone() }
    }
}
