//! Mirrors of servers and of exported directories, whole and by name, also where the source misbehaves.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use pkgsrv::{ChannelName, DataDir, Mirror, Mirrored, MirroredLine, Place, Source, Target, TransferError, mirror};
use pkgsrv_builder::{Interrupt, Progress};
use pkgsrv_index::{Abi, Requirement};
use tokio::runtime::Runtime;

use crate::export::{base, run as export};
use crate::fixture::Fixture;
use crate::wheels::{documented, helper, native, wheel};
use crate::write_sequence::{reported, whole};

/// A server on a port of its own; it ends with the runtime.
pub struct Served {
    runtime: Runtime,
    place: Place,
    patience: Duration,
}

/// How long nothing may come from a server that is well, however busy the machine is.
pub const PATIENCE: Duration = Duration::from_mins(1);

impl Served {
    pub fn new(app: Router) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let place = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        runtime.spawn(async { axum::serve(listener, app).await });
        Self { runtime, place, patience: PATIENCE }
    }

    pub fn source(&self) -> Source {
        Source::open(&self.place, self.patience, self.runtime.handle().clone()).unwrap()
    }

    pub fn mirror(&self, fixture: &Fixture, names: &[&str], force: bool) -> Result<Vec<MirroredLine>, TransferError> {
        let source = self.source();
        run(&source, fixture, "main", names, force)
    }

    /// The channel main, with what pages start with.
    pub fn mirror_all(&self, fixture: &Fixture, names: &[&str], force: bool) -> Result<Mirrored, TransferError> {
        let source = self.source();
        run_all(&source, fixture, "main", names, (false, force))
    }

    pub fn shown(&self, error: &TransferError, fixture: &Fixture) -> String {
        let text = error.to_string().replace(&self.place.to_string(), "[SERVER]/");
        text.replace(fixture.path().to_str().unwrap(), "[DATA]")
    }
}

pub fn run(
    source: &Source,
    fixture: &Fixture,
    channel: &str,
    names: &[&str],
    force: bool,
) -> Result<Vec<MirroredLine>, TransferError> {
    run_all(source, fixture, channel, names, (true, force)).map(|mirrored| mirrored.lines)
}

/// The switches are `--packages-only` and `--force`.
pub fn run_all(
    source: &Source,
    fixture: &Fixture,
    channel: &str,
    names: &[&str],
    (packages_only, force): (bool, bool),
) -> Result<Mirrored, TransferError> {
    let channel: ChannelName = channel.parse().unwrap();
    let names: Vec<Requirement> = names.iter().map(|name| name.parse().unwrap()).collect();
    let asked = Mirror {
        data: &DataDir::new(fixture.path()),
        channel: &channel,
        abis: &[],
        names: &names,
        packages_only,
        force,
        interrupt: &Interrupt::default(),
        progress: &Progress::silent(),
    };
    mirror(&asked, source)
}

fn upstream() -> Fixture {
    let fixture = Fixture::empty();
    reported(&fixture.store(), "main", &[documented(native()), helper()]);
    reported(&fixture.store(), "main", &[wheel("second-1.0-py3-none-any.whl", "")]);
    fixture
}

fn head(fixture: &Fixture) -> Option<Vec<u8>> {
    fs::read(fixture.store().root().join("repodata/2026_0/head.json")).ok()
}

#[test]
fn a_server_is_copied_whole_and_then_what_is_new() {
    let (theirs, ours) = (upstream(), Fixture::empty());
    let served = Served::new(theirs.app());
    let [line] = &served.mirror(&ours, &[], false).unwrap()[..] else { panic!("one line") };
    assert_eq!((line.serial, line.added.len()), (2, 3));
    assert_eq!(head(&ours), head(&theirs));
    assert_eq!(whole(&ours.store(), "main").len(), 3);

    let again = served.mirror(&ours, &[], false).unwrap();
    assert_eq!((again[0].fetched, again[0].added.len()), (0, 0));

    reported(&theirs.store(), "main", &[wheel("third-1.0-py3-none-any.whl", "")]);
    let lines = served.mirror(&ours, &[], false).unwrap();
    assert_eq!(lines[0].added.iter().map(ToString::to_string).collect::<Vec<_>>(), ["third-1.0-py3-none-any.whl"]);
    // The roots of three trees, wheel, METADATA, report, both twins and three encodings of each.
    assert_eq!(lines[0].fetched, 14);
    assert_eq!(whole(&ours.store(), "main").len(), 4);
}

