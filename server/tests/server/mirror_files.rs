//! Mirrors of what pages start with: runtimes, the loader, environments.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use pkgsrv::{ChannelName, DataDir, Place, Source, Target, TransferError, digest_of};
use pkgsrv_index::Abi;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::export::{base, run as export};
use crate::fixture::Fixture;
use crate::mirror::{PATIENCE, Served, run_all};
use crate::wheels::helper;
use crate::write_sequence::reported;

const RUNTIME: &str = "runtime/pyodide/314.0.7";
const ENVIRONMENTS: &str = "environments/main/2026_0";

fn directory(files: &[(String, Vec<u8>)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(directory.path().join(name), bytes).unwrap();
    }
    directory
}

/// A file that its digest names, and what an index says of it.
fn part(name: &str, extension: &str, contents: &str) -> ((String, Vec<u8>), Value) {
    let sha256 = digest_of(contents.as_bytes()).to_string();
    let file = format!("{name}-{}.{extension}", &sha256[..16]);
    let index = json!({ "file": file, "sha256": sha256, "size": contents.len() });
    ((file, contents.as_bytes().to_vec()), index)
}

/// An image, as `up` makes it.
pub fn set_image(fixture: &Fixture, contents: &str) {
    let (memory, memory_index) = part("memory", "bin", contents);
    let (library, library_index) = part("stdlib", "zip", &format!("library of {contents}"));
    let index = json!({ "format": 1, "memory": memory_index, "stdlib": library_index }).to_string();
    let mut files = vec![memory, library, ("image.json".to_owned(), index.into_bytes())];
    files.extend((0..9).map(|number| (format!("pyodide{number}.mjs"), format!("code {number}").into_bytes())));
    DataDir::new(fixture.path()).add_runtime("pyodide", "314.0.7", &[directory(&files).path()]).unwrap();
}

pub fn bake(fixture: &Fixture, name: &str, contents: &str) {
    let (memory, memory_index) = part(name, "bin", contents);
    let ((first, first_index), (later, later_index)) = (part(name, "bin", "modules"), part(name, "bin", ""));
    let index = json!({
        "format": 2,
        "memory": memory_index,
        "environment": { "requirements": [name], "packages": [], "first": first_index, "later": later_index },
    });
    let files = directory(&[memory, first, later, (format!("{name}.json"), index.to_string().into_bytes())]);
    let (data, channel) = (DataDir::new(fixture.path()), ChannelName::main());
    data.add_environment(&channel, Abi::preferred(), &name.parse().unwrap(), files.path()).unwrap();
}

fn set_loader(fixture: &Fixture, build: &str) {
    let files = directory(&[("index.js".to_owned(), build.as_bytes().to_vec()), ("index.js.br".to_owned(), vec![1])]);
    DataDir::new(fixture.path()).set_loader(build, files.path()).unwrap();
}

/// A channel with all that a page needs.
pub fn upstream() -> Fixture {
    let fixture = Fixture::empty();
    reported(&fixture.store(), "main", &[helper()]);
    set_image(&fixture, "an image");
    set_loader(&fixture, "theirs");
    bake(&fixture, "demo", "memory");
    bake(&fixture, "files", "other memory");
    fixture
}

/// The files of a directory, none where there is no directory.
pub fn files(fixture: &Fixture, path: &str) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = fs::read_dir(fixture.path().join(path)) else { return BTreeMap::new() };
    let file = |path: &Path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap());
    entries.map(|entry| file(&entry.unwrap().path())).collect()
}

fn has_all(ours: &Fixture, theirs: &Fixture) -> bool {
    let same = |path: &&str| !files(theirs, path).is_empty() && files(ours, path) == files(theirs, path);
    [RUNTIME, ENVIRONMENTS, "loader"].iter().all(same)
}

fn has_left_nothing(fixture: &Fixture) -> bool {
    !fixture.path().join(".incoming").exists()
}

