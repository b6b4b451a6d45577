//! Reading a channel: the head, then the index that it names.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use pkgsrv_index::{Abi, ChannelIndex, Head};

use crate::store::digest_of;
use crate::{ChannelName, ServerError, Store, StoredObject};

/// One line of a channel as of one head.
#[derive(Debug)]
pub struct Line {
    /// The head, `None` while nothing has been published.
    pub head: Option<Head>,
    /// What it names; empty while nothing has been published.
    pub index: ChannelIndex,
}

/// Tells two heads apart without reading them: a publish renames a new file into place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeadStamp(Option<(u64, u64, i64, i64)>);

impl HeadStamp {
    /// Whether there is a head at all.
    pub const fn is_published(self) -> bool {
        self.0.is_some()
    }
}

/// The stamp of a line's head.
pub fn head_stamp(store: &Store, channel: &ChannelName, abi: Abi) -> Result<HeadStamp, ServerError> {
    let path = store.file(&StoredObject::Head { channel: channel.clone(), abi });
    match fs::metadata(&path) {
        Ok(there) => Ok(HeadStamp(Some((there.ino(), there.len(), there.mtime(), there.mtime_nsec())))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HeadStamp(None)),
        Err(source) => Err(ServerError::Read { path, source }),
    }
}

/// Reads a line through its head. The index is checked against the digest that the head names.
pub fn read_line(store: &Store, channel: &ChannelName, abi: Abi) -> Result<Line, ServerError> {
    let object = StoredObject::Head { channel: channel.clone(), abi };
    let Some(bytes) = store.read(&object)? else {
        return Ok(Line { head: None, index: ChannelIndex::empty(abi) });
    };
    let path = store.file(&object);
    let head = Head::from_bytes(&bytes).map_err(|source| ServerError::Stored { path, source })?;
    let object = StoredObject::Index { channel: channel.clone(), abi, sha256: head.index.sha256 };
    let path = store.file(&object);
    let Some(bytes) = store.read(&object)? else {
        return Err(ServerError::Read { path, source: io::ErrorKind::NotFound.into() });
    };
    let found = digest_of(&bytes);
    if found != head.index.sha256 {
        return Err(ServerError::Damaged { path, expected: head.index.sha256, found });
    }
    let index = ChannelIndex::from_bytes(&bytes).map_err(|source| ServerError::Stored { path, source })?;
    Ok(Line { head: Some(head), index })
}
