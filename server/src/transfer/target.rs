//! Where static objects are written and read: a directory or a bucket. Every write of an export goes through here.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::{StreamExt as _, pin_mut, stream};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{
    Attribute, Attributes, Error as StoreError, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload,
    UpdateVersion,
};
use pkgsrv_builder::Interrupt;
use tokio::runtime::Handle;

use super::{Place, TransferError};
use crate::CachePolicy;
use crate::settings::bucket;

/// How many objects are under way at once; each is in memory meanwhile.
const AT_ONCE: usize = 8;

/// Is told of every write and removal after it was made: the key, and the bytes that are there now.
pub type TargetWatch = Arc<dyn Fn(&str, Option<&[u8]>) + Send + Sync>;

/// Static objects in a directory or a bucket. Its methods wait, so they are for threads that may.
#[derive(Clone)]
pub struct Target {
    store: Arc<dyn ObjectStore>,
    place: String,
    prefix: String,
    /// Set for a directory, which has no conditional writes, no metadata, and no names that end in a slash.
    directory: Option<PathBuf>,
    runtime: Handle,
    watch: Option<TargetWatch>,
}

/// What a small object was when it was read, so that it is replaced only while it still is that.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) bytes: Option<Vec<u8>>,
    version: Option<UpdateVersion>,
}

/// How an object is to be served.
#[derive(Debug, Clone, Copy)]
pub(super) struct Serving {
    pub(super) content_type: &'static str,
    pub(super) policy: CachePolicy,
}

/// An object to be written.
pub(super) struct Put {
    pub(super) key: String,
    pub(super) serving: Serving,
    pub(super) size: u64,
    /// Whether one of this size need not be written again: its key names its bytes.
    pub(super) keep: bool,
    pub(super) read: Box<dyn FnOnce() -> Result<Vec<u8>, TransferError>>,
}

/// Counts of objects and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) objects: u64,
    pub(super) bytes: u64,
    /// Objects that were there already.
    pub(super) kept: u64,
}

