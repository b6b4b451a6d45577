//! Exports into directories and into a bucket's like, seen by whoever reads the target.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use object_store::memory::InMemory;
use object_store::{Attribute, ObjectStoreExt as _};
use pkgsrv::{
    BaseUrl, ChannelName, DataDir, Export, ExportedLine, Place, Source, Store, Target, TargetWatch, TransferError,
    Upload, delete, digest_of, export, init_signing,
};
use pkgsrv_builder::{Interrupt, Progress};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::fixture::{Fixture, noon_of_no_day};
use crate::mirror::PATIENCE;
use crate::wheels::{documented, helper, native, wheel};
use crate::write_sequence::reported;

/// What was written, in order: key and bytes, without bytes where it was removed.
type Writes = Arc<Mutex<Vec<(String, Option<Vec<u8>>)>>>;

pub fn base() -> BaseUrl {
    "https://cdn.example/py".parse().unwrap()
}

pub fn run(
    fixture: &Fixture,
    channel: &str,
    target: &Target,
    base: &BaseUrl,
    force: bool,
) -> Result<Vec<ExportedLine>, TransferError> {
    let channel: ChannelName = channel.parse().unwrap();
    let export = Export {
        data: &DataDir::new(fixture.path()),
        channel: &channel,
        base,
        force,
        interrupt: &Interrupt::default(),
        progress: &Progress::silent(),
    };
    pkgsrv_export(&export, target)
}

fn pkgsrv_export(asked: &Export<'_>, target: &Target) -> Result<Vec<ExportedLine>, TransferError> {
    export(asked, target).map(|(lines, ..)| lines)
}

struct Recorded {
    runtime: Runtime,
    writes: Writes,
    directory: TempDir,
}

impl Recorded {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        Self { runtime, writes: Writes::default(), directory: tempfile::tempdir().unwrap() }
    }

    fn watch(&self) -> TargetWatch {
        let writes = Arc::clone(&self.writes);
        Arc::new(move |key, bytes| writes.lock().unwrap().push((key.to_owned(), bytes.map(<[u8]>::to_vec))))
    }

    fn directory(&self) -> Target {
        let place = Place::Directory(self.directory.path().to_owned());
        Target::open(&place, self.runtime.handle().clone()).unwrap().watched(self.watch())
    }

    fn bucket(&self, store: &Arc<InMemory>) -> Target {
        Target::of_store(Arc::clone(store) as _, "s3://packages/".to_owned(), self.runtime.handle().clone())
            .watched(self.watch())
    }

    fn taken(&self) -> Vec<(String, Option<Vec<u8>>)> {
        std::mem::take(&mut self.writes.lock().unwrap())
    }

    fn keys(&self) -> BTreeSet<String> {
        self.taken().into_iter().map(|(key, _)| key).collect()
    }

    fn json(&self, key: &str) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.directory.path().join(key)).unwrap()).unwrap()
    }
}

fn publish(fixture: &Fixture, uploads: &[Upload]) {
    reported(&fixture.store(), "main", uploads);
}

fn published() -> Fixture {
    let fixture = Fixture::empty();
    publish(&fixture, &[documented(native()), helper()]);
    fixture.file("runtime/pyodide/314.0.7/pyodide.mjs", b"runtime");
    fixture.file("loader/index.js", b"loader");
    fixture
}

#[test]
fn a_directory_gets_what_the_channel_serves() {
    let (fixture, to) = (published(), Recorded::new());
    run(&fixture, "main", &to.directory(), &base(), false).unwrap();
    let keys: Vec<String> = to.keys().into_iter().map(|key| without_digests(&key)).collect();
    insta::assert_snapshot!("exported_keys", keys.join("\n"));
    let page = to.json("simple/native-code/index.json");
    let url = page["files"][0]["url"].as_str().unwrap();
    assert!(url.starts_with("https://cdn.example/py/blobs/"), "{url}");
    let lock = to.json("pyodide/2026_0/pyodide-lock.json");
    let file = lock["packages"]["helper"]["file_name"].as_str().unwrap();
    assert!(to.directory.path().join("pyodide/2026_0").join(file).is_file(), "{file}");
    // The target is a store of the same shape.
    assert_eq!(crate::write_sequence::whole(&Store::new(to.directory.path()), "main").len(), 2);
}

