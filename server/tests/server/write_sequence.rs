//! The writes of real publishes, as the disk sees them: every prefix is played into a directory of its own, and readers
//! of any of them must find a whole state.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use pkgsrv::{
    ChannelName, DataDir, DiskOperation, PromptListen, PromptSettings, ServeSettings, Store, StoredObject, Upload,
    delete, init_signing, promote, publish, read_line, refresh, rollback, yank,
};
use pkgsrv_builder::AdmissionReport;
use pkgsrv_index::{Abi, ContentCoding};
use tempfile::TempDir;

use crate::fixture::{body, noon_of_no_day, request, send};
use crate::reports;
use crate::twins::decoded;
use crate::wheels::{documented, helper, native, wheel};

/// What was published when, for comparing with what readers find: channel and filenames.
const CHANNELS: [&str; 2] = ["main", "next"];

/// Publishes wheels with reports on their admission.
pub fn reported(store: &Store, channel: &str, uploads: &[Upload]) {
    let channel: ChannelName = channel.parse().unwrap();
    let abis: Vec<Abi> = Abi::released().collect();
    let admit = |candidate: &pkgsrv::Candidate<'_>| Ok(reports::admitted(candidate));
    publish(store, &channel, &abis, uploads, noon_of_no_day(), &admit).unwrap();
}

/// One publish after another into one store, then whatever else changes channels, with every operation that was made, in
/// order.
fn recorded() -> (TempDir, Vec<DiskOperation>) {
    let (directory, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let operations = Arc::new(Mutex::new(Vec::new()));
    let watching = Arc::clone(&operations);
    let store = Store::watched(
        DataDir::new(directory.path()).store().root(),
        Arc::new(move |operation| watching.lock().unwrap().push(operation)),
    )
    .with_keys(keys.path());
    let (main, next) = (ChannelName::main(), "next".parse::<ChannelName>().unwrap());
    let now = noon_of_no_day();
    // One of the two channels signs.
    init_signing(&store, &next, 90, now).unwrap();
    let publish = |channel: &str, uploads: &[Upload]| reported(&store, channel, uploads);
    publish("main", &[documented(helper())]);
    // One that is there and two that are new, in one publish.
    publish("main", &[documented(native()), helper(), wheel("second-1.0-py3-none-any.whl", "")]);
    // Another channel shares the blobs.
    publish("next", &[documented(helper()), wheel("fresh-2.0-py3-none-any.whl", "")]);
    publish("main", &[wheel("second-1.1-py3-none-any.whl", "Requires-Dist: helper\n")]);
    yank(&store, &main, None, &"helper==1.0".parse().unwrap(), Some("broken"), now).unwrap();
    promote(&store, &next, &main, None, &[], now).unwrap();
    delete(&store, &next, None, &"fresh".parse().unwrap(), None, now).unwrap();
    let deletion =
        delete(&store, &main, None, &"second==1.0".parse().unwrap(), Some(Path::new("no-environments")), now).unwrap();
    assert!(deletion.purged[0].removed.len() >= 2);
    rollback(&store, &next, None, None, now).unwrap();
    refresh(&store, &next, None, now).unwrap();
    drop(store);
    let operations = operations.lock().unwrap().clone();
    (directory, operations)
}

/// A directory that operations are played into.
struct Replica {
    directory: TempDir,
    original: PathBuf,
}

impl Replica {
    fn new(original: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory, original: original.to_owned() }
    }

    fn place(&self, path: &Path) -> PathBuf {
        self.directory.path().join(path.strip_prefix(&self.original).unwrap())
    }

    fn apply(&self, operation: &DiskOperation) {
        match operation {
            DiskOperation::CreateDirectory(path) => fs::create_dir(self.place(path)).unwrap(),
            DiskOperation::CreateFile(path) => fs::write(self.place(path), b"").unwrap(),
            DiskOperation::Write { path, bytes } => {
                let mut there = fs::read(self.place(path)).unwrap();
                there.extend(bytes);
                fs::write(self.place(path), there).unwrap();
            }
            DiskOperation::Rename { from, to } => fs::rename(self.place(from), self.place(to)).unwrap(),
            DiskOperation::RemoveFile(path) => fs::remove_file(self.place(path)).unwrap(),
            DiskOperation::RemoveDirectory(path) => fs::remove_dir_all(self.place(path)).unwrap(),
            DiskOperation::SynchronizeFile(_) | DiskOperation::SynchronizeDirectory(_) => {}
        }
    }
}

