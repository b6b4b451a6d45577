//! Stored twins of wheels on their way into a channel, and the encodings that browsers get.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{iter, thread};

use pkgsrv_index::{Abi, ContentCoding, Digest, FileEntry, Twin, WheelFilename};
use pkgsrv_wheel::Entry;

use super::candidates::Admitted;
use super::dictionary::Dictionary;
use crate::encoding::{self, Search};
use crate::store::digest_of;
use crate::upload::CheckedUpload;
use crate::{ServerError, Store, StoredObject};

/// Wheels whose files are larger than this together get no twin: clients hold twin and files in memory.
const LARGEST: u64 = 256 << 20;
/// A twin with its encodings.
#[derive(Debug)]
pub(super) struct MadeTwin {
    sha256: Digest,
    filename: WheelFilename,
    bytes: Vec<u8>,
    encodings: BTreeMap<ContentCoding, Vec<u8>>,
    /// What is new in it to who has the file of this digest.
    delta: Option<(Digest, Vec<u8>)>,
}

impl MadeTwin {
    /// Of a checked wheel, still without encodings; `None` if it is too large, or has none of this kind.
    fn of(upload: &CheckedUpload<'_>, kind: Kind, admitted: &Admitted) -> Result<Option<Self>, ServerError> {
        let size: u64 = upload.wheel.entries().map(Entry::size).sum();
        if size > LARGEST {
            return Ok(None);
        }
        let made = match kind {
            Kind::Stored => upload.wheel.stored_twin(),
            Kind::Compiled(abi) => {
                let Some(bytecode) = admitted.bytecode(abi, upload.filename) else { return Ok(None) };
                upload.wheel.compiled_twin(bytecode)
            }
        };
        let filename = upload.filename.clone();
        let twin = made.map_err(|source| ServerError::Wheel { filename: filename.to_string(), source })?;
        Ok(twin.map(|bytes| Self {
            sha256: digest_of(&bytes),
            filename,
            bytes,
            encodings: BTreeMap::new(),
            delta: None,
        }))
    }

    /// The objects to store, the twin last: where it is, its encodings are.
    fn into_objects(mut self) -> Vec<(StoredObject, Vec<u8>)> {
        let encodings = std::mem::take(&mut self.encodings);
        let mut objects: Vec<_> = encodings.into_iter().map(|(coding, bytes)| (self.encoded(coding), bytes)).collect();
        let sha256 = self.sha256;
        objects.extend(self.delta.map(|(dictionary, bytes)| (StoredObject::Delta { sha256, dictionary }, bytes)));
        objects.push((StoredObject::Twin { sha256: self.sha256, filename: self.filename }, self.bytes));
        objects
    }

    /// What the index says of it.
    pub(super) fn entry(&self) -> Twin {
        let encodings = self.encodings.iter().map(|(coding, bytes)| (*coding, bytes.len() as u64)).collect();
        Twin { sha256: self.sha256, size: self.bytes.len() as u64, encodings }
    }

    /// Whether some client gets fewer bytes of it than of the wheel as it was uploaded.
    fn saves_bytes_of(&self, uploaded: usize) -> bool {
        self.encodings.values().any(|encoded| encoded.len() < uploaded)
    }

    fn encoded(&self, coding: ContentCoding) -> StoredObject {
        StoredObject::EncodedTwin { sha256: self.sha256, filename: self.filename.clone(), coding }
    }

    /// The bytes in an encoding, `None` if they are not fewer. One that is stored stays, also if an encoder of today
    /// would find another: its address has been given away.
    fn encode(&self, store: &Store, coding: ContentCoding) -> Result<Option<Vec<u8>>, ServerError> {
        let there = store.read(&self.encoded(coding))?;
        if there.as_ref().is_some_and(|there| encoding::is_of(coding, there, &self.bytes)) {
            return Ok(there);
        }
        let encoded = encoding::encode(coding, &self.bytes, Search::Long);
        Ok(encoded.filter(|encoded| encoded.len() < self.bytes.len()))
    }

    /// The bytes as what is new in them to who has `before`, the file that the dictionary means.
    fn delta_over(&self, store: &Store, before: &[u8], dictionary: Digest) -> Result<Option<Vec<u8>>, ServerError> {
        let there = store.read(&StoredObject::Delta { sha256: self.sha256, dictionary })?;
        if there.as_ref().is_some_and(|there| encoding::is_delta_of(there, before, dictionary, &self.bytes)) {
            return Ok(there);
        }
        Ok(encoding::delta(&self.bytes, before, dictionary))
    }