fn without_digests(key: &str) -> String {
    let is_digest = |part: &str| part.len() >= 64 && part.bytes().take(64).all(|b| b.is_ascii_hexdigit());
    key.split('/')
        .map(|part| if is_digest(part) { format!("[digest]{}", &part[64..]) } else { part.to_owned() })
        .collect::<Vec<_>>()
        .join("/")
}

#[test]
fn exporting_again_sends_what_differs() {
    let (fixture, to) = (published(), Recorded::new());
    let target = to.directory();
    run(&fixture, "main", &target, &base(), false).unwrap();
    to.taken();
    let lines = run(&fixture, "main", &target, &base(), false).unwrap();
    assert!(lines.iter().all(|line| !line.changed));
    assert_eq!(to.keys(), BTreeSet::new());

    publish(&fixture, &[wheel("second-1.0-py3-none-any.whl", "")]);
    run(&fixture, "main", &target, &base(), false).unwrap();
    let keys = to.keys();
    let others: Vec<&String> = keys.iter().filter(|key| key.contains("helper") || key.contains("native")).collect();
    assert_eq!(others, Vec::<&String>::new());
    assert!(keys.contains("simple/second/index.json") && keys.contains("simple/index.json"));
    assert!(!keys.iter().any(|key| key.starts_with("loader/") || key.starts_with("runtime/")));

    // A new version of one changes no list of names.
    publish(&fixture, &[wheel("second-1.1-py3-none-any.whl", "")]);
    run(&fixture, "main", &target, &base(), false).unwrap();
    let keys = to.keys();
    assert!(keys.contains("simple/second/index.json") && !keys.contains("simple/index.json"), "{keys:?}");

    // Another address is in every page.
    run(&fixture, "main", &target, &"https://other.example".parse().unwrap(), false).unwrap();
    let keys = to.keys();
    assert!(keys.contains("simple/helper/index.json"));
    assert!(!keys.iter().any(|key| key.starts_with("blobs/") || key.ends_with("head.json")), "{keys:?}");
}

#[test]
fn channels_lie_beside_each_other() {
    let (fixture, to) = (published(), Recorded::new());
    reported(&fixture.store(), "next", &[helper()]);
    run(&fixture, "main", &to.directory(), &base(), false).unwrap();
    to.taken();
    run(&fixture, "next", &to.directory(), &base(), false).unwrap();
    let keys = to.keys();
    let is_shared = |key: &str| key.starts_with("loader/") || key == "runtime/pyodide/314.0.7/file_list.json";
    assert!(keys.iter().all(|key| key.starts_with("c/next/") || is_shared(key)), "{keys:?}");
    let lock = to.json("c/next/pyodide/2026_0/pyodide-lock.json");
    let file = lock["packages"]["helper"]["file_name"].as_str().unwrap();
    assert!(to.directory.path().join("c/next/pyodide/2026_0").join(file).is_file(), "{file}");
}

#[test]
fn a_bucket_gets_metadata_and_keys_that_end_in_a_slash() {
    let (fixture, to) = (published(), Recorded::new());
    let store = Arc::new(InMemory::new());
    run(&fixture, "main", &to.bucket(&store), &base(), false).unwrap();
    let about = |key: object_store::path::Path| {
        let found = to.runtime.block_on(store.get(&key)).unwrap();
        [Attribute::ContentType, Attribute::CacheControl].map(|name| found.attributes.get(&name).unwrap().to_string())
    };
    let page = "public, max-age=10, stale-while-revalidate=60, stale-if-error=86400";
    assert_eq!(
        about(object_store::path::Path::from("simple/helper").join("")),
        ["application/vnd.pypi.simple.v1+json", page]
    );
    assert_eq!(about("simple/helper/index.html".into()), ["text/html; charset=utf-8", page]);
    assert_eq!(about("repodata/2026_0/head.json".into()), ["application/json", page]);
    let uploaded = digest_of(&helper().bytes).to_string();
    let wheel = to.keys().into_iter().find(|key| key.contains(&uploaded) && key.ends_with("none-any.whl")).unwrap();
    assert_eq!(
        about(wheel.as_str().into()),
        ["application/octet-stream", "public, max-age=31536000, immutable, no-transform"]
    );
    assert_eq!(about("runtime/pyodide/314.0.7/pyodide.mjs".into())[0], "text/javascript; charset=utf-8");
}