/// Every file below a directory with its bytes, by relative path.
fn tree(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                pending.push(path);
            } else if entry.file_name() != "publish.lock" {
                files.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// How a yanked file is noted.
fn noted(filename: &str, is_yanked: bool) -> String {
    if is_yanked { format!("{filename} (yanked)") } else { filename.to_owned() }
}

/// What a reader of the store's files finds in a channel: filenames. Everything that is named must be there, with the
/// bytes that its name promises.
pub fn whole(store: &Store, channel: &str) -> BTreeSet<String> {
    let channel: ChannelName = channel.parse().unwrap();
    let mut found = BTreeSet::new();
    for abi in Abi::known() {
        let line = read_line(store, &channel, abi).unwrap();
        if line.expires().is_some() {
            let head = pkgsrv::digest_of(line.head_bytes().unwrap());
            assert!(line.head_signature(head).unwrap().is_some(), "a head that expires is signed");
        }
        let kept = line.past_head(line.serial()).unwrap();
        assert_eq!(kept.as_deref(), line.head_bytes(), "the history ends with the present head");
        let index = line.index().unwrap();
        // The trees that loaders read are of the same state.
        let offered: BTreeSet<String> = index
            .projects()
            .keys()
            .flat_map(|name| line.releases(name).unwrap().unwrap_or_default())
            .map(|release| noted(release.filename.as_str(), release.yanked.is_some()))
            .collect();
        for (name, release) in line.newest().unwrap() {
            for module in &release.imports {
                assert!(line.bringing(module).unwrap().contains(&name), "{module} is not found in {name}");
            }
        }
        let listed: BTreeSet<String> =
            index.files().map(|entry| noted(entry.filename.as_str(), entry.yanked.is_some())).collect();
        assert_eq!(offered, listed, "repodata and index are of one state");
        for entry in index.files() {
            let (sha256, filename) = (entry.sha256, entry.filename.clone());
            let read = |object| store.read(&object).unwrap().expect("the index names an object that is not there");
            assert_eq!(pkgsrv::digest_of(&read(StoredObject::Wheel { sha256, filename: filename.clone() })), sha256);
            let metadata = read(StoredObject::Metadata { sha256, filename: filename.clone() });
            assert_eq!(pkgsrv::digest_of(&metadata), entry.metadata_sha256);
            let twin = entry.twin.as_ref().expect("every wheel here is smaller with one");
            let (sha256, of_wheel) = (twin.sha256, sha256);
            let bytes = read(StoredObject::Twin { sha256, filename: filename.clone() });
            assert_eq!((pkgsrv::digest_of(&bytes), bytes.len() as u64), (sha256, twin.size));
            assert_eq!(twin.encodings.keys().collect::<Vec<_>>(), ContentCoding::ALL.iter().collect::<Vec<_>>());
            for (coding, size) in &twin.encodings {
                let encoded = read(StoredObject::EncodedTwin { sha256, filename: filename.clone(), coding: *coding });
                assert_eq!(encoded.len() as u64, *size);
                assert!(decoded(*coding, &encoded) == bytes, "{coding:?} of {filename}");
            }
            let admission = entry.admission_sha256.expect("every wheel here has a report");
            let report = read(StoredObject::Admission { sha256: admission });
            assert_eq!(pkgsrv::digest_of(&report), admission);
            assert_eq!(AdmissionReport::from_bytes(&report).unwrap().sha256, of_wheel);
            for document in entry.documents.values() {
                assert_eq!(pkgsrv::digest_of(&read(StoredObject::Document { sha256: *document })), *document);
            }
        }
        found.extend(listed);
    }
    found
}

/// What a client of the server finds: the same files, in every view of the channel.
async fn served(data: &Path, channel: &str) -> BTreeSet<String> {
    let data = DataDir::new(data);
    let app = pkgsrv::app(ServeSettings {
        listen: "127.0.0.1:0".parse().unwrap(),
        base_url: Some("https://packages.example".parse().unwrap()),
        store: data.store(),
        data,
        prompt: PromptSettings { listen: PromptListen::Off, url: None },
        uploads: None,
    });
    let get = async |path: &str| {
        let response =
            send(&app, request("GET", path, &["Accept: application/vnd.pypi.simple.v1+json, */*;q=0.1"])).await;
        (response.status().as_u16(), body(response).await)
    };
    let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
    let prefix = if channel == "main" { String::new() } else { format!("/c/{channel}") };
    let (status, list) = get(&format!("{prefix}/simple/")).await;
    if status == 404 {
        return BTreeSet::new();
    }
    assert_eq!(status, 200);
    let mut in_simple = BTreeSet::new();
    for project in json(&list)["projects"].as_array().unwrap() {
        let name = project["name"].as_str().unwrap();
        let (status, page) = get(&format!("{prefix}/simple/{name}/")).await;
        assert_eq!(status, 200);
        for file in json(&page)["files"].as_array().unwrap() {
            let path = file["url"].as_str().unwrap().strip_prefix("https://packages.example").unwrap();
            let (status, wheel) = get(path).await;
            assert_eq!(status, 200, "{path}");
            assert_eq!(pkgsrv::digest_of(&wheel).to_string(), file["hashes"]["sha256"].as_str().unwrap());
            let (_, metadata) = get(&format!("{path}.metadata")).await;
            assert_eq!(pkgsrv::digest_of(&metadata).to_string(), file["core-metadata"]["sha256"].as_str().unwrap());
            in_simple.insert(noted(file["filename"].as_str().unwrap(), !file["yanked"].is_null()));
        }
    }
    for abi in Abi::released() {
        let (status, lock) = get(&format!("{prefix}/pyodide/{abi}/pyodide-lock.json")).await;
        assert_eq!(status, 200);
        for (name, package) in json(&lock)["packages"].as_object().unwrap() {
            let address = package["file_name"].as_str().unwrap();
            let (status, wheel) = get(&address[address.find("/blobs/").unwrap()..]).await;
            let sha256 = package["sha256"].as_str().unwrap();
            assert_eq!((status, pkgsrv::digest_of(&wheel).to_string().as_str()), (200, sha256), "{address}");
            let file = address.rsplit('/').next().unwrap().to_owned();
            assert!(in_simple.contains(&file), "{name}");
            for needed in package["depends"].as_array().unwrap() {
                assert!(json(&lock)["packages"].get(needed.as_str().unwrap()).is_some(), "{name} needs {needed}");
            }
        }
        let (status, head) = get(&format!("{prefix}/repodata/{abi}/head.json")).await;
        assert_eq!(status == 200, !in_simple.is_empty());
        if status == 200 {
            let digest = json(&head)["repodata"]["sha256"].as_str().unwrap().to_owned();
            let (status, repodata) = get(&format!("{prefix}/repodata/{abi}/{digest}.json")).await;
            assert_eq!((status, pkgsrv::digest_of(&repodata).to_string()), (200, digest));
        }
    }
    in_simple
}

/// The states that [`recorded`] led through, per channel.
fn expected_states(channel: &str) -> Vec<BTreeSet<String>> {
    let files = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let native = "native_code-1.2.3-cp314-cp314-pyemscripten_2026_0_wasm32.whl";
    let (helper, second) = ("helper-1.0-py3-none-any.whl", "second-1.0-py3-none-any.whl");
    let (yanked, newer, fresh) =
        ("helper-1.0-py3-none-any.whl (yanked)", "second-1.1-py3-none-any.whl", "fresh-2.0-py3-none-any.whl");
    match channel {
        "main" => vec![
            files(&[]),
            files(&[helper]),
            files(&[helper, native, second]),
            files(&[helper, native, second, newer]),
            files(&[yanked, native, second, newer]),
            files(&[yanked, native, second, newer, fresh]),
            files(&[yanked, native, newer, fresh]),
        ],
        _ => vec![files(&[]), files(&[fresh, helper]), files(&[helper]), files(&[fresh, helper])],
    }
}

/// A process may be killed between any two system calls, and within a write.
#[tokio::test]
async fn readers_of_every_prefix_meet_a_whole_state() {
    let (original, operations) = recorded();
    let replica = Replica::new(original.path());
    let mut states: BTreeMap<&str, Vec<BTreeSet<String>>> = BTreeMap::new();
    let mut note = async |place: &Path| {
        for channel in CHANNELS {
            let found = whole(&DataDir::new(place).store(), channel);
            assert_eq!(served(place, channel).await, found, "server and store agree about {channel}");
            let states = states.entry(channel).or_default();
            if states.last() != Some(&found) {
                states.push(found);
            }
        }
    };
    note(replica.directory.path()).await;
    for operation in &operations {
        if let DiskOperation::Write { path, bytes } = operation {
            // Half of it has come to the disk.
            let half = DiskOperation::Write { path: path.clone(), bytes: bytes[..bytes.len() / 2].to_vec() };
            let before = fs::read(replica.place(path)).unwrap();
            replica.apply(&half);
            note(replica.directory.path()).await;
            fs::write(replica.place(path), before).unwrap();
        }
        replica.apply(operation);
        note(replica.directory.path()).await;
    }
    // No state was met but those before and after each publish, in order.
    for channel in CHANNELS {
        assert_eq!(states[channel], expected_states(channel), "{channel}");
    }
    // The record is whole: it makes the same files as the publishes did.
    let played = tree(replica.directory.path());
    assert!(played == tree(original.path()), "the watched operations are not all that happened");
    assert_eq!(played.keys().filter(|path| path.components().any(|part| part.as_os_str() == "staging")).count(), 0);
}

/// What a disk may have after a power failure: of what was not brought to it, anything.
#[derive(Clone, Default)]
struct Durable {
    /// Names that are surely there, with what they name.
    names: BTreeMap<PathBuf, Inode>,
    /// Changes of names that are in memory, and perhaps on the disk.
    pending: Vec<NameChange>,
    /// Contents by file: what is surely there, and whether that is all.
    contents: BTreeMap<u64, Contents>,
    /// What is seen by who does not lose power.
    live: BTreeMap<PathBuf, Inode>,
    next: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Inode {
    Directory,
    File(u64),
}

#[derive(Clone, Default)]
struct Contents {
    written: Vec<u8>,
    is_synchronized: bool,
}

#[derive(Clone, Debug)]
struct NameChange {
    /// The directory whose `fsync` makes it sure.
    within: PathBuf,
    path: PathBuf,
    /// What the name means then.
    meaning: Option<Inode>,
}

impl Durable {
    fn name(&mut self, path: &Path, meaning: Option<Inode>) {
        match meaning {
            Some(inode) => self.live.insert(path.to_owned(), inode),
            None => self.live.remove(path),
        };
        let within = path.parent().unwrap().to_owned();
        self.pending.push(NameChange { within, path: path.to_owned(), meaning });
    }

    fn apply(&mut self, operation: &DiskOperation) {
        let file_of = |live: &BTreeMap<PathBuf, Inode>, path: &Path| match live[path] {
            Inode::File(inode) => inode,
            Inode::Directory => panic!("{} is no file", path.display()),
        };
        match operation {
            DiskOperation::CreateDirectory(path) => self.name(path, Some(Inode::Directory)),
            DiskOperation::CreateFile(path) => {
                self.next += 1;
                self.contents.insert(self.next, Contents::default());
                self.name(path, Some(Inode::File(self.next)));
            }
            DiskOperation::Write { path, bytes } => {
                let contents = self.contents.get_mut(&file_of(&self.live, path)).unwrap();
                contents.written.extend(bytes);
                contents.is_synchronized = false;
            }
            DiskOperation::SynchronizeFile(path) => {
                self.contents.get_mut(&file_of(&self.live, path)).unwrap().is_synchronized = true;
            }
            DiskOperation::Rename { from, to } => {
                let inode = self.live[from];
                self.name(to, Some(inode));
                self.name(from, None);
            }
            DiskOperation::SynchronizeDirectory(directory) => {
                let (sure, rest) = self.pending.drain(..).partition(|change| change.within == *directory);
                self.pending = rest;
                let sure: Vec<NameChange> = sure;
                for change in &sure {
                    settle(&mut self.names, change);
                }
            }
            DiskOperation::RemoveFile(path) => self.name(path, None),
            DiskOperation::RemoveDirectory(path) => {
                let below: Vec<PathBuf> = self.live.keys().filter(|name| name.starts_with(path)).cloned().collect();
                for name in below.iter().rev() {
                    self.name(name, None);
                }
            }
        }
    }

    /// The names after a failure of which these pending changes came to the disk.
    fn after_failure(&self, kept: impl Fn(usize) -> bool) -> BTreeMap<PathBuf, Inode> {
        let mut names = self.names.clone();
        for (at, change) in self.pending.iter().enumerate() {
            if kept(at) {
                settle(&mut names, change);
            }
        }
        // What lies in a directory that is not there is not there.
        let directories: BTreeSet<PathBuf> =
            names.iter().filter(|(_, inode)| **inode == Inode::Directory).map(|(path, _)| path.clone()).collect();
        names.retain(|path, _| {
            let inner = path.ancestors().skip(1).take_while(|above| self.live_or_known(above));
            inner.into_iter().all(|above| directories.contains(above))
        });
        names
    }

    /// Whether the store created this directory; those above it were always there.
    fn live_or_known(&self, path: &Path) -> bool {
        self.live.contains_key(path)
            || self.names.contains_key(path)
            || self.pending.iter().any(|change| change.path == *path)
    }

    /// Lays the state out; a file whose bytes were not synchronized has lost half of them.
    fn lay_out(&self, names: &BTreeMap<PathBuf, Inode>, original: &Path) -> TempDir {
        let place = tempfile::tempdir().unwrap();
        for (path, inode) in names {
            let to = place.path().join(path.strip_prefix(original).unwrap());
            match inode {
                Inode::Directory => fs::create_dir(&to).unwrap(),
                Inode::File(inode) => {
                    let Contents { written, is_synchronized } = &self.contents[inode];
                    let bytes = if *is_synchronized { written.as_slice() } else { &written[..written.len() / 2] };
                    fs::write(&to, bytes).unwrap();
                }
            }
        }
        place
    }
}

fn settle(names: &mut BTreeMap<PathBuf, Inode>, change: &NameChange) {
    match change.meaning {
        Some(inode) => names.insert(change.path.clone(), inode),
        None => names.remove(&change.path),
    };
}

/// The power may fail at any moment. Whatever subset of the changes that are not sure yet has come to the disk, in
/// whatever order: readers find a whole state.
#[test]
fn every_power_failure_leaves_a_whole_state() {
    let (original, operations) = recorded();
    let mut disk = Durable::default();
    let (mut most_pending, mut failures) = (0, 0);
    let mut seen = BTreeSet::new();
    for operation in &operations {
        disk.apply(operation);
        // Names in staging mean nothing to readers; they are kept out so that all subsets of the rest can be tried.
        disk.pending.retain(|change| !change.path.components().any(|part| part.as_os_str() == "staging"));
        most_pending = most_pending.max(disk.pending.len());
        assert!(disk.pending.len() <= 8, "too much is left to chance: {:?}", disk.pending);
        for subset in 0..1_u32 << disk.pending.len() {
            let names = disk.after_failure(|at| subset >> at & 1 == 1);
            failures += 1;
            let unsynchronized = names
                .iter()
                .any(|(_, inode)| matches!(inode, Inode::File(file) if !disk.contents[file].is_synchronized));
            // The same names with the same bytes have been looked at.
            if !unsynchronized && !seen.insert(names.clone()) {
                continue;
            }
            let place = disk.lay_out(&names, original.path());
            for channel in CHANNELS {
                let found = whole(&DataDir::new(place.path()).store(), channel);
                assert!(expected_states(channel).contains(&found), "{channel}: {found:?}");
            }
        }
    }
    assert!(most_pending > 0 && failures > operations.len());
    // When a publish has returned, what it published survives.
    let names = disk.after_failure(|_| false);
    let place = disk.lay_out(&names, original.path());
    for channel in CHANNELS {
        let found = whole(&DataDir::new(place.path()).store(), channel);
        assert_eq!(Some(found), expected_states(channel).pop(), "{channel}");
    }
}
