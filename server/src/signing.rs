//! The keys of channels: Ed25519 by ring, in a directory of their own outside the store, of which all is public.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkgsrv_index::{HeadSignature, UploadTime};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};

use crate::changes::time_of;
use crate::store::digest_of;
use crate::{ChannelName, ServerError};

/// For how many days a head is valid if nothing else is asked for.
pub const DEFAULT_EXPIRY_DAYS: u32 = 90;

/// Version of the list of keys.
const FORMAT: u32 = 1;

/// A directory with one of keys for each channel that signs: `{channel}/signing.json` lists them, `{channel}/{key}.pk8`
/// are PKCS#8 documents that only their owner can read.
#[derive(Debug, Clone)]
pub(crate) struct KeyDirectory(PathBuf);

/// What a channel signs with.
#[derive(Debug)]
pub(crate) struct ChannelKeys {
    list: KeyList,
    pairs: Vec<SigningKey>,
}

/// A key as readers are told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublicKey {
    /// What signatures call it: 16 hexadecimal digits.
    pub key: String,
    /// Its 32 bytes as base64.
    pub public_key: String,
}

/// `signing.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeyList {
    format: u32,
    expiry_days: u32,
    /// The newest first.
    keys: Vec<String>,
}

struct SigningKey {
    name: String,
    pair: Ed25519KeyPair,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ChannelKeys {
    /// The public keys, the newest first.
    pub(crate) fn public(&self) -> Vec<PublicKey> {
        let public = |SigningKey { name, pair }: &SigningKey| PublicKey {
            key: name.clone(),
            public_key: STANDARD.encode(pair.public_key()),
        };
        self.pairs.iter().map(public).collect()
    }

    /// For how many days a head is valid.
    pub(crate) const fn expiry_days(&self) -> u32 {
        self.list.expiry_days
    }

    /// For how long a head is valid.
    pub(crate) fn expiry(&self) -> Duration {
        Duration::from_hours(24 * u64::from(self.list.expiry_days))
    }

    /// From when on a head is refused that is made now.
    pub(crate) fn expires(&self, now: SystemTime) -> UploadTime {
        time_of(now + self.expiry())
    }

    /// What signatures call its keys, the newest first.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|pair| pair.name.as_str())
    }

    /// Signatures, one of each key, of bytes behind what tells what they are: a signature of anything else is none of them.
    pub(crate) fn sign(&self, domain: &[u8], bytes: &[u8]) -> Vec<HeadSignature> {
        let message = [domain, bytes].concat();
        let sign = |SigningKey { name, pair }: &SigningKey| HeadSignature {
            key: name.clone(),
            signature: STANDARD.encode(pair.sign(&message)),
        };
        self.pairs.iter().map(sign).collect()
    }
}

impl KeyDirectory {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where the keys of a channel are.
    pub(crate) fn path(&self, channel: &ChannelName) -> PathBuf {
        self.0.join(channel.as_str())
    }

    /// The keys of a channel; `None` if it has none.
    pub(crate) fn of(&self, channel: &ChannelName) -> Result<Option<ChannelKeys>, ServerError> {
        let path = self.list_path(channel);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(ServerError::Read { path, source }),
        };
        let list: KeyList = serde_json::from_slice(&bytes).map_err(|error| bad(&path, error.to_string()))?;
        if list.format != FORMAT {
            return Err(bad(&path, format!("it has format {}, this program reads {FORMAT}", list.format)));
        }
        let pairs: Vec<SigningKey> =
            list.keys.iter().map(|name| self.read_key(channel, name)).collect::<Result<_, _>>()?;
        if pairs.is_empty() {
            return Err(bad(&path, "it names no key, expected at least one".to_owned()));
        }
        Ok(Some(ChannelKeys { list, pairs }))
    }

    /// Makes a key, which becomes the channel's newest.
    pub(crate) fn add(&self, channel: &ChannelName, expiry_days: u32) -> Result<(), ServerError> {
        let directory = self.path(channel);
        let failed = |path: &Path, source| ServerError::Write { path: path.to_owned(), source };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(|source| failed(&directory, source))?;
        let refused = |path: &Path| bad(path, "the system gives no random numbers to make a key of".to_owned());
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| refused(&directory))?;
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).map_err(|_| refused(&directory))?;
        let name = name_of(&pair);
        let path = self.key_path(channel, &name);
        write_private(&path, document.as_ref()).map_err(|source| failed(&path, source))?;
        let before = self.of(channel)?.map(|keys| keys.list.keys).unwrap_or_default();
        let keys = std::iter::once(name).chain(before).collect();
        self.write_list(channel, &KeyList { format: FORMAT, expiry_days, keys })
    }

    /// Changes for how long the channel's heads are valid.
    pub(crate) fn set_expiry(&self, channel: &ChannelName, keys: &ChannelKeys, days: u32) -> Result<(), ServerError> {
        self.write_list(channel, &KeyList { expiry_days: days, ..keys.list.clone() })
    }

    /// Leaves the newest of these keys only; the files of the others stay.
    pub(crate) fn forget_old(&self, channel: &ChannelName, keys: &ChannelKeys) -> Result<(), ServerError> {
        let mut list = keys.list.clone();
        list.keys.truncate(1);
        self.write_list(channel, &list)
    }

    /// Removes the files of all but the newest of these keys.
    pub(crate) fn remove_files(&self, channel: &ChannelName, keys: &ChannelKeys) -> Result<(), ServerError> {
        for name in keys.list.keys.iter().skip(1) {
            let path = self.key_path(channel, name);
            fs::remove_file(&path).map_err(|source| ServerError::Write { path, source })?;
        }
        Ok(())
    }

    fn list_path(&self, channel: &ChannelName) -> PathBuf {
        self.path(channel).join("signing.json")
    }

    fn key_path(&self, channel: &ChannelName, name: &str) -> PathBuf {
        self.path(channel).join(format!("{name}.pk8"))
    }

    fn read_key(&self, channel: &ChannelName, name: &str) -> Result<SigningKey, ServerError> {
        let path = self.key_path(channel, name);
        let bytes = fs::read(&path).map_err(|source| ServerError::Read { path: path.clone(), source })?;
        let pair = Ed25519KeyPair::from_pkcs8(&bytes)
            .map_err(|error| bad(&path, format!("it is no Ed25519 key as PKCS#8: {error}")))?;
        if name_of(&pair) != name {
            return Err(bad(&path, format!("it holds the key {}, its name says {name}", name_of(&pair))));
        }
        Ok(SigningKey { name: name.to_owned(), pair })
    }

    /// Replaces the list in one step: it is never half there.
    fn write_list(&self, channel: &ChannelName, list: &KeyList) -> Result<(), ServerError> {
        let (directory, path) = (self.path(channel), self.list_path(channel));
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&directory)?;
            file.write_all(&serde_json::to_vec(list)?)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            File::open(&directory)?.sync_all()
        };
        write().map_err(|source| ServerError::Write { path: path.clone(), source })
    }
}

/// The first 16 hexadecimal digits of the public key's SHA-256.
fn name_of(pair: &Ed25519KeyPair) -> String {
    digest_of(pair.public_key().as_ref()).to_string()[..16].to_owned()
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn bad(path: &Path, reason: String) -> ServerError {
    ServerError::BadKey { path: path.to_owned(), reason }
}