#[test]
fn names_come_with_what_they_need_and_join_what_is_here() {
    let (theirs, ours) = (upstream(), Fixture::empty());
    reported(&ours.store(), "main", &[wheel("own-1.0-py3-none-any.whl", "")]);
    let served = Served::new(theirs.app());
    let lines = served.mirror(&ours, &["native-code"], false).unwrap();
    assert_eq!((lines[0].serial, lines[0].added.len()), (2, 2));
    let found: BTreeSet<String> = whole(&ours.store(), "main");
    assert_eq!(
        found.iter().map(|name| name.split('-').next().unwrap()).collect::<Vec<_>>(),
        ["helper", "native_code", "own"]
    );
    let again = served.mirror(&ours, &["helper"], false).unwrap();
    assert_eq!((again[0].serial, again[0].added.len()), (2, 0));
    let error = served.mirror(&ours, &["nothing"], false).unwrap_err();
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "unknown package `nothing`");
}

#[test]
fn an_exported_directory_is_a_source() {
    let (theirs, ours) = (upstream(), Fixture::empty());
    let runtime = Runtime::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let place = Place::Directory(directory.path().to_owned());
    export(&theirs, "main", &Target::open(&place, runtime.handle().clone()).unwrap(), &base(), false).unwrap();
    let source = Source::open(&place, PATIENCE, runtime.handle().clone()).unwrap();
    run(&source, &ours, "main", &[], false).unwrap();
    assert_eq!(head(&ours), head(&theirs));
    assert_eq!(whole(&ours.store(), "main").len(), 3);
    let error = run(&source, &ours, "next", &[], false).unwrap_err().to_string();
    assert!(error.ends_with("has no channel next"), "{error}");
}

#[test]
fn a_channel_here_is_not_taken_back() {
    let (theirs, ours) = (upstream(), Fixture::empty());
    let served = Served::new(theirs.app());
    for number in 0..3 {
        reported(&ours.store(), "main", &[wheel(&format!("own-1.{number}-py3-none-any.whl"), "")]);
    }
    let before = head(&ours);
    insta::assert_snapshot!("mirror_serial", served.shown(&served.mirror(&ours, &[], false).unwrap_err(), &ours));
    for number in 0..3 {
        reported(&theirs.store(), "main", &[wheel(&format!("more-1.{number}-py3-none-any.whl"), "")]);
    }
    insta::assert_snapshot!("mirror_lost", served.shown(&served.mirror(&ours, &[], false).unwrap_err(), &ours));
    assert_eq!(head(&ours), before);
    served.mirror(&ours, &[], true).unwrap();
    assert_eq!(head(&ours), head(&theirs));
}

/// A name that has other bytes here.
#[test]
fn a_taken_name_stays() {
    let (theirs, ours) = (upstream(), Fixture::empty());
    reported(&ours.store(), "main", &[wheel("helper-1.0-py3-none-any.whl", "Requires-Python: >=3\n")]);
    let before = head(&ours);
    let served = Served::new(theirs.app());
    let error = served.mirror(&ours, &["helper"], false).unwrap_err();
    assert!(error.to_string().starts_with("helper-1.0-py3-none-any.whl cannot be added"), "{error}");
    assert_eq!(head(&ours), before);
}

/// What a source may do to some of its answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    OtherBytes,
    BreaksOff,
    BreaksOffOnce,
    Fails,
    SaysNothing,
    Grows,
}

