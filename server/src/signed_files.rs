//! What readers of a signed channel start interpreters from: a signed list for each line, of its environments and of the
//! files of its runtime.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use pkgsrv_index::{Abi, HeadSignature, UploadTime};
use serde::{Deserialize, Serialize};

use crate::changes::{lines_with_heads, time_of};
use crate::file_list::{FileList, Listed, ListedFile, digest_at};
use crate::signing::ChannelKeys;
use crate::{ChannelName, DataDir, ServerError};

/// The list's own name, in the directory of a line's environments, of which none can have it.
pub(crate) const SIGNED_FILES: &str = "signed_files.json";

/// What stands before the list's text where it is signed.
const DOMAIN: &[u8] = b"pkgsrv files 1\n";

const FORMAT: u32 = 1;

/// What lies there: the list and its signatures are replaced together.
#[derive(Serialize, Deserialize)]
struct Document {
    format: u32,
    /// [`SignedFiles`] as JSON: what is signed is this text.
    files: String,
    signatures: Vec<HeadSignature>,
}

#[derive(Serialize, Deserialize)]
struct SignedFiles {
    abi: Abi,
    /// Grows with every list, also where the one before is lost.
    serial: u64,
    /// From when on readers refuse it.
    expires: UploadTime,
    #[serde(flatten)]
    lists: Lists,
}

#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Lists {
    /// The indexes of the line's environments, which name the rest by digest.
    environments: Vec<ListedFile>,
    /// The files of the line's runtime.
    runtime: Vec<ListedFile>,
}

/// Which lists are written.
#[derive(Debug, Clone, Copy)]
enum Renewal<'a> {
    /// Those that lack something, or whose time will be over soon.
    Due,
    /// All of one channel.
    Of(&'a ChannelName),
}

/// Signs what the lines of signed channels have, where that has changed, or where half of a list's time has passed.
/// Channels without a key are left alone.
pub fn sign_files(data: &DataDir, now: SystemTime) -> Result<(), ServerError> {
    sign(data, Renewal::Due, now)
}

/// Signs what the lines of a channel have anew, with its keys as they are now.
pub fn sign_files_anew(data: &DataDir, channel: &ChannelName, now: SystemTime) -> Result<(), ServerError> {
    sign(data, Renewal::Of(channel), now)
}

fn sign(data: &DataDir, renewal: Renewal<'_>, now: SystemTime) -> Result<(), ServerError> {
    let store = data.store();
    let Some(directory) = store.keys() else { return Ok(()) };
    let channels = match renewal {
        Renewal::Due => store.channels()?,
        Renewal::Of(channel) => vec![channel.clone()],
    };
    for channel in channels {
        let Some(keys) = directory.of(&channel)? else { continue };
        for line in lines_with_heads(&store, &channel, None)? {
            let is_due = |known: &Option<Known>, lists: &Lists| match (known, renewal) {
                (Some(known), Renewal::Due) => known.lacks(lists, &keys, now),
                (Some(_), Renewal::Of(_)) => true,
                // A channel that nobody starts interpreters from needs none.
                (None, _) => !(lists.environments.is_empty() && lists.runtime.is_empty()),
            };
            let (here, abi) = (data.environments(&channel, line.abi()), line.abi());
            // Where nothing is due nothing is written: this process may only be able to read.
            if !is_due(&Known::read(&here)?, &Lists::of(data, &channel, abi)?) {
                continue;
            }
            let _lock = data.lock()?;
            let (known, lists) = (Known::read(&here)?, Lists::of(data, &channel, abi)?);
            if is_due(&known, &lists) {
                let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
                let serial = known.map_or(0, |known| known.files.serial + 1).max(seconds);
                write(data, &here, &SignedFiles { abi, serial, expires: keys.expires(now), lists }, &keys)?;
            }
        }
    }
    Ok(())
}

/// Keeps the list that another data directory has of the same line, with its signatures.
pub(crate) fn keep_signed(data: &DataDir, channel: &ChannelName, abi: Abi, bytes: &[u8]) -> Result<(), ServerError> {
    let here = data.environments(channel, abi);
    let _lock = data.lock()?;
    if fs::read(here.join(SIGNED_FILES)).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    data.put(&here, SIGNED_FILES, bytes)
}

/// Replaces the list in one step, under the data directory's lock.
fn write(data: &DataDir, here: &Path, files: &SignedFiles, keys: &ChannelKeys) -> Result<(), ServerError> {
    let text = serde_json::to_string(files).expect("strings and numbers");
    let signatures = keys.sign(DOMAIN, text.as_bytes());
    let document = serde_json::to_vec(&Document { format: FORMAT, files: text, signatures });
    data.put(here, SIGNED_FILES, &document.expect("strings and numbers"))
}

impl Lists {
    fn of(data: &DataDir, channel: &ChannelName, abi: Abi) -> Result<Self, ServerError> {
        let list = |directory: PathBuf, listed| -> Result<Vec<ListedFile>, ServerError> {
            Ok(FileList::of(&directory, listed, digest_at)?.map(FileList::into_files).unwrap_or_default())
        };
        let (name, version) = (abi.facts().runtime, abi.facts().runtime_version);
        Ok(Self {
            environments: list(data.environments(channel, abi), Listed::Environments)?,
            runtime: list(data.runtimes().join(name).join(version), Listed::Served)?,
        })
    }
}

/// A list that is there.
struct Known {
    files: SignedFiles,
    signatures: Vec<HeadSignature>,
}

impl Known {
    /// One that cannot be read is none: the next one takes its place.
    fn read(here: &Path) -> Result<Option<Self>, ServerError> {
        let path = here.join(SIGNED_FILES);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|source| ServerError::Read { path, source })?,
        };
        let document: Option<Document> = serde_json::from_slice(&bytes).ok();
        Ok(document.filter(|document| document.format == FORMAT).and_then(|Document { files, signatures, .. }| {
            Some(Self { files: serde_json::from_str(&files).ok()?, signatures })
        }))
    }

    fn lacks(&self, lists: &Lists, keys: &ChannelKeys, now: SystemTime) -> bool {
        let half = time_of(now + keys.expiry() / 2);
        let signed_by = self.signatures.iter().map(|signature| signature.key.as_str());
        self.files.lists != *lists || self.files.expires < half || !signed_by.eq(keys.names())
    }
}