#[test]
fn a_page_needs_nothing_but_the_mirror() {
    let (theirs, ours) = (upstream(), Fixture::empty());
    let served = Served::new(theirs.app());
    // The runtime's twelve, the loader's two, and two environments, whose parts but for the memory are the same.
    assert_eq!(served.mirror_all(&ours, &[], false).unwrap().files, 12 + 2 + 3 + 3);
    assert!(has_all(&ours, &theirs) && has_left_nothing(&ours));
    let again = served.mirror_all(&ours, &[], false).unwrap();
    assert_eq!((again.files, again.lines[0].fetched), (0, 0));

    // A mirror of the mirror is the same again.
    let third = Fixture::empty();
    Served::new(ours.app()).mirror_all(&third, &[], false).unwrap();
    assert!(has_all(&third, &theirs));

    set_image(&theirs, "another image");
    set_loader(&theirs, "newer");
    bake(&theirs, "demo", "another memory");
    bake(&ours, "own", "memory");
    // Three files of the image, one of the loader, index and memory of the environment.
    assert_eq!(served.mirror_all(&ours, &[], false).unwrap().files, 3 + 1 + 2);
    let (library, _) = part("stdlib", "zip", "library of an image");
    assert!(files(&ours, RUNTIME).contains_key(&library.0));
    assert_eq!(files(&ours, RUNTIME), files(&theirs, RUNTIME));
    assert_eq!(files(&ours, "loader"), files(&theirs, "loader"));
    let (ours, theirs) = (files(&ours, ENVIRONMENTS), files(&theirs, ENVIRONMENTS));
    assert!(ours.contains_key("own.json"));
    assert_eq!(ours.into_iter().filter(|(name, _)| !name.starts_with("own")).collect::<BTreeMap<_, _>>(), theirs);
}