    /// Takes a delta if it is smaller than every encoding: who takes a delta takes the best of those too.
    fn take_delta(&mut self, dictionary: Digest, delta: Vec<u8>) {
        let smallest = self.encodings.values().map(Vec::len).min().unwrap_or(self.bytes.len());
        self.delta = Some((dictionary, delta)).filter(|(_, delta)| delta.len() < smallest);
    }
}

/// What of a wheel a twin has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// The same files.
    Stored,
    /// Bytecode of an ABI's Python in the place of modules.
    Compiled(Abi),
}

impl Kind {
    /// Those that a line has.
    pub(super) const fn of(abi: Abi) -> [Self; 2] {
        [Self::Stored, Self::Compiled(abi)]
    }

    /// The twin of this kind that an entry of a line names.
    pub(super) const fn of_entry(self, entry: &FileEntry) -> Option<&Twin> {
        match self {
            Self::Stored => entry.twin.as_ref(),
            Self::Compiled(_) => entry.compiled.as_ref(),
        }
    }

    /// Whether one with these encodings is worth having.
    fn is_worth_having(self, twin: &MadeTwin, uploaded: usize) -> bool {
        // Nobody else has bytecode.
        matches!(self, Self::Compiled(_)) || twin.saves_bytes_of(uploaded)
    }
}

/// The twins of a publish, by kind and the wheel's filename; `None` for a wheel that is better off without.
#[derive(Debug, Default)]
pub(super) struct Twins(HashMap<(Kind, WheelFilename), Option<MadeTwin>>);

impl Twins {
    /// The twin of a wheel, if it was made and is worth having.
    pub(super) fn of(&self, kind: Kind, filename: &WheelFilename) -> Option<&MadeTwin> {
        self.0.get(&(kind, filename.clone()))?.as_ref()
    }

    /// All objects to store. The same publish makes the same writes in the same order.
    pub(super) fn into_objects(self) -> impl Iterator<Item = (StoredObject, Vec<u8>)> {
        let mut twins: Vec<MadeTwin> = self.0.into_values().flatten().collect();
        twins.sort_by(|one, other| (one.filename.as_str(), one.sha256).cmp(&(other.filename.as_str(), other.sha256)));
        twins.into_iter().flat_map(MadeTwin::into_objects)
    }

    /// Whether nothing is left to be made for these files of a line.
    pub(super) fn cover(&self, abi: Abi, filenames: &[WheelFilename]) -> bool {
        Kind::of(abi).iter().all(|&kind| filenames.iter().all(|filename| self.has(kind, filename)))
    }

    fn has(&self, kind: Kind, filename: &WheelFilename) -> bool {
        self.0.contains_key(&(kind, filename.clone()))
    }

    /// Makes those of a kind that are not there yet, of what admission has compiled, and then deltas over the files that
    /// `dictionary` tells, which may be some of them.
    pub(super) fn make(
        &mut self,
        store: &Store,
        kind: Kind,
        uploads: &[&CheckedUpload<'_>],
        admitted: &Admitted,
        dictionary: impl Fn(&WheelFilename, &Self) -> Option<Dictionary>,
    ) -> Result<(), ServerError> {
        let missing: Vec<_> = uploads.iter().filter(|upload| !self.has(kind, upload.filename)).collect();
        let made = missing.iter().map(|upload| MadeTwin::of(upload, kind, admitted)).collect::<Result<_, _>>()?;
        for (upload, twin) in missing.iter().zip(encode_all(store, made)?) {
            let twin = twin.filter(|twin| kind.is_worth_having(twin, upload.bytes.len()));
            self.0.insert((kind, upload.filename.clone()), twin);
        }
        let over = |filename| Some((self.of(kind, filename)?, dictionary(filename, self)?));
        let tasks: Vec<_> = missing.iter().filter_map(|upload| over(upload.filename)).collect();
        let deltas: Vec<Result<_, ServerError>> = side_by_side(&tasks, |(twin, dictionary)| {
            let Some(before) = self.read(store, kind, dictionary)? else { return Ok(None) };
            let delta = twin.delta_over(store, &before, dictionary.sha256)?;
            Ok(delta.map(|delta| (twin.filename.clone(), dictionary.sha256, delta)))
        });
        for made in deltas {
            let Some((filename, dictionary, delta)) = made? else { continue };
            if let Some(Some(twin)) = self.0.get_mut(&(kind, filename)) {
                twin.take_delta(dictionary, delta);
            }
        }
        Ok(())
    }

    /// The bytes of a file that deltas are made over: one of these twins, or of the store; `None` if they are not there, or
    /// others.
    fn read(&self, store: &Store, kind: Kind, dictionary: &Dictionary) -> Result<Option<Cow<'_, [u8]>>, ServerError> {
        let own = self.of(kind, &dictionary.filename).filter(|twin| twin.sha256 == dictionary.sha256);
        if let Some(twin) = own {
            return Ok(Some(Cow::Borrowed(&twin.bytes)));
        }
        let stored = store.read(&dictionary.object())?;
        Ok(stored.filter(|bytes| digest_of(bytes) == dictionary.sha256).map(Cow::Owned))
    }
}