/// A head of the target names only what is there, and so does every page, after any number of writes.
#[test]
fn every_prefix_of_the_writes_is_whole() {
    let (fixture, to) = (published(), Recorded::new());
    let target = to.directory();
    run(&fixture, "main", &target, &base(), false).unwrap();
    publish(
        &fixture,
        &[
            documented(wheel("second-1.0-py3-none-any.whl", "Requires-Dist: helper\n")),
            wheel("helper-1.1-py3-none-any.whl", ""),
        ],
    );
    run(&fixture, "main", &target, &base(), false).unwrap();
    let replica = tempfile::tempdir().unwrap();
    let mut states = Vec::new();
    for (key, bytes) in to.taken() {
        let path = replica.path().join(&key);
        match bytes {
            Some(bytes) => {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, bytes).unwrap();
            }
            None => fs::remove_file(&path).unwrap(),
        }
        let found = crate::write_sequence::whole(&Store::new(replica.path()), "main");
        check_pages(replica.path());
        if states.last() != Some(&found) {
            states.push(found);
        }
    }
    let sizes: Vec<usize> = states.iter().map(BTreeSet::len).collect();
    assert_eq!(sizes, [0, 2, 4]);
}

/// Every file that a page names is there.
fn check_pages(root: &Path) {
    for page in pages(&root.join("simple")) {
        let json: serde_json::Value = serde_json::from_slice(&fs::read(&page).unwrap()).unwrap();
        for file in json["files"].as_array().into_iter().flatten() {
            let path = file["url"].as_str().unwrap().strip_prefix("https://cdn.example/py/").unwrap();
            assert!(root.join(path).is_file() && root.join(format!("{path}.metadata")).is_file(), "{path}");
        }
    }
}

fn pages(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path().join("index.json")).filter(|page| page.is_file()).collect()
}

#[test]
fn a_target_is_not_taken_back() {
    let (fixture, to) = (published(), Recorded::new());
    let target = to.directory();
    let old = Fixture::empty();
    publish(&old, &[helper()]);
    publish(&fixture, &[wheel("second-1.0-py3-none-any.whl", "")]);
    run(&fixture, "main", &target, &base(), false).unwrap();
    to.taken();
    let shown = |error: TransferError| error.to_string().replace(to.directory.path().to_str().unwrap(), "[TARGET]");
    // Earlier.
    insta::assert_snapshot!("export_serial", shown(run(&old, "main", &target, &base(), false).unwrap_err()));
    // As many publishes, of other packages.
    publish(&old, &[wheel("third-1.0-py3-none-any.whl", "")]);
    insta::assert_snapshot!("export_other", shown(run(&old, "main", &target, &base(), false).unwrap_err()));
    // More publishes, and still not what is there.
    publish(&old, &[wheel("fourth-1.0-py3-none-any.whl", "")]);
    insta::assert_snapshot!("export_lost", shown(run(&old, "main", &target, &base(), false).unwrap_err()));
    assert_eq!(to.keys(), BTreeSet::new(), "a refused export writes nothing");
    run(&old, "main", &target, &base(), true).unwrap();
    assert_eq!(crate::write_sequence::whole(&Store::new(to.directory.path()), "main").len(), 3);
}

/// One that has everything that is there is a later state, wherever it comes from.
#[test]
fn another_machine_goes_on_where_it_has_everything() {
    let (fixture, to) = (published(), Recorded::new());
    run(&fixture, "main", &to.directory(), &base(), false).unwrap();
    let other = published();
    publish(&other, &[wheel("second-1.0-py3-none-any.whl", "")]);
    for path in fixture_nodes(&fixture) {
        // The target's own nodes are read from the target then.
        fs::remove_file(other.store().root().join(path)).unwrap();
    }
    run(&other, "main", &to.directory(), &base(), false).unwrap();
    assert_eq!(crate::write_sequence::whole(&Store::new(to.directory.path()), "main").len(), 3);
}