#[test]
fn an_export_has_them_too() {
    let (theirs, ours) = (upstream(), Fixture::empty());
    let runtime = Runtime::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let place = Place::Directory(directory.path().to_owned());
    let target = Target::open(&place, runtime.handle().clone()).unwrap();
    export(&theirs, "main", &target, &base(), false).unwrap();
    let source = Source::open(&place, PATIENCE, runtime.handle().clone()).unwrap();
    assert_eq!(run_all(&source, &ours, "main", &[], (false, false)).unwrap().files, 20);
    assert!(has_all(&ours, &theirs));
    // The export's lists follow.
    set_image(&theirs, "another image");
    bake(&theirs, "demo", "another memory");
    export(&theirs, "main", &target, &base(), false).unwrap();
    run_all(&source, &ours, "main", &[], (false, false)).unwrap();
    assert!(has_all(&ours, &theirs));
    // What only the environment before had is gone when it is baked again.
    bake(&theirs, "demo", "another memory");

    // One that a pkgsrv without lists has written is no error, and gets them with the next export.
    for list in [RUNTIME, "loader", "environments/2026_0"] {
        fs::remove_file(directory.path().join(list).join("file_list.json")).unwrap();
    }
    let old = fs::read_to_string(directory.path().join("export.json")).unwrap();
    fs::write(directory.path().join("export.json"), old.replace(r#","has_lists":true"#, "")).unwrap();
    let third = Fixture::empty();
    assert_eq!(run_all(&source, &third, "main", &[], (false, false)).unwrap().files, 0);
    export(&theirs, "main", &target, &base(), false).unwrap();
    run_all(&source, &third, "main", &[], (false, false)).unwrap();
    assert!(has_all(&third, &theirs));
}

#[test]
fn they_are_left_out_where_that_is_wanted() {
    let (theirs, ours) = (upstream(), Fixture::empty());
    let served = Served::new(theirs.app());
    assert_eq!(served.mirror(&ours, &[], false).unwrap()[0].added.len(), 1);
    for path in [RUNTIME, ENVIRONMENTS, "loader"] {
        assert!(files(&ours, path).is_empty(), "{path}");
    }
    // Named packages come with runtime and loader; an environment may need others.
    assert_eq!(served.mirror_all(&ours, &["helper"], false).unwrap().files, 14);
    assert!(files(&ours, ENVIRONMENTS).is_empty());
    assert_eq!(files(&ours, RUNTIME), files(&theirs, RUNTIME));
}

#[test]
fn what_this_machine_has_of_its_own_stays() {
    let (theirs, ours) = (upstream(), Fixture::empty());
    let served = Served::new(theirs.app());
    set_loader(&ours, "ours");
    served.mirror_all(&ours, &[], false).unwrap();
    assert_eq!(files(&ours, "loader")["index.js"], b"ours");
    // Of a runtime the version tells the bytes.
    ours.file(&format!("{RUNTIME}/pyodide3.mjs"), b"CODE 3");
    let error = served.mirror_all(&ours, &[], false).unwrap_err();
    insta::assert_snapshot!("mirror_other_runtime", served.shown(&error, &ours));
    assert_eq!(files(&ours, RUNTIME)["pyodide3.mjs"], b"CODE 3");
    served.mirror_all(&ours, &[], true).unwrap();
    assert!(has_all(&ours, &theirs));
    // A copy of a loader that was damaged here is made good.
    let copy = ours.path().join("loader/index.js");
    fs::write(&copy, "THEIRS").unwrap();
    assert_eq!(served.mirror_all(&ours, &[], false).unwrap().files, 1);
    assert!(has_all(&ours, &theirs));
}

/// A server that answers one address its own way.
fn spoilt(fixture: &Fixture, path: &str, answer: Option<String>) -> Served {
    let path = path.to_owned();
    Served::new(fixture.app().layer(middleware::from_fn(move |request: Request, next: Next| {
        let (path, answer) = (path.clone(), answer.clone());
        async move {
            if !request.uri().path().ends_with(&path) {
                return next.run(request).await;
            }
            let missing = || axum::http::StatusCode::NOT_FOUND.into_response();
            answer.map_or_else(missing, |answer: String| answer.into_response()) as Response
        }
    })))
}

#[test]
fn a_list_or_an_index_that_leads_elsewhere_is_refused() {
    let theirs = upstream();
    let listed = |name: &str, size: u64| {
        let file = json!({ "name": name, "sha256": digest_of(b"x"), "size": size });
        json!({ "format": 1, "files": [file] }).to_string()
    };
    let environment = |file: &str| {
        let named = json!({ "file": file, "sha256": digest_of(b"x"), "size": 1 });
        let contents = json!({ "requirements": [], "packages": [], "first": named, "later": named });
        json!({ "format": 2, "memory": named, "environment": contents }).to_string()
    };
    let index_of = |text: &str| {
        let file = json!({ "name": "demo.json", "sha256": digest_of(text.as_bytes()), "size": text.len() });
        json!({ "format": 1, "files": [file] }).to_string()
    };
    for (name, path, answer) in [
        ("upwards", format!("{RUNTIME}/file_list.json"), listed("../../../../evil", 1)),
        ("absolute", "loader/file_list.json".to_owned(), listed("/tmp/evil", 1)),
        ("large", format!("{RUNTIME}/file_list.json"), listed("evil.wasm", 1 << 40)),
        ("page", "loader/file_list.json".to_owned(), "<html>welcome</html>".to_owned()),
        ("no_environment", "environments/2026_0/file_list.json".to_owned(), listed("evil.js", 1)),
    ] {
        let ours = Fixture::empty();
        let served = spoilt(&theirs, &path, Some(answer));
        let error = served.mirror_all(&ours, &[], false).unwrap_err();
        assert!(matches!(error, TransferError::BadFiles { .. }), "{name}: {error}");
        insta::assert_snapshot!(format!("mirror_list_{name}"), served.shown(&error, &ours));
        assert!(files(&ours, ENVIRONMENTS).is_empty() && !ours.path().join("evil").exists(), "{name}");
    }
    for file in ["../../../keys/main", "demo-0000000000000000.bin"] {
        let (ours, index) = (Fixture::empty(), environment(file));
        let middle = spoilt(&theirs, "environments/2026_0/file_list.json", Some(index_of(&index)));
        theirs.file(&format!("{ENVIRONMENTS}/demo.json"), index.as_bytes());
        let error = middle.mirror_all(&ours, &[], false).unwrap_err().to_string();
        assert!(error.contains("is not the name of a part of demo"), "{error}");
        assert!(files(&ours, ENVIRONMENTS).is_empty());
        bake(&theirs, "demo", "memory");
    }
}

#[test]
fn a_mirror_that_broke_off_goes_on() {
    let theirs = upstream();
    // At most eight are under way at once, so some have come before the last is asked for.
    let last = files(&theirs, RUNTIME).into_iter().max_by_key(|(_, bytes)| digest_of(bytes)).unwrap().0;
    for answer in [None, Some("other bytes".to_owned())] {
        let ours = Fixture::empty();
        let served = spoilt(&theirs, &format!("{RUNTIME}/{last}"), answer.clone());
        let error = served.mirror_all(&ours, &[], false).unwrap_err();
        let (missing, damaged) =
            (matches!(error, TransferError::Missing { .. }), matches!(error, TransferError::Damaged { .. }));
        assert!(missing || answer.is_some() && (damaged || matches!(error, TransferError::Fetch { .. })), "{error}");
        assert!(files(&ours, RUNTIME).is_empty());
        assert_eq!(files(&ours, "loader"), files(&theirs, "loader"));
        let rest = Served::new(theirs.app()).mirror_all(&ours, &[], false).unwrap();
        assert!(rest.files < 12 + 3 + 3, "{} files", rest.files);
        assert!(has_all(&ours, &theirs) && has_left_nothing(&ours));
    }
}

/// An image that names what is not listed with that digest would be no image here.
#[test]
fn an_image_must_be_whole() {
    let (theirs, ours) = (upstream(), Fixture::empty());
    let (memory, _) = part("memory", "bin", "an image");
    fs::remove_file(theirs.path().join(RUNTIME).join(memory.0)).unwrap();
    let served = Served::new(theirs.app());
    let error = served.mirror_all(&ours, &[], false).unwrap_err().to_string();
    assert!(error.contains("which is not listed"), "{error}");
    assert!(files(&ours, RUNTIME).is_empty());
}
