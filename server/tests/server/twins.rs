//! Stored twins: what is sent to whom, in which encoding, and which part of it.

use std::io::Read as _;

use axum::Router;
use insta::assert_snapshot;
use pkgsrv::{ChannelName, Store, StoredObject, Upload, read_line};
use pkgsrv_index::{Abi, ContentCoding, FileEntry, WheelFilename};
use pkgsrv_wheel::Wheel;

use crate::fixture::{Fixture, body, get, request, send, shown, summary};
use crate::wheels::{helper, native, wheel};
use crate::write_sequence::reported;

/// What was encoded, by the decoders of the encoders' crates.
pub fn decoded(coding: ContentCoding, bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    match coding {
        ContentCoding::Br => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut decoded),
        ContentCoding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut decoded),
        ContentCoding::Zstd => zstd::Decoder::new(bytes).unwrap().read_to_end(&mut decoded),
    }
    .unwrap();
    decoded
}

/// What an answer at the address of a twin depends on.
const VARY: &str = "Accept-Encoding, Available-Dictionary";

pub fn entry(store: &Store, filename: &str) -> FileEntry {
    entry_in(store, &ChannelName::main(), filename)
}

fn entry_in(store: &Store, channel: &ChannelName, filename: &str) -> FileEntry {
    let line = read_line(store, channel, Abi::preferred()).unwrap();
    let filename: WheelFilename = filename.parse().unwrap();
    line.project(filename.name()).unwrap().get(filename.as_str()).unwrap().clone()
}

/// The twin of the published native wheel: its address, and its bodies by the name of the encoding.
struct Twin {
    address: String,
    sha256: String,
    bodies: Vec<(&'static str, Vec<u8>)>,
}

impl Twin {
    fn published(fixture: &Fixture) -> Self {
        let store = fixture.store();
        let filename = native().filename;
        let twin = entry(&store, filename.as_str()).twin.unwrap();
        let sha256 = twin.sha256;
        let whole = store.read(&StoredObject::Twin { sha256, filename: filename.clone() }).unwrap().unwrap();
        let mut bodies = vec![("-", whole)];
        for coding in twin.encodings.keys().copied() {
            let object = StoredObject::EncodedTwin { sha256, filename: filename.clone(), coding };
            bodies.push((coding.name(), store.read(&object).unwrap().unwrap()));
        }
        Self { address: format!("/blobs/{sha256}/{filename}"), sha256: sha256.to_string(), bodies }
    }

    fn body(&self, encoding: &str) -> &[u8] {
        &self.bodies.iter().find(|(name, _)| *name == encoding).unwrap().1
    }

