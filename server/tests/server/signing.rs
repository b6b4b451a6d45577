//! Channels with a key: what they store verifies, and goes on to do so.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use insta::assert_snapshot;
use pkgsrv::{
    ChannelName, SignedChannel, digest_of, init_signing, read_line, refresh, refresh_due, retire_old_keys, rotate_key,
};
use pkgsrv_index::{Abi, UploadTime};

use crate::fixture::{Fixture, body, noon_of_no_day, request, send, summary};
use crate::wheels::{helper, wheel};

const DAY: Duration = Duration::from_hours(24);

fn main() -> ChannelName {
    ChannelName::main()
}

fn signed(fixture: &Fixture) -> SignedChannel {
    init_signing(&fixture.store(), &main(), 90, noon_of_no_day()).unwrap()
}

fn keys(channel: &SignedChannel) -> Vec<&str> {
    channel.public_keys.iter().map(|key| key.public_key.as_str()).collect()
}

/// What a head says about when it expires.
fn expires(fixture: &Fixture) -> Option<UploadTime> {
    read_line(&fixture.store(), &main(), Abi::preferred()).unwrap().expires().cloned()
}

async fn served(fixture: &Fixture, path: &str) -> Vec<u8> {
    let response = send(&fixture.app(), request("GET", path, &[])).await;
    assert_eq!(response.status(), 200, "{path}");
    body(response).await
}