fn fixture_nodes(fixture: &Fixture) -> Vec<PathBuf> {
    let directory = PathBuf::from("index/2026_0");
    let entries = fs::read_dir(fixture.store().root().join(&directory)).unwrap();
    entries.map(|entry| directory.join(entry.unwrap().file_name())).collect()
}

/// Another exporter that is faster: its head is met by the conditional write, read, and gone on from.
#[test]
fn a_lost_race_is_run_again() {
    for is_bucket in [false, true] {
        let (fixture, to) = (published(), Recorded::new());
        let store = Arc::new(InMemory::new());
        let open = || if is_bucket { to.bucket(&store) } else { to.directory() };
        let earlier = published();
        publish(&fixture, &[wheel("second-1.0-py3-none-any.whl", "")]);
        let (rival, begun) = (open(), Arc::new(Mutex::new(false)));
        // Between our pages and our head the rival exports all of its own.
        let racing = open().watched(Arc::new(move |key, _| {
            if key.ends_with("pyodide-lock.json") && !std::mem::replace(&mut *begun.lock().unwrap(), true) {
                std::thread::scope(|scope| {
                    scope.spawn(|| run(&earlier, "main", &rival, &base(), false).unwrap()).join().unwrap();
                });
            }
        }));
        let lines = run(&fixture, "main", &racing, &base(), false).unwrap();
        assert_eq!(lines[0].serial, 2);
        assert_eq!(to.taken().iter().filter(|(key, _)| key.ends_with("head.json")).count(), 1, "the rival's");
        let again = run(&fixture, "main", &open(), &base(), false).unwrap();
        assert!(again.iter().all(|line| !line.changed));
        assert_eq!(to.keys(), BTreeSet::new());
    }
}

#[test]
fn damage_here_is_not_exported() {
    let (fixture, to) = (published(), Recorded::new());
    let wheel = walk(&fixture.store().root().join("blobs"))
        .into_iter()
        .find(|path| path.ends_with("helper-1.0-py3-none-any.whl"))
        .unwrap();
    fs::write(&wheel, b"damaged").unwrap();
    let error = run(&fixture, "main", &to.directory(), &base(), false).unwrap_err();
    assert!(error.to_string().contains("is damaged: its name says SHA-256"), "{error}");
    assert!(!to.keys().iter().any(|key| key.ends_with("head.json")));
}