    fn etag(&self, encoding: &str) -> String {
        let mark = if encoding == "-" { String::new() } else { format!("-{encoding}") };
        format!("\"{}{mark}\"", self.sha256)
    }
}

#[tokio::test]
async fn every_encoding_by_every_range() {
    let fixture = Fixture::published();
    let (app, twin) = (fixture.app(), Twin::published(&fixture));
    let encodings: [(&[&str], &str); 7] = [
        (&[], "-"),
        (&["Accept-Encoding: identity"], "-"),
        (&["Accept-Encoding: gzip, deflate, br, zstd"], "br"),
        (&["Accept-Encoding: zstd, br;q=0.9"], "zstd"),
        (&["Accept-Encoding: gzip, deflate"], "gzip"),
        (&["Accept-Encoding: identity;q=0, *;q=0, zstd;q=0.1"], "zstd"),
        (&["Accept-Encoding: identity, br;q=0.5"], "-"),
    ];
    for (accepted, encoding) in encodings {
        let (whole, etag) = (twin.body(encoding), twin.etag(encoding));
        let length = whole.len();
        let other = twin.etag(if encoding == "br" { "zstd" } else { "br" });
        let part = |first: usize, last: usize| (206, format!("bytes {first}-{last}/{length}"), &whole[first..=last]);
        let all = || (200, "-".to_owned(), whole);
        for (ranged, (status, content_range, expected)) in [
            (vec![], all()),
            (vec!["Range: bytes=0-3".to_owned()], part(0, 3)),
            (vec!["Range: bytes=5-".to_owned()], part(5, length - 1)),
            (vec!["Range: bytes=-22".to_owned()], part(length - 22, length - 1)),
            (vec!["Range: bytes=0-99999999".to_owned()], part(0, length - 1)),
            (vec!["Range: bytes=0-3,7-8".to_owned()], all()),
            (vec!["Range: bytes=a-b".to_owned()], all()),
            (vec!["Range: bytes=3-0".to_owned()], all()),
            (vec!["Range: pages=0-3".to_owned()], all()),
            (vec!["Range: bytes=0-3".to_owned(), format!("If-Range: {etag}")], part(0, 3)),
            // What is held is a part of another encoding.
            (vec!["Range: bytes=0-3".to_owned(), format!("If-Range: {other}")], all()),
            (vec!["Range: bytes=0-3".to_owned(), format!("If-Range: W/{etag}")], all()),
        ] {
            let mut headers: Vec<&str> = accepted.to_vec();
            headers.extend(ranged.iter().map(String::as_str));
            let names = ["content-encoding", "content-length", "content-range", "etag", "vary", "accept-ranges"];
            let told = |status: u16, content_range: &str, length: usize| {
                format!("{status} {encoding} | {length} | {content_range} | {etag} | {VARY} | bytes")
            };
            let answer = summary(&app, "GET", &twin.address, &headers, &names).await;
            assert_eq!(answer, told(status, &content_range, expected.len()), "{headers:?}");
            let response = send(&app, request("GET", &twin.address, &headers)).await;
            assert!(body(response).await == expected, "{headers:?}");
            // Ranges are for GET; the rest is as it would be.
            let answer = summary(&app, "HEAD", &twin.address, &headers, &names).await;
            assert_eq!(answer, told(200, "-", length), "HEAD {headers:?}");
            let response = send(&app, request("HEAD", &twin.address, &headers)).await;
            assert!(body(response).await.is_empty(), "HEAD {headers:?}");
        }
        for range in [format!("bytes={length}-"), "bytes=-0".to_owned()] {
            let range = format!("Range: {range}");
            let headers = [accepted, &[range.as_str()]].concat();
            let names = ["content-range", "content-encoding", "cache-control"];
            let answer = summary(&app, "GET", &twin.address, &headers, &names).await;
            assert_eq!(answer, format!("416 bytes */{length} | - | no-store"), "{headers:?}");
        }
        // Who has this encoding gets nothing; who has another one gets this.
        let names = ["content-encoding", "etag", "vary"];
        let known = format!("If-None-Match: {etag}");
        let answer = summary(&app, "GET", &twin.address, &[accepted, &[known.as_str()]].concat(), &names).await;
        assert_eq!(answer, format!("304 - | {etag} | {VARY}"), "{accepted:?}");
        let known = format!("If-None-Match: {other}");
        let answer = summary(&app, "GET", &twin.address, &[accepted, &[known.as_str()]].concat(), &names).await;
        assert_eq!(answer, format!("200 {encoding} | {etag} | {VARY}"), "{accepted:?}");
    }
}

#[tokio::test]
async fn heads_in_whole() {
    let fixture = Fixture::published();
    let (app, twin) = (fixture.app(), Twin::published(&fixture));
    let head = async |headers: &[&str]| shown(send(&app, request("HEAD", &twin.address, headers)).await).await;
    assert_snapshot!("twin_head", head(&[]).await);
    assert_snapshot!("twin_head_br", head(&["Accept-Encoding: br"]).await);
    assert_snapshot!("twin_not_acceptable", get(&app, &twin.address, &["Accept-Encoding: *;q=0"]).await);
}

/// uv asks for the length, then for the end, then for what it found there.
#[tokio::test]
async fn the_metadata_of_a_wheel_is_read_by_ranges() {
    let fixture = Fixture::published();
    let (app, twin) = (fixture.app(), Twin::published(&fixture));
    let identity = "Accept-Encoding: identity";
    let answer = summary(&app, "HEAD", &twin.address, &[identity], &["content-length", "accept-ranges"]).await;
    let length = twin.body("-").len();
    assert_eq!(answer, format!("200 {length} | bytes"));
    let fetched = async |first: usize, last: usize| {
        let range = format!("Range: bytes={first}-{last}");
        body(send(&app, request("GET", &twin.address, &[identity, &range])).await).await
    };
    let end = fetched(length - 22, length - 1).await;
    assert_eq!(end[..4], *b"PK\x05\x06");
    let directory = u32::from_le_bytes(end[16..20].try_into().unwrap()) as usize;
    let mut bytes = fetched(0, directory - 1).await;
    bytes.extend(fetched(directory, length - 1).await);
    Wheel::parse(bytes.as_slice()).unwrap().verify_record().unwrap();
}

/// What a bucket serves by its name alone.
#[tokio::test]
async fn encodings_have_addresses() {
    let fixture = Fixture::published();
    let (app, twin) = (fixture.app(), Twin::published(&fixture));
    for coding in ContentCoding::ALL {
        let address = format!("{}{}", twin.address, coding.ending());
        let names = ["content-encoding", "etag", "vary"];
        let answer = summary(&app, "GET", &address, &[], &names).await;
        assert_eq!(answer, format!("200 {} | {} | -", coding.name(), twin.etag(coding.name())));
        let sent = body(send(&app, request("GET", &address, &[])).await).await;
        assert!(decoded(coding, &sent) == twin.body("-"), "{coding:?}");
        // The wheel as it was uploaded has none.
        let wheel = native();
        let address = format!("/blobs/{}/{}{}", pkgsrv::digest_of(&wheel.bytes), wheel.filename, coding.ending());
        assert_eq!(summary(&app, "GET", &address, &[], &[]).await, "404 ");
    }
}

/// Each view names what its readers can use: installers the wheel as it was uploaded, the others the twin.
#[tokio::test]
async fn who_is_told_of_which() {
    let fixture = Fixture::published();
    let (app, twin) = (fixture.app(), Twin::published(&fixture));
    let wheel = native();
    let json = async |path: &str, headers: &[&str]| -> serde_json::Value {
        serde_json::from_slice(&body(send(&app, request("GET", path, headers)).await).await).unwrap()
    };
    let simple = json("/simple/native-code/", &["Accept: application/vnd.pypi.simple.v1+json"]).await;
    let file = &simple["files"][0];
    let sha256 = pkgsrv::digest_of(&wheel.bytes).to_string();
    assert_eq!((&file["hashes"]["sha256"], &file["size"]), (&sha256.into(), &wheel.bytes.len().into()));
    let lock = json("/pyodide/2026_0/pyodide-lock.json", &[]).await;
    let locked = &lock["packages"]["native-code"];
    assert_eq!(locked["sha256"], *twin.sha256);
    assert_eq!(locked["file_name"], format!("../..{}", twin.address));
    let head = json("/repodata/2026_0/head.json", &[]).await;
    let repodata = head["repodata"]["sha256"].as_str().unwrap();
    let repodata = json(&format!("/repodata/2026_0/{repodata}.json"), &[]).await;
    let release = &repodata["leaf"]["native-code"][0];
    assert_eq!((&release["sha256"], &release["size"]), (&twin.sha256.as_str().into(), &twin.body("-").len().into()));
}

#[tokio::test]
async fn a_wheel_that_was_published_before_twins() {
    let fixture = crate::migration::with_whole_documents(|entry| drop(entry.remove("twin").unwrap()));
    let store = fixture.store();
    let published = native();
    let sha256 = pkgsrv::digest_of(&published.bytes);
    let app = fixture.app();
    let names = ["content-length", "content-encoding", "vary", "cache-control"];
    let address = format!("/blobs/{sha256}/{}", published.filename);
    let answer = summary(&app, "GET", &address, &["Accept-Encoding: br, zstd"], &names).await;
    let length = published.bytes.len();
    assert_eq!(answer, format!("200 {length} | - | - | public, max-age=31536000, immutable, no-transform"));
    let lockfile = body(send(&app, request("GET", "/pyodide/2026_0/pyodide-lock.json", &[])).await).await;
    let lockfile: serde_json::Value = serde_json::from_slice(&lockfile).unwrap();
    assert_eq!(lockfile["packages"]["native-code"]["sha256"], sha256.to_string());
    // It stays as it was; what comes after it has a twin.
    fixture.publish("main", &[native(), wheel("later-1.0-py3-none-any.whl", "")]).unwrap();
    assert_eq!(entry(&store, published.filename.as_str()).twin, None);
    assert!(entry(&store, "later-1.0-py3-none-any.whl").twin.is_some());
}

/// Two channels share a twin and its encodings: what was stored once keeps its bytes, and what is damaged is made anew.
#[test]
fn an_encoding_that_is_stored_stays() {
    let fixture = Fixture::published();
    let store = fixture.store();
    let filename = native().filename;
    let twin = entry(&store, filename.as_str()).twin.unwrap();
    let object = |coding| StoredObject::EncodedTwin { sha256: twin.sha256, filename: filename.clone(), coding };
    let bytes = store.read(&StoredObject::Twin { sha256: twin.sha256, filename: filename.clone() }).unwrap().unwrap();
    // As another release of the encoder might have made it.
    let weaker = zstd::encode_all(bytes.as_slice(), 1).unwrap();
    let made = store.read(&object(ContentCoding::Br)).unwrap().unwrap();
    let lock = store.lock().unwrap();
    store.write(&lock, &object(ContentCoding::Zstd), &weaker).unwrap();
    store.write(&lock, &object(ContentCoding::Br), &made[..made.len() / 2]).unwrap();
    drop(lock);
    fixture.publish("next", &[native(), helper()]).unwrap();
    assert!(store.read(&object(ContentCoding::Zstd)).unwrap().unwrap() == weaker);
    assert!(store.read(&object(ContentCoding::Br)).unwrap().unwrap() == made);
    let told = entry_in(&store, &"next".parse().unwrap(), filename.as_str()).twin.unwrap();
    assert_eq!(told.encodings[&ContentCoding::Zstd], weaker.len() as u64);
}

/// The twin of a wheel that is stored already, by us, is that wheel: one address, two names.
#[tokio::test]
async fn a_wheel_that_is_its_own_twin() {
    let fixture = Fixture::empty();
    let upload = native();
    let bytes = Wheel::parse(upload.bytes.as_slice()).unwrap().stored_twin().unwrap().unwrap();
    let upload = Upload { bytes, ..upload };
    fixture.publish("main", &[upload.clone(), helper()]).unwrap();
    let published = entry(&fixture.store(), upload.filename.as_str());
    assert_eq!(published.twin.as_ref().map(|twin| twin.sha256), Some(published.sha256));
    let address = format!("/blobs/{}/{}", published.sha256, upload.filename);
    let app: Router = fixture.app();
    let answer = summary(&app, "GET", &address, &["Accept-Encoding: br"], &["content-encoding"]).await;
    assert_eq!(answer, "200 br");
    assert!(body(send(&app, request("GET", &address, &[])).await).await == upload.bytes);
}

#[test]
fn bytecode_is_in_a_twin_of_its_own() {
    let fixture = Fixture::empty();
    reported(&fixture.store(), "main", &[helper()]);
    let store = fixture.store();
    let entry = entry(&store, helper().filename.as_str());
    let compiled = entry.compiled.clone().unwrap();
    let object = |sha256| StoredObject::Twin { sha256, filename: entry.filename.clone() };
    let bytes = store.read(&object(compiled.sha256)).unwrap().unwrap();
    let (twin, original) = (Wheel::parse(bytes.as_slice()).unwrap(), Wheel::parse(helper().bytes).unwrap());
    assert_eq!(twin.check_compiled_record(), original.check_record());
    let path = twin.entries().find(|entry| entry.path().contains("__pycache__")).unwrap();
    assert!(twin.read(path).unwrap().starts_with(b"bytecode of "));
    assert!(twin.check_record().is_err(), "no module is there");
    assert_eq!(compiled.size, bytes.len() as u64);
    // Whoever asks for the wheel without knowing of it gets one with all modules.
    let stored = store.read(&object(entry.fetched().0)).unwrap().unwrap();
    assert_eq!(Wheel::parse(stored.as_slice()).unwrap().check_record(), original.check_record());
    let releases = read_line(&store, &ChannelName::main(), Abi::preferred()).unwrap().releases(&entry.name).unwrap();
    let release = &releases.unwrap()[0];
    assert_eq!(release.compiled.as_ref().map(|it| (it.sha256, it.size)), Some((compiled.sha256, compiled.size)));
    assert_eq!((release.sha256, release.size), entry.fetched());
}
