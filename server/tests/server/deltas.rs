//! Releases as deltas over the ones before: which are made, who is sent them, what they are.

use std::fmt::Write as _;
use std::io::Read as _;

use axum::Router;
use base64::Engine as _;
use pkgsrv::{ChannelName, DeleteTarget, StoredObject, Upload, delete};
use pkgsrv_index::Digest;

use crate::fixture::{Fixture, body, noon_of_no_day, request, send, summary};
use crate::twins::entry;
use crate::wheels::build;

const BROWSER: &str = "Accept-Encoding: gzip, deflate, br, zstd, dcb, dcz";

/// A release whose text is much that all releases have, and some of its own.
fn release(filename: &str) -> Upload {
    let words = |seed: u64, count: u64| {
        (0..count).fold(String::new(), |mut text, number| {
            let word = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15 ^ seed).rotate_left(17) % 100_003;
            write!(text, "{word:x} ").unwrap();
            text
        })
    };
    let own = filename.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let (shared, own) = (words(1, 4000), words(own, 40));
    let name_and_version: Vec<&str> = filename.split('-').collect();
    let metadata = format!("Name: {}\nVersion: {}\n", name_and_version[0], name_and_version[1]);
    build(filename, &metadata, &[("many.py", &shared), ("some.py", &own)])
}

fn pure(version: &str) -> String {
    format!("many-{version}-py3-none-any.whl")
}

fn published(filenames: &[String]) -> Fixture {
    let fixture = Fixture::empty();
    for filename in filenames {
        fixture.publish("main", &[release(filename)]).unwrap();
    }
    fixture
}

fn twin(fixture: &Fixture, filename: &str) -> Digest {
    entry(&fixture.store(), filename).twin.unwrap().sha256
}

fn available(dictionary: Digest) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(dictionary.as_bytes());
    format!("Available-Dictionary: :{encoded}:")
}

/// What a browser makes of a delta, by the C library's own decoder.
fn decoded(delta: &[u8], dictionary: &[u8]) -> Vec<u8> {
    assert_eq!(delta[..8], [0x5E, 0x2A, 0x4D, 0x18, 0x20, 0, 0, 0]);
    assert_eq!(delta[8..40], *pkgsrv::digest_of(dictionary).as_bytes());
    let mut decoded = Vec::new();
    zstd::stream::read::Decoder::with_ref_prefix(&delta[40..], dictionary).unwrap().read_to_end(&mut decoded).unwrap();
    decoded
}

async fn fetched(app: &Router, address: &str, headers: &[&str]) -> Vec<u8> {
    body(send(app, request("GET", address, headers)).await).await
}