fn walk(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn an_interrupted_export_leaves_the_old_head() {
    let (fixture, to) = (published(), Recorded::new());
    run(&fixture, "main", &to.directory(), &base(), false).unwrap();
    let head = to.directory.path().join("repodata/2026_0/head.json");
    let before = fs::read(&head).unwrap();
    publish(&fixture, &[wheel("second-1.0-py3-none-any.whl", "")]);
    let (channel, interrupt) = (ChannelName::main(), Interrupt::default());
    let stop = interrupt.clone();
    let target = to.directory().watched(Arc::new(move |_, _| stop.stop()));
    let data = DataDir::new(fixture.path());
    let asked = Export {
        data: &data,
        channel: &channel,
        base: &base(),
        force: false,
        interrupt: &interrupt,
        progress: &Progress::silent(),
    };
    assert!(matches!(pkgsrv_export(&asked, &target), Err(TransferError::Interrupted)));
    assert_eq!(fs::read(&head).unwrap(), before);
    assert_eq!(crate::write_sequence::whole(&Store::new(to.directory.path()), "main").len(), 2);
}

/// A line whose index is one document is exported as trees, and goes on from there.
#[test]
fn a_channel_of_whole_documents_is_exported_as_trees() {
    let (fixture, to) = (crate::migration::with_whole_documents(|_| ()), Recorded::new());
    run(&fixture, "main", &to.directory(), &base(), false).unwrap();
    let head = to.json("repodata/2026_0/head.json");
    assert_eq!((head["format"].as_u64(), head["serial"].as_u64()), (Some(2), Some(4)));
    let names =
        |abi: Option<&str>| to.json(&format!("{}simple/index.json", abi.unwrap_or_default()))["projects"].clone();
    assert_eq!(names(None), names(Some("2026_0/")));
    assert_eq!(names(None).as_array().unwrap().len(), 2);
    to.taken();
    assert!(run(&fixture, "main", &to.directory(), &base(), false).unwrap().iter().all(|line| !line.changed));
    assert_eq!(to.keys(), BTreeSet::new());
    fixture.publish("main", &[wheel("second-1.0-py3-none-any.whl", "")]).unwrap();
    run(&fixture, "main", &to.directory(), &base(), false).unwrap();
    assert!(!to.keys().iter().any(|key| key.contains("helper")));
    assert_eq!(names(None).as_array().unwrap().len(), 3);
}

#[test]
fn what_is_no_head_or_marker_is_told() {
    let (fixture, to) = (published(), Recorded::new());
    run(&fixture, "main", &to.directory(), &base(), false).unwrap();
    to.taken();
    let mut told = Vec::new();
    for (key, text) in [
        ("export.json", "{"),
        ("export.json", r#"{"format":9,"pages":1,"base_url":"x","loader":null,"runtimes":[]}"#),
        ("repodata/2026_0/head.json", "<html>"),
        ("repodata/2026_0/head.json", r#"{"format":9}"#),
    ] {
        let path = to.directory.path().join(key);
        let before = fs::read(&path).unwrap();
        fs::write(&path, text).unwrap();
        let error = run(&fixture, "main", &to.directory(), &base(), false).unwrap_err();
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        told.push(format!("{error}{cause}").replace(to.directory.path().to_str().unwrap(), "[TARGET]"));
        fs::write(&path, before).unwrap();
    }
    assert_eq!(to.keys(), BTreeSet::new());
    insta::assert_snapshot!("export_unreadable", told.join("\n"));
}

#[test]
fn a_channel_that_is_not_there_is_told() {
    let (fixture, to) = (published(), Recorded::new());
    let error = run(&fixture, "nothing", &to.directory(), &base(), false).unwrap_err();
    assert!(error.to_string().starts_with("there is no channel `nothing` in "), "{error}");
    let place: Place = "https://packages.example".parse().unwrap();
    let error = Target::open(&place, to.runtime.handle().clone()).unwrap_err();
    assert!(error.to_string().starts_with("cannot export to https://packages.example/: "), "{error}");
}

/// What changes a channel beside publishing comes to the target too: deleted files, signed heads, their history.
#[test]
fn deleted_files_and_signatures_follow() {
    let (fixture, to) = (Fixture::empty(), Recorded::new());
    let (store, main) = (fixture.store(), ChannelName::main());
    init_signing(&store, &main, 90, noon_of_no_day()).unwrap();
    publish(&fixture, &[documented(native()), helper()]);
    run(&fixture, "main", &to.directory(), &base(), false).unwrap();
    delete(&store, &main, None, &"native-code".parse().unwrap(), None, noon_of_no_day()).unwrap();
    run(&fixture, "main", &to.directory(), &base(), false).unwrap();
    assert_eq!(crate::write_sequence::whole(&Store::new(to.directory.path()), "main").len(), 1);
    let directory = to.directory.path().join("repodata/2026_0");
    let head = fs::read(directory.join("head.json")).unwrap();
    assert!(directory.join(format!("{}.sig.json", digest_of(&head))).is_file(), "the head is signed");
    let serial = to.json("repodata/2026_0/head.json")["serial"].as_u64().unwrap();
    assert_eq!(fs::read(directory.join(format!("heads/{serial}.json"))).unwrap(), head);

    // A mirror has the same head, and so the same signature.
    let copy = Fixture::empty();
    let place = Place::Directory(to.directory.path().to_owned());
    let source = Source::open(&place, PATIENCE, to.runtime.handle().clone()).unwrap();
    crate::mirror::run(&source, &copy, "main", &[], false).unwrap();
    assert!(copy.path().join(format!("store/repodata/2026_0/{}.sig.json", digest_of(&head))).is_file());
    assert_eq!(fs::read(copy.path().join("store/repodata/2026_0/head.json")).unwrap(), head);
}
