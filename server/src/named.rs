//! What an index and a head name: the one list of it, for whoever copies a channel.

use pkgsrv_index::{Digest, FileEntry};

use crate::StoredObject;

/// An object and the SHA-256 of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) object: StoredObject,
    pub(crate) sha256: Digest,
}

/// Every object that an entry of an index names.
pub(crate) fn objects_of_file(entry: &FileEntry) -> Vec<Named> {
    let (wheel, filename) = (entry.sha256, &entry.filename);
    let mut named = vec![
        Named { object: StoredObject::Wheel { sha256: wheel, filename: filename.clone() }, sha256: wheel },
        Named {
            object: StoredObject::Metadata { sha256: wheel, filename: filename.clone() },
            sha256: entry.metadata_sha256,
        },
    ];
    let report = |sha256| Named { object: StoredObject::Admission { sha256 }, sha256 };
    named.extend(entry.admission_sha256.map(report));
    let document = |sha256: &Digest| Named { object: StoredObject::Document { sha256: *sha256 }, sha256: *sha256 };
    named.extend(entry.documents.values().map(document));
    named
}