#[tokio::test]
async fn who_has_the_release_before_is_sent_what_is_new() {
    let (before, after) = (pure("1.0.0"), pure("1.0.1"));
    let fixture = published(&[before.clone(), after.clone()]);
    let app = fixture.app();
    let (one, two) = (twin(&fixture, &before), twin(&fixture, &after));
    let dictionary = fetched(&app, &format!("/blobs/{one}/{before}"), &[]).await;
    let address = format!("/blobs/{two}/{after}");
    let whole = fetched(&app, &address, &[]).await;
    let delta = fetched(&app, &address, &[BROWSER, &available(one)]).await;
    assert!(decoded(&delta, &dictionary) == whole);
    let brotli = fetched(&app, &address, &[BROWSER]).await;
    assert!(delta.len() * 5 < brotli.len(), "{} of {}", delta.len(), brotli.len());

    let length = delta.len();
    let etag = format!("\"{two}-dcz-{one}\"");
    let names = ["content-encoding", "content-length", "content-range", "etag", "vary", "use-as-dictionary"];
    let vary = "Accept-Encoding, Available-Dictionary";
    let family = "match=\"/blobs/*/many-*-py3-none-any.whl\"";
    let whole_delta = format!("200 dcz | {length} | - | {etag} | {vary} | {family}");
    let part = format!("206 dcz | 4 | bytes 40-43/{length} | {etag} | {vary} | -");
    let if_range = format!("If-Range: {etag}");
    let if_brotli = format!("If-Range: \"{two}-br\"");
    let known = format!("If-None-Match: {etag}");
    let offered = available(one);
    for (method, headers, expected) in [
        ("GET", vec![], whole_delta.clone()),
        ("HEAD", vec![], whole_delta.clone()),
        ("HEAD", vec!["Range: bytes=40-43"], whole_delta.clone()),
        ("GET", vec!["Range: bytes=40-43"], part.clone()),
        ("GET", vec!["Range: bytes=40-43", &if_range], part),
        ("GET", vec!["Range: bytes=40-43", &if_brotli], whole_delta),
        ("GET", vec![&known], format!("304 - | {length} | - | {etag} | {vary} | {family}")),
    ] {
        let headers = [&[BROWSER, offered.as_str()], headers.as_slice()].concat();
        assert_eq!(summary(&app, method, &address, &headers, &names).await, expected, "{method} {headers:?}");
    }
    let ranged = fetched(&app, &address, &[BROWSER, &available(one), "Range: bytes=40-43"]).await;
    assert_eq!(ranged, delta[40..44]);

    // Who has another file, who takes no deltas, who takes something else rather; and the one before has none.
    let encoding = async |address: &str, headers: &[&str]| {
        summary(&app, "GET", address, headers, &["content-encoding", "vary"]).await
    };
    let plain = "Accept-Encoding: gzip, deflate, br, zstd";
    let rather = "Accept-Encoding: dcz;q=0.5, gzip";
    assert_eq!(encoding(&address, &[BROWSER, &available(two)]).await, format!("200 br | {vary}"));
    assert_eq!(encoding(&address, &[plain, &available(one)]).await, format!("200 br | {vary}"));
    assert_eq!(encoding(&address, &[rather, &available(one)]).await, format!("200 gzip | {vary}"));
    assert_eq!(encoding(&address, &[&available(one)]).await, format!("200 - | {vary}"));
    let before = format!("/blobs/{one}/{before}");
    assert_eq!(encoding(&before, &[BROWSER, &available(one)]).await, format!("200 br | {vary}"));
    // Not a name of its own: without a dictionary nobody could read it.
    assert_eq!(encoding(&format!("/blobs/{two}/{one}.dcz"), &[]).await, "404 - | -");
}

/// The newest release before, as clients take releases, of the same files' names.
#[test]
fn which_release_is_the_one_before() {
    for (others, filename, expected) in [
        (vec!["many-1.0-py3-none-any.whl", "many-1.1-py3-none-any.whl"], "many-1.2-py3-none-any.whl", Some(1)),
        // In whatever order they were published.
        (vec!["many-1.1-py3-none-any.whl", "many-1.0-py3-none-any.whl"], "many-1.2-py3-none-any.whl", Some(0)),
        (vec!["many-1.9-py3-none-any.whl", "many-1.10-py3-none-any.whl"], "many-1.11-py3-none-any.whl", Some(1)),
        // A correction of an older one.
        (vec!["many-1.0-py3-none-any.whl", "many-2.0-py3-none-any.whl"], "many-1.0.1-py3-none-any.whl", Some(0)),
        (vec!["many-2.0-py3-none-any.whl"], "many-1.0-py3-none-any.whl", None),
        // Few have pre-releases.
        (vec!["many-1.0-py3-none-any.whl", "many-1.1rc1-py3-none-any.whl"], "many-1.1-py3-none-any.whl", Some(0)),
        (vec!["many-1.0-py3-none-any.whl", "many-1.1rc1-py3-none-any.whl"], "many-1.1rc2-py3-none-any.whl", Some(1)),
        // Built anew.
        (vec!["many-1.0-py3-none-any.whl"], "many-1.0-1-py3-none-any.whl", Some(0)),
        (vec!["many-1.0-1-py3-none-any.whl"], "many-1.0-2-py3-none-any.whl", Some(0)),
        // For others.
        (vec!["many-1.0-py3-none-any.whl"], "many-1.1-cp314-cp314-pyemscripten_2026_0_wasm32.whl", None),
        (vec!["Many-1.0-py3-none-any.whl"], "many-1.1-py3-none-any.whl", None),
    ] {
        let names: Vec<String> = others.iter().chain([&filename]).map(|name| (*name).to_owned()).collect();
        let fixture = published(&names);
        let sha256 = twin(&fixture, filename);
        let found: Vec<usize> = (0..others.len())
            .filter(|at| {
                let delta = StoredObject::Delta { sha256, dictionary: twin(&fixture, others[*at]) };
                fixture.store().file(&delta).is_file()
            })
            .collect();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{filename} after {others:?}");
    }
}