/// Makes the encodings of twins, on as many threads as the machine has for us.
fn encode_all(store: &Store, mut made: Vec<Option<MadeTwin>>) -> Result<Vec<Option<MadeTwin>>, ServerError> {
    let twins = made.iter().enumerate().filter_map(|(at, twin)| Some((at, twin.as_ref()?)));
    let mut tasks: Vec<_> =
        twins.flat_map(|(at, twin)| ContentCoding::ALL.map(move |coding| (at, twin, coding))).collect();
    if !tasks.is_empty() {
        tracing::info!(encodings = tasks.len(), "compressing for browsers");
    }
    // What takes longest is begun first.
    tasks.sort_by_key(|(_, twin, _)| Reverse(twin.bytes.len()));
    let encoded = side_by_side(&tasks, |(at, twin, coding)| (*at, *coding, twin.encode(store, *coding)));
    for (at, coding, bytes) in encoded {
        if let (Some(twin), Some(bytes)) = (&mut made[at], bytes?) {
            twin.encodings.insert(coding, bytes);
        }
    }
    Ok(made)
}

/// What `work` makes of each task, in the order of the tasks.
fn side_by_side<T: Sync, R: Send>(tasks: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let take = || {
        let at = next.fetch_add(1, Ordering::Relaxed);
        Some((at, tasks.get(at)?))
    };
    let run = || iter::from_fn(take).map(|(at, task)| (at, work(task))).collect::<Vec<_>>();
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(tasks.len());
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_twin_has_to_be_smaller_in_some_encoding() {
        let twin = |encodings: &[(ContentCoding, usize)]| MadeTwin {
            sha256: digest_of(b""),
            filename: "a-1.0-py3-none-any.whl".parse().unwrap(),
            bytes: vec![0; 100],
            encodings: encodings.iter().map(|(coding, size)| (*coding, vec![0; *size])).collect(),
            delta: None,
        };
        assert!(!twin(&[]).saves_bytes_of(50));
        assert!(!twin(&[(ContentCoding::Gzip, 60), (ContentCoding::Br, 50)]).saves_bytes_of(50));
        assert!(twin(&[(ContentCoding::Gzip, 60), (ContentCoding::Br, 49)]).saves_bytes_of(50));
    }

    #[test]
    fn a_delta_has_to_be_smaller_than_every_encoding() {
        for (size, is_kept) in [(49, true), (50, false), (70, false)] {
            let mut twin = MadeTwin {
                sha256: digest_of(b""),
                filename: "a-1.0-py3-none-any.whl".parse().unwrap(),
                bytes: vec![0; 100],
                encodings: [(ContentCoding::Gzip, vec![0; 60]), (ContentCoding::Br, vec![0; 50])].into(),
                delta: None,
            };
            twin.take_delta(digest_of(b"before"), vec![0; size]);
            assert_eq!(twin.delta.is_some(), is_kept, "{size}");
        }
    }

    #[test]
    fn results_are_in_the_order_of_their_tasks() {
        let tasks: Vec<u64> = (0..200).collect();
        assert_eq!(side_by_side(&tasks, |task| task * task), tasks.iter().map(|task| task * task).collect::<Vec<_>>());
        assert!(side_by_side(&[], |task: &u64| *task).is_empty());
    }
}