/// Which of these keys have signed the head that is served, as Node's crypto finds.
async fn verified(fixture: &Fixture, public_keys: &[&str]) -> Vec<bool> {
    const SCRIPT: &str = r#"
        const { createHash, createPublicKey, verify } = require("node:crypto");
        const { readFileSync } = require("node:fs");
        const [head, signatures, ...keys] = process.argv.slice(1);
        const message = Buffer.concat([Buffer.from("pkgsrv head 1\n"), readFileSync(head)]);
        const document = JSON.parse(readFileSync(signatures));
        if (document.format !== 1) throw new Error("another format");
        const isSigned = (text) => {
          const raw = Buffer.from(text, "base64");
          const name = createHash("sha256").update(raw).digest("hex").slice(0, 16);
          const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") }, format: "jwk" });
          const found = document.signatures.find((signature) => signature.key === name);
          return found !== undefined && verify(null, message, key, Buffer.from(found.signature, "base64"));
        };
        console.log(JSON.stringify(keys.map(isSigned)));
    "#;
    let head = served(fixture, "/repodata/2026_0/head.json").await;
    let signatures = served(fixture, &format!("/repodata/2026_0/{}.sig.json", digest_of(&head))).await;
    let (head, signatures) = (fixture.file("asked/head", &head), fixture.file("asked/signatures", &signatures));
    let output = Command::new("node").args(["-e", SCRIPT]).args([head, signatures]).args(public_keys).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn heads_verify_with_another_implementation() {
    let fixture = Fixture::published();
    let channel = signed(&fixture);
    let (key, foreign) = (keys(&channel)[0], "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
    assert_eq!(verified(&fixture, &[key, foreign]).await, [true, false]);
    // Whatever changes the channel signs.
    fixture.publish("main", &[wheel("later-1.0-py3-none-any.whl", "")]).unwrap();
    assert_eq!(verified(&fixture, &[key]).await, [true]);
    fixture.yank("helper==1.0", None);
    fixture.yank("helper==1.0", Some(""));
    assert_eq!(verified(&fixture, &[key]).await, [true]);
    assert_eq!(expires(&fixture).unwrap().as_str(), "2027-02-20T00:00:00.000000Z");
    let sha256 = digest_of(&served(&fixture, "/repodata/2026_0/head.json").await);
    let address = format!("/repodata/2026_0/{sha256}.sig.json");
    assert_eq!(
        summary(&fixture.app(), "GET", &address, &[], &["cache-control", "content-type"]).await,
        "200 public, max-age=31536000, immutable | application/json"
    );
    for path in [format!("/repodata/2026_0/{}.sig.json", "0".repeat(64)), "/repodata/2026_0/head.sig.json".to_owned()] {
        assert_eq!(summary(&fixture.app(), "GET", &path, &[], &[]).await, "404 ", "{path}");
    }
}

#[tokio::test]
async fn a_channel_may_have_a_key_before_it_has_anything() {
    let fixture = Fixture::empty();
    let channel = signed(&fixture);
    assert_eq!(channel.lines, []);
    fixture.publish("main", &[helper()]).unwrap();
    assert_eq!(verified(&fixture, &keys(&channel)).await, [true]);
    // The other channels have none.
    fixture.publish("next", &[helper()]).unwrap();
    let next = read_line(&fixture.store(), &"next".parse().unwrap(), Abi::preferred()).unwrap();
    assert_eq!(next.expires(), None);
}

#[test]
fn private_keys_are_their_owners_and_outside_the_store() {
    let fixture = Fixture::published();
    let channel = signed(&fixture);
    let directory = fixture.path().join("keys/main");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let key = directory.join(format!("{}.pk8", channel.public_keys[0].key));
    assert_eq!((mode(&directory), mode(&key)), (0o700, 0o600));
}

#[tokio::test]
async fn a_rotation_signs_with_both_keys_until_the_old_one_is_retired() {
    let fixture = Fixture::published();
    let (store, now) = (fixture.store(), noon_of_no_day());
    let first = signed(&fixture);
    let both = rotate_key(&store, &main(), now).unwrap();
    assert_eq!(keys(&both)[1], keys(&first)[0]);
    assert_eq!(verified(&fixture, &keys(&both)).await, [true, true]);
    assert!(rotate_key(&store, &main(), now).is_err());
    let second = retire_old_keys(&store, &main(), now).unwrap();
    assert_eq!(verified(&fixture, &keys(&both)).await, [true, false]);
    assert_eq!(keys(&second), keys(&both)[..1]);
    let files = fs::read_dir(fixture.path().join("keys/main")).unwrap().count();
    assert_eq!(files, 2, "the list and one key");
    fixture.publish("main", &[wheel("later-1.0-py3-none-any.whl", "")]).unwrap();
    assert_eq!(verified(&fixture, &keys(&second)).await, [true]);
}

#[test]
fn heads_are_renewed_before_half_of_their_time_has_passed() {
    let fixture = Fixture::published();
    let (store, now) = (fixture.store(), noon_of_no_day());
    let serial = || read_line(&fixture.store(), &main(), Abi::preferred()).unwrap().serial();
    assert_eq!(refresh_due(&store, now + 1000 * DAY).unwrap(), [], "nothing is signed");
    signed(&fixture);
    assert_eq!((refresh_due(&store, now + 44 * DAY).unwrap(), serial()), (vec![], 2));
    let renewed = refresh_due(&store, now + 46 * DAY).unwrap();
    assert_eq!((renewed[0].lines[0].serial, serial()), (3, 3));
    assert_eq!(refresh_due(&store, now + 46 * DAY).unwrap(), []);
    assert_eq!(expires(&fixture).unwrap(), renewed[0].lines[0].expires);
    // An expiry that is asked for is the channel's from then on.
    assert_eq!(refresh(&store, &main(), Some(10), now).unwrap().expiry_days, 10);
    assert_eq!(refresh(&store, &main(), None, now).unwrap().expiry_days, 10);
    // A renewal is no change that a rollback would undo.
    let changed = pkgsrv::rollback(&store, &main(), None, None, now).unwrap();
    assert!(changed[0].difference.is_empty());
}

#[test]
fn a_running_server_renews_heads() {
    let fixture = Fixture::published();
    let long_ago = SystemTime::now() - 80 * DAY;
    init_signing(&fixture.store(), &main(), 90, long_ago).unwrap();
    let before = expires(&fixture);
    let mut server = Command::new(env!("CARGO_BIN_EXE_pkgsrv"))
        .env_clear()
        .env("PKGSRV_DATA", fixture.path())
        .args(["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    while expires(&fixture) == before && server.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(10));
    }
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(expires(&fixture) > before);
}

#[test]
fn what_cannot_be_signed_is_not_published() {
    let fixture = Fixture::published();
    let (store, now) = (fixture.store(), noon_of_no_day());
    let told = |error: &dyn std::error::Error, key: &str| {
        error.to_string().replace(fixture.path().to_str().unwrap(), "[DATA]").replace(key, "[KEY]")
    };
    let mut messages = vec![
        told(&refresh(&store, &main(), None, now).unwrap_err(), "-"),
        told(&rotate_key(&store, &main(), now).unwrap_err(), "-"),
    ];
    let channel = signed(&fixture);
    let key = channel.public_keys[0].key.clone();
    messages.push(told(&init_signing(&store, &main(), 90, now).unwrap_err(), &key));
    messages.push(told(&retire_old_keys(&store, &main(), now).unwrap_err(), &key));
    let directory = fixture.path().join("keys/main");
    let publish = || fixture.publish("main", &[wheel("later-1.0-py3-none-any.whl", "")]).unwrap_err();
    let document = fs::read(directory.join(format!("{key}.pk8"))).unwrap();
    let damaged = |bytes: &[u8]| fs::write(directory.join(format!("{key}.pk8")), bytes).unwrap();
    damaged(b"no key");
    messages.push(told(&publish(), &key));
    damaged(&document);
    let list = fs::read_to_string(directory.join("signing.json")).unwrap();
    for changed in
        [list.replace(&key, "0000000000000000"), list.replace("\"format\":1", "\"format\":9"), "{".to_owned()]
    {
        fs::write(directory.join("signing.json"), changed).unwrap();
        fs::write(directory.join("0000000000000000.pk8"), &document).unwrap();
        messages.push(told(&publish(), &key));
    }
    fs::remove_dir_all(&directory).unwrap();
    messages.push(told(&publish(), &key));
    assert_snapshot!(messages.join("\n"));
    assert_eq!(read_line(&store, &main(), Abi::preferred()).unwrap().serial(), 2);
}