/// Releases that are published together are told over each other as if one had come after the other.
#[test]
fn a_release_of_the_same_publish_is_one_before() {
    let names = [pure("1.2"), pure("1.0"), pure("1.1")];
    let fixture = Fixture::empty();
    fixture.publish("main", &names.each_ref().map(|name| release(name))).unwrap();
    let store = fixture.store();
    let one_by_one = published(&[&names[1], &names[2], &names[0]].map(String::clone));
    let deltas = |store: &pkgsrv::Store| -> Vec<Option<Vec<u8>>> {
        let twins = names.each_ref().map(|name| entry(store, name).twin.unwrap().sha256);
        let pairs = twins.iter().flat_map(|&sha256| twins.map(|dictionary| (sha256, dictionary)));
        pairs.map(|(sha256, dictionary)| store.read(&StoredObject::Delta { sha256, dictionary }).unwrap()).collect()
    };
    let made = deltas(&store);
    assert!(made == deltas(&one_by_one.store()));
    // In the order above: 1.2 over 1.1, and 1.1 over 1.0.
    let there: Vec<usize> = (0..made.len()).filter(|&at| made[at].is_some()).collect();
    assert_eq!(there, [2, 7]);
}

/// What was stored stays; what is damaged is made anew; over a damaged file nothing is made.
#[test]
fn a_delta_that_is_stored_stays() {
    let (before, after) = (pure("1.0.0"), pure("1.0.1"));
    let fixture = published(&[before.clone(), after.clone()]);
    let store = fixture.store();
    let (one, two) = (twin(&fixture, &before), twin(&fixture, &after));
    let object = StoredObject::Delta { sha256: two, dictionary: one };
    let made = store.read(&object).unwrap().unwrap();
    let dictionary =
        store.read(&StoredObject::Twin { sha256: one, filename: before.parse().unwrap() }).unwrap().unwrap();
    let whole = decoded(&made, &dictionary);
    let mut encoder = zstd::stream::write::Encoder::with_ref_prefix(made[..40].to_vec(), 1, &dictionary).unwrap();
    std::io::Write::write_all(&mut encoder, &whole).unwrap();
    let weaker = encoder.finish().unwrap();
    for (there, expected) in [(&weaker, &weaker), (&made[..made.len() / 2].to_vec(), &made)] {
        std::fs::write(store.file(&object), there).unwrap();
        fixture.publish(&format!("next{}", there.len()), &[release(&before)]).unwrap();
        fixture.publish(&format!("next{}", there.len()), &[release(&after)]).unwrap();
        assert!(store.read(&object).unwrap().as_ref() == Some(expected));
    }
    let file = store.file(&StoredObject::Twin { sha256: one, filename: before.parse().unwrap() });
    std::fs::write(file, b"something else").unwrap();
    let last = pure("1.0.0.1");
    fixture.publish("main", &[release(&last)]).unwrap();
    let delta = StoredObject::Delta { sha256: twin(&fixture, &last), dictionary: one };
    assert!(!store.file(&delta).exists());
}

#[test]
fn a_delta_goes_with_the_bytes_that_it_makes() {
    let (before, after) = (pure("1.0.0"), pure("1.0.1"));
    let fixture = published(&[before.clone(), after.clone()]);
    let delta = StoredObject::Delta { sha256: twin(&fixture, &after), dictionary: twin(&fixture, &before) };
    let target: DeleteTarget = after.parse().unwrap();
    let store = fixture.store();
    let environments = fixture.path().join("environments");
    let deletion = delete(&store, &ChannelName::main(), None, &target, Some(&environments), noon_of_no_day()).unwrap();
    assert!(deletion.purged[0].removed.contains(&delta.path()), "{:?}", deletion.purged);
    assert!(!store.file(&delta).exists());
}