async fn spoilt(fault: Fault, path: String, count: Arc<AtomicUsize>, request: Request, next: Next) -> Response {
    let is_spoilt = request.uri().path().ends_with(&path);
    let response = next.run(request).await;
    if !is_spoilt {
        return response;
    }
    let number = count.fetch_add(1, Ordering::SeqCst);
    let broken = || {
        let start = Ok::<_, std::io::Error>(Bytes::from_static(b"PK"));
        Body::from_stream(stream::iter([start, Err(std::io::Error::other("gone"))])).into_response()
    };
    match fault {
        Fault::OtherBytes => "other bytes".into_response(),
        Fault::BreaksOff => broken(),
        Fault::BreaksOffOnce if number == 0 => broken(),
        Fault::BreaksOffOnce => response,
        Fault::Fails => axum::http::StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Fault::SaysNothing => std::future::pending().await,
        Fault::Grows => vec![0_u8; 1 << 16].into_response(),
    }
}

#[test]
fn a_source_that_misbehaves_leaves_nothing_visible() {
    for (name, fault) in [
        ("other_bytes", Some(Fault::OtherBytes)),
        ("breaks_off", Some(Fault::BreaksOff)),
        ("fails", Some(Fault::Fails)),
        ("says_nothing", Some(Fault::SaysNothing)),
        ("grows", Some(Fault::Grows)),
        ("recovers", None),
    ] {
        let (theirs, ours) = (Fixture::empty(), Fixture::empty());
        reported(&theirs.store(), "main", &[helper()]);
        let count = Arc::new(AtomicUsize::new(0));
        let fault_or = fault.unwrap_or(Fault::BreaksOffOnce);
        let wheel = pkgsrv::digest_of(&helper().bytes).to_string();
        let path = format!("{wheel}/helper-1.0-py3-none-any.whl");
        let spoil =
            middleware::from_fn(move |request, next| spoilt(fault_or, path.clone(), Arc::clone(&count), request, next));
        let mut served = Served::new(theirs.app().layer(spoil));
        if fault == Some(Fault::SaysNothing) {
            served.patience = Duration::from_secs(1);
        }
        let result = served.mirror(&ours, &[], false);
        if fault.is_none() {
            result.unwrap();
            assert_eq!(whole(&ours.store(), "main").len(), 1);
            continue;
        }
        let error = served.shown(&result.unwrap_err(), &ours);
        insta::assert_snapshot!(format!("mirror_{name}"), error.replace(&wheel, "[WHEEL]"));
        assert_eq!(head(&ours), None);
        assert!(!ours.store().root().join(format!("blobs/{wheel}/helper-1.0-py3-none-any.whl")).exists());
        // Another try, from a source that is well, takes what is here and goes on.
        Served::new(theirs.app()).mirror(&ours, &[], false).unwrap();
        assert_eq!(whole(&ours.store(), "main").len(), 1);
    }
}

/// A head that leads elsewhere would have every reader of the copy fetch from there.
#[test]
fn a_head_that_names_other_blobs_is_refused() {
    let (theirs, ours) = (upstream(), Fixture::empty());
    let path = theirs.store().root().join("repodata/2026_0/head.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("../../blobs/", "https://elsewhere.example/")).unwrap();
    let served = Served::new(theirs.app());
    let error = served.mirror(&ours, &[], false).unwrap_err();
    insta::assert_snapshot!("mirror_foreign_head", served.shown(&error, &ours));
    assert_eq!(head(&ours), None);
    assert_eq!(Abi::preferred().to_string(), "2026_0");
}

/// Of an encoding the index says no digest: it must decode to the twin.
#[test]
fn an_encoding_of_something_else_is_refused() {
    for ending in [".whl.br", ".whl.gz", ".whl.zst"] {
        let (theirs, ours) = (Fixture::empty(), Fixture::empty());
        reported(&theirs.store(), "main", &[helper()]);
        let count = Arc::new(AtomicUsize::new(0));
        let spoil = middleware::from_fn(move |request, next| {
            spoilt(Fault::OtherBytes, ending.to_owned(), Arc::clone(&count), request, next)
        });
        let error = Served::new(theirs.app().layer(spoil)).mirror(&ours, &[], false).unwrap_err();
        assert!(matches!(&error, TransferError::Damaged { object, .. } if object.ends_with(ending)), "{error}");
        assert_eq!(head(&ours), None);
    }
}
