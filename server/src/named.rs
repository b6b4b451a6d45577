//! What an index and a head name: the one list of it, for whoever copies a channel.

use pkgsrv_index::{Abi, ContentCoding, Digest, FileEntry, IndexError, StoredHead};

use crate::store::digest_of;
use crate::{ChannelName, StoredObject, encoding};

/// An object, and what says whether bytes are its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) object: StoredObject,
    pub(crate) check: Check,
}

/// What the name of an object promises of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Check {
    /// SHA-256 of the bytes, decoded.
    pub(crate) sha256: Digest,
    /// How many bytes there are, not decoded, if the index says so.
    pub(crate) size: Option<u64>,
    /// The encoding, and how many bytes there are when it is taken off.
    coding: Option<(ContentCoding, u64)>,
}

impl Check {
    /// Of bytes that are not encoded.
    pub(crate) const fn of(sha256: Digest, size: Option<u64>) -> Self {
        Self { sha256, size, coding: None }
    }

    /// The digest that bytes have, to be compared. What does not decode has that of the bytes as they are.
    pub(crate) fn digest(&self, bytes: &[u8]) -> Digest {
        let Some((coding, size)) = self.coding else { return digest_of(bytes) };
        encoding::decode(coding, bytes, size).map_or_else(|_| digest_of(bytes), |decoded| digest_of(&decoded))
    }
}

/// Every object that an entry of an index names.
pub(crate) fn objects_of_file(entry: &FileEntry) -> Vec<Named> {
    let mut named = own_objects_of_file(entry);
    let shared = |object, sha256| Named { object, check: Check::of(sha256, None) };
    named.extend(entry.admission_sha256.map(|sha256| shared(StoredObject::Admission { sha256 }, sha256)));
    named.extend(entry.documents.values().map(|&sha256| shared(StoredObject::Document { sha256 }, sha256)));
    named
}

/// What belongs to a head beside its trees: its place in the line's history, and its signatures if it has any.
pub(crate) fn objects_of_head(channel: &ChannelName, abi: Abi, head: &[u8]) -> Result<Vec<StoredObject>, IndexError> {
    let (serial, expires) = match StoredHead::from_bytes(head)? {
        StoredHead::Trees(head) => (head.serial, head.expires),
        StoredHead::Whole(head) => (head.serial, None),
    };
    let mut objects = vec![StoredObject::PastHead { channel: channel.clone(), abi, serial }];
    if expires.is_some() {
        objects.push(StoredObject::HeadSignature { channel: channel.clone(), abi, sha256: digest_of(head) });
    }
    Ok(objects)
}

/// Those that belong to this file alone: the wheel, its METADATA, its twins and their encodings. Reports and documents
/// are named by what is in them, and others may name the same.
pub(crate) fn own_objects_of_file(entry: &FileEntry) -> Vec<Named> {
    let (wheel, filename) = (entry.sha256, || entry.filename.clone());
    let plain = |object, sha256, size| Named { object, check: Check::of(sha256, size) };
    let mut named = vec![
        plain(StoredObject::Wheel { sha256: wheel, filename: filename() }, wheel, Some(entry.size)),
        plain(StoredObject::Metadata { sha256: wheel, filename: filename() }, entry.metadata_sha256, None),
    ];
    for twin in entry.twin.iter().chain(&entry.compiled) {
        let sha256 = twin.sha256;
        named.push(plain(StoredObject::Twin { sha256, filename: filename() }, sha256, Some(twin.size)));
        named.extend(twin.encodings.iter().map(|(&coding, &size)| Named {
            object: StoredObject::EncodedTwin { sha256, filename: filename(), coding },
            check: Check { sha256, size: Some(size), coding: Some((coding, twin.size)) },
        }));
    }
    named
}