/// Why a conditional write was not made.
pub(super) enum NotReplaced {
    /// It is no longer what was seen.
    Changed,
    /// Something else.
    Failed(TransferError),
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Target {
    /// Opens a directory, which is made if need be, or a bucket, which must be there.
    pub fn open(place: &Place, runtime: Handle) -> Result<Self, TransferError> {
        let opened =
            |remedy| move |source| TransferError::Open { place: place.to_string(), remedy, source: Box::new(source) };
        match place {
            Place::Directory(directory) => {
                let failed = |source| TransferError::File { file: place.to_string(), source };
                std::fs::create_dir_all(directory).map_err(failed)?;
                let store = LocalFileSystem::new_with_prefix(directory)
                    .map_err(opened("expected a directory that this user may write"))?
                    .with_fsync(true);
                Ok(Self {
                    directory: Some(directory.clone()),
                    ..Self::of_store(Arc::new(store), place.to_string(), runtime)
                })
            }
            Place::Bucket { bucket: name, prefix } => {
                let store =
                    bucket(name).map_err(opened("see the variables AWS_ENDPOINT_URL, AWS_REGION and their like"))?;
                Ok(Self { prefix: prefix.clone(), ..Self::of_store(Arc::new(store), place.to_string(), runtime) })
            }
            Place::Server(_) => Err(TransferError::NotATarget { place: place.to_string() }),
        }
    }

    /// A store that behaves as a bucket does; `place` is what messages call it.
    pub fn of_store(store: Arc<dyn ObjectStore>, place: String, runtime: Handle) -> Self {
        Self { store, place, prefix: String::new(), directory: None, runtime, watch: None }
    }

    /// The same, with a witness of every change.
    #[must_use]
    pub fn watched(self, watch: TargetWatch) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// What messages call it.
    pub(super) fn place(&self) -> String {
        self.place.clone()
    }

    /// Whether keys may end in a slash, which is how a bucket has an object at the address of a directory.
    pub(super) const fn has_slash_keys(&self) -> bool {
        self.directory.is_none()
    }

    /// The bytes of an object, `None` if there is none.
    pub(super) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, TransferError> {
        Ok(self.see(key)?.bytes)
    }

    /// The same, without waiting.
    pub(super) async fn fetch(&self, key: &str) -> Result<Option<Vec<u8>>, TransferError> {
        Ok(self.look(key).await?.bytes)
    }

    /// Reads what is to be replaced.
    pub(super) fn see(&self, key: &str) -> Result<Seen, TransferError> {
        self.runtime.block_on(self.look(key))
    }

    async fn look(&self, key: &str) -> Result<Seen, TransferError> {
        let failed = |source| self.failed("read", key, source);
        let found = match self.store.get(&self.key(key)).await {
            Err(StoreError::NotFound { .. }) => return Ok(Seen::default()),
            found => found.map_err(failed)?,
        };
        let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
        let bytes = found.bytes().await.map_err(failed)?.to_vec();
        Ok(Seen { bytes: Some(bytes), version: Some(version) })
    }

    /// Writes objects, several at once; those that are to be kept and are there are not written. The first failure ends
    /// it, and what is under way is broken off: an object appears whole or not at all.
    pub(super) fn put_all(
        &self,
        puts: impl Iterator<Item = Result<Put, TransferError>>,
        interrupt: &Interrupt,
        mut told: impl FnMut(&Sent),
    ) -> Result<Sent, TransferError> {
        let writes = stream::iter(puts).map(async |put| self.put(put?).await).buffer_unordered(AT_ONCE);
        pin_mut!(writes);
        let mut sent = Sent::default();
        loop {
            if interrupt.check().is_err() {
                return Err(TransferError::Interrupted);
            }
            let Some(written) = self.runtime.block_on(writes.next()) else { return Ok(sent) };
            match written? {
                Some(bytes) => {
                    sent.objects += 1;
                    sent.bytes += bytes;
                }
                None => sent.kept += 1,
            }
            told(&sent);
        }
    }

    /// How many bytes were written, `None` if the object was there.
    async fn put(&self, put: Put) -> Result<Option<u64>, TransferError> {
        let Put { key, serving, size, keep, read } = put;
        if keep && self.size(&key).await? == Some(size) {
            return Ok(None);
        }
        let bytes = read()?;
        let options = self.options(PutMode::Overwrite, serving);
        let payload = PutPayload::from(bytes.clone());
        self.store
            .put_opts(&self.key(&key), payload, options)
            .await
            .map_err(|source| self.failed("write", &key, source))?;
        self.tell(&key, Some(&bytes));
        Ok(Some(bytes.len() as u64))
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, TransferError> {
        match self.store.head(&self.key(key)).await {
            Err(StoreError::NotFound { .. }) => Ok(None),
            found => Ok(Some(found.map_err(|source| self.failed("look for", key, source))?.size)),
        }
    }

    /// Replaces an object if it is still as it was seen.
    pub(super) fn replace(&self, key: &str, seen: &Seen, bytes: &[u8], serving: Serving) -> Result<(), NotReplaced> {
        let _lock = self.lock().map_err(NotReplaced::Failed)?;
        let mode = match (&self.directory, &seen.version) {
            (Some(_), _) => {
                if self.get(key).map_err(NotReplaced::Failed)? != seen.bytes {
                    return Err(NotReplaced::Changed);
                }
                PutMode::Overwrite
            }
            (None, Some(version)) => PutMode::Update(version.clone()),
            (None, None) => PutMode::Create,
        };
        let options = self.options(mode, serving);
        let at = self.key(key);
        match self.runtime.block_on(self.store.put_opts(&at, PutPayload::from(bytes.to_vec()), options)) {
            Ok(_) => {
                self.tell(key, Some(bytes));
                Ok(())
            }
            // A first answer may have been lost on its way, and the second try met our own bytes.
            Err(StoreError::Precondition { .. } | StoreError::AlreadyExists { .. }) => {
                let is_ours = self.get(key).map_err(NotReplaced::Failed)?.as_deref() == Some(bytes);
                if is_ours { Ok(()) } else { Err(NotReplaced::Changed) }
            }
            Err(source) => Err(NotReplaced::Failed(self.failed("write", key, source))),
        }
    }

    /// Removes an object; it need not be there.
    pub(super) fn remove(&self, key: &str) -> Result<(), TransferError> {
        match self.runtime.block_on(self.store.delete(&self.key(key))) {
            Ok(()) => self.tell(key, None),
            Err(StoreError::NotFound { .. }) => {}
            Err(source) => return Err(self.failed("remove", key, source)),
        }
        Ok(())
    }

    /// A directory has no conditional writes: comparing and renaming are one step under this lock.
    fn lock(&self) -> Result<Option<File>, TransferError> {
        let Some(directory) = &self.directory else { return Ok(None) };
        let failed = |source| TransferError::Lock { place: self.place(), source };
        let file = File::create(directory.join(".export.lock")).map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok(Some(file))
    }

    fn options(&self, mode: PutMode, serving: Serving) -> PutOptions {
        if self.directory.is_some() {
            return mode.into();
        }
        let attributes = Attributes::from_iter([
            (Attribute::ContentType, serving.content_type),
            (Attribute::CacheControl, serving.policy.header()),
        ]);
        PutOptions { attributes, ..mode.into() }
    }

    /// Keys are plain text, and one may end in a slash, which `Key::parse` would take off.
    fn key(&self, key: &str) -> Key {
        let whole: Key = format!("{}{}", self.prefix, key.trim_end_matches('/')).into();
        if key.ends_with('/') { whole.join("") } else { whole }
    }

    fn failed(&self, doing: &'static str, key: &str, source: StoreError) -> TransferError {
        TransferError::Object {
            doing,
            object: format!("{}{key}", self.prefix),
            place: self.place(),
            source: Box::new(source),
        }
    }

    fn tell(&self, key: &str, bytes: Option<&[u8]>) {
        if let Some(watch) = &self.watch {
            watch(key, bytes);
        }
    }
}
