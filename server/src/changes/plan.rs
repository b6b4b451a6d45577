//! The writes that change lines, in an order that no reader and no failure can take apart.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use pkgsrv_index::tree::WrittenNode;
use pkgsrv_index::{Head, HeadSignatures, SIGNATURE_DOMAIN, TreeRoots, UploadTime};

use super::Projects;
use crate::channel::Line;
use crate::signing::ChannelKeys;
use crate::store::{PublishLock, digest_of};
use crate::trees::NewTrees;
use crate::{ServerError, Store, StoredObject};

type Write<'a> = (StoredObject, Cow<'a, [u8]>);

/// Writes in the order of the fields: each names only what an earlier one wrote.
#[derive(Debug, Default)]
pub(crate) struct Plan<'a> {
    blobs: Vec<Write<'a>>,
    views: Vec<Write<'a>>,
    heads: Vec<Write<'a>>,
}

impl<'a> Plan<'a> {
    /// Plans an object that lines will name.
    pub(crate) fn add_blob(&mut self, object: StoredObject, bytes: impl Into<Cow<'a, [u8]>>) {
        self.blobs.push((object, bytes.into()));
    }

    /// Plans that these projects of a line are as given. Nothing is written for a line that has them so already.
    /// Returns the serial of its head then.
    pub(crate) fn change(&mut self, line: &Line, projects: &Projects, now: SystemTime) -> Result<u64, ServerError> {
        let changed = line.changed(projects)?;
        if changed.roots == *line.trees() {
            return Ok(line.serial());
        }
        // A line whose index was one document gets trees now.
        for trees in line.unsaved().into_iter().chain([&changed]) {
            self.add_nodes(line, trees);
        }
        self.add_head(line, changed.roots, now)
    }

    /// Plans a new head for what a line has, with fresh signatures. Returns its serial.
    pub(crate) fn renew(&mut self, line: &Line, now: SystemTime) -> Result<u64, ServerError> {
        if let Some(trees) = line.unsaved() {
            self.add_nodes(line, trees);
        }
        self.add_head(line, *line.trees(), now)
    }

    /// The writes, in order. Who reads after any number of them finds each line before or after.
    pub(crate) fn writes(&self) -> impl Iterator<Item = (&StoredObject, &[u8])> {
        let Self { blobs, views, heads } = self;
        blobs.iter().chain(views).chain(heads).map(|(object, bytes)| (object, &**bytes))
    }

    /// Makes the writes.
    pub(crate) fn carry_out(&self, store: &Store, lock: &PublishLock) -> Result<(), ServerError> {
        self.writes().try_for_each(|(object, bytes)| store.write(lock, object, bytes))
    }

    fn add_nodes(&mut self, line: &Line, trees: &NewTrees) {
        let (channel, abi) = (line.channel(), line.abi());
        for WrittenNode { sha256, bytes, .. } in &trees.index {
            let object = StoredObject::Index { channel: channel.clone(), abi, sha256: *sha256 };
            self.views.push((object, bytes.clone().into()));
        }
        for WrittenNode { sha256, bytes, .. } in &trees.published {
            let object = StoredObject::Repodata { channel: channel.clone(), abi, sha256: *sha256 };
            self.views.push((object, bytes.clone().into()));
        }
    }

    /// A head after the line's present one, and what keeps both for the line's history.
    fn add_head(&mut self, line: &Line, trees: TreeRoots, now: SystemTime) -> Result<u64, ServerError> {
        let (channel, abi, serial) = (line.channel().clone(), line.abi(), line.serial() + 1);
        let past = |serial| StoredObject::PastHead { channel: channel.clone(), abi, serial };
        // That of a line which has no history yet: an earlier version published it.
        if let Some(bytes) = line.head_bytes()
            && line.store().read(&past(line.serial()))?.is_none()
        {
            self.views.push((past(line.serial()), bytes.to_vec().into()));
        }
        let mut head = Head::new(abi, serial, channel.blobs_from_view(), trees);
        head.changed = Some(time_of(now));
        let keys = channel_keys(line)?;
        head.expires = keys.as_ref().map(|keys| keys.expires(now));
        let bytes = head.to_bytes();
        if let Some(keys) = keys {
            let sha256 = digest_of(&bytes);
            let object = StoredObject::HeadSignature { channel: channel.clone(), abi, sha256 };
            let signatures = HeadSignatures::new(keys.sign(SIGNATURE_DOMAIN, &bytes));
            self.views.push((object, signatures.to_bytes().into()));
        }
        self.views.push((past(serial), bytes.clone().into()));
        self.heads.push((StoredObject::Head { channel, abi }, bytes.into()));
        Ok(serial)
    }
}

/// What the line's channel signs with. A channel that has signed does not fall back to heads that nobody signed, which
/// its readers would refuse.
fn channel_keys(line: &Line) -> Result<Option<ChannelKeys>, ServerError> {
    let keys = line.store().keys().map(|keys| keys.of(line.channel())).transpose()?.flatten();
    if keys.is_none() && line.expires().is_some() {
        let directory = line.store().keys().map(|keys| keys.path(line.channel())).unwrap_or_default();
        return Err(ServerError::KeysAreGone { channel: line.channel().to_string(), directory });
    }
    Ok(keys)
}

/// A time as the formats write it.
pub(crate) fn time_of(now: SystemTime) -> UploadTime {
    let micros = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    UploadTime::from_unix_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}
