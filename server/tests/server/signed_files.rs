//! What interpreters start from, in channels with a key: the signed list says all of it, and follows it.

use std::fs;
use std::process::Command;
use std::time::Duration;

use pkgsrv::{
    ChannelName, DataDir, Place, Source, Target, init_signing, retire_old_keys, rotate_key, sign_files, sign_files_anew,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::export::{base, run as export};
use crate::fixture::{Fixture, body, noon_of_no_day, request, send, summary};
use crate::mirror::{Served, run_all};
use crate::mirror_files::{bake, files, set_image, upstream};

const DAY: Duration = Duration::from_hours(24);
const ENVIRONMENTS: &str = "environments/main/2026_0";
const LIST: &str = "signed_files.json";

fn main() -> ChannelName {
    ChannelName::main()
}

/// Which of these keys have signed the list that is served, as Node's crypto finds, and the list itself.
async fn verified(fixture: &Fixture, public_keys: &[&str]) -> (Vec<bool>, Value) {
    const SCRIPT: &str = r#"
        const { createHash, createPublicKey, verify } = require("node:crypto");
        const [document, ...keys] = process.argv.slice(1);
        const { format, files, signatures } = JSON.parse(require("node:fs").readFileSync(document));
        if (format !== 1) throw new Error("another format");
        const isSigned = (text) => {
          const raw = Buffer.from(text, "base64");
          const name = createHash("sha256").update(raw).digest("hex").slice(0, 16);
          const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") }, format: "jwk" });
          const found = signatures.find((signature) => signature.key === name);
          const message = Buffer.from("pkgsrv files 1\n" + files);
          return found !== undefined && verify(null, message, key, Buffer.from(found.signature, "base64"));
        };
        console.log(JSON.stringify([keys.map(isSigned), JSON.parse(files)]));
    "#;
    let response = send(&fixture.app(), request("GET", &format!("/environments/2026_0/{LIST}"), &[])).await;
    assert_eq!(response.status(), 200);
    let document = fixture.file("asked/document", &body(response).await);
    let output = Command::new("node").args(["-e", SCRIPT]).arg(document).args(public_keys).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect()
}

/// A signed channel with a runtime and environments; its key.
fn signed() -> (Fixture, String) {
    let fixture = upstream();
    let now = noon_of_no_day();
    let channel = init_signing(&fixture.store(), &main(), 90, now).unwrap();
    sign_files(&DataDir::new(fixture.path()), now).unwrap();
    (fixture, channel.public_keys[0].public_key.clone())
}

#[tokio::test]
async fn a_list_verifies_with_another_implementation() {
    let (fixture, key) = signed();
    let (is_signed, list) = verified(&fixture, &[&key, "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="]).await;
    assert_eq!(is_signed, [true, false]);
    assert_eq!(names(&list["environments"]), ["demo.json", "files.json"]);
    assert!(names(&list["runtime"]).contains(&"image.json") && names(&list["runtime"]).contains(&"pyodide0.mjs"));
    assert_eq!((&list["abi"], &list["expires"]), (&json!("2026_0"), &json!("2027-02-20T00:00:00.000000Z")));
    let headers = ["cache-control", "content-type"];
    assert_eq!(
        summary(&fixture.app(), "GET", &format!("/environments/2026_0/{LIST}"), &[], &headers).await,
        summary(&fixture.app(), "GET", "/environments/2026_0/demo.json", &[], &headers).await
    );
    // It is none of the environments.
    let listed = send(&fixture.app(), request("GET", "/environments/2026_0/", &[])).await;
    assert!(!String::from_utf8(body(listed).await).unwrap().contains("signed"));
}

#[tokio::test]
async fn a_list_follows_what_is_there() {
    let (fixture, key) = signed();
    let (data, now) = (DataDir::new(fixture.path()), noon_of_no_day());
    let bytes = || fs::read(fixture.path().join(ENVIRONMENTS).join(LIST)).unwrap();
    let first = bytes();
    sign_files(&data, now + 44 * DAY).unwrap();
    assert_eq!(bytes(), first, "nothing has changed, and half of its time is left");
    sign_files(&data, now + 46 * DAY).unwrap();
    let serial = async || verified(&fixture, &[&key]).await.1["serial"].as_u64().unwrap();
    let renewed = serial().await;
    assert_ne!(bytes(), first);
    bake(&fixture, "demo", "another memory");
    bake(&fixture, "third", "memory");
    set_image(&fixture, "another image");
    sign_files(&data, now).unwrap();
    let (is_signed, list) = verified(&fixture, &[&key]).await;
    assert_eq!((is_signed, names(&list["environments"])), (vec![true], vec!["demo.json", "files.json", "third.json"]));
    let index = pkgsrv::digest_of(&fs::read(fixture.path().join(ENVIRONMENTS).join("demo.json")).unwrap());
    assert_eq!(list["environments"][0]["sha256"], json!(index.to_string()));
    assert_eq!(list["serial"].as_u64(), Some(renewed + 1));
    data.remove_environment(&main(), pkgsrv_index::Abi::preferred(), &"third".parse().unwrap()).unwrap();
    // Where the list is lost, readers see none that is older.
    for damaged in ["", "{}"] {
        fs::write(fixture.path().join(ENVIRONMENTS).join(LIST), damaged).unwrap();
        sign_files(&data, now + 50 * DAY).unwrap();
        assert!(serial().await > renewed + 1);
    }
}

#[tokio::test]
async fn a_list_is_signed_with_the_keys_of_the_channel() {
    let (fixture, first) = signed();
    let (data, now) = (DataDir::new(fixture.path()), noon_of_no_day());
    let both = rotate_key(&fixture.store(), &main(), now).unwrap();
    sign_files_anew(&data, &main(), now).unwrap();
    let second = &both.public_keys[0].public_key;
    assert_eq!(verified(&fixture, &[second, &first]).await.0, [true, true]);
    retire_old_keys(&fixture.store(), &main(), now).unwrap();
    // `serve` sees it too.
    sign_files(&data, now).unwrap();
    assert_eq!(verified(&fixture, &[second, &first]).await.0, [true, false]);
}

#[tokio::test]
async fn channels_without_a_key_or_without_files_have_no_list() {
    let fixture = upstream();
    sign_files(&DataDir::new(fixture.path()), noon_of_no_day()).unwrap();
    sign_files_anew(&DataDir::new(fixture.path()), &main(), noon_of_no_day()).unwrap();
    assert_eq!(summary(&fixture.app(), "GET", &format!("/environments/2026_0/{LIST}"), &[], &[]).await, "404 ");
    let bare = Fixture::published();
    init_signing(&bare.store(), &main(), 90, noon_of_no_day()).unwrap();
    sign_files(&DataDir::new(bare.path()), noon_of_no_day()).unwrap();
    assert!(!bare.path().join("environments").exists());
}

#[test]
fn mirrors_and_exports_have_the_list_of_their_source() {
    let (theirs, _) = signed();
    let (ours, runtime) = (Fixture::empty(), Runtime::new().unwrap());
    let list = |fixture: &Fixture| files(fixture, ENVIRONMENTS).remove(LIST).unwrap();
    Served::new(theirs.app()).mirror_all(&ours, &[], false).unwrap();
    assert_eq!(list(&ours), list(&theirs));
    let directory = tempfile::tempdir().unwrap();
    let place = Place::Directory(directory.path().to_owned());
    let target = Target::open(&place, runtime.handle().clone()).unwrap();
    let exported = || fs::read(directory.path().join("environments/2026_0").join(LIST)).unwrap();
    export(&theirs, "main", &target, &base(), false).unwrap();
    assert_eq!(exported(), list(&theirs));
    // What was only signed anew goes there too.
    sign_files_anew(&DataDir::new(theirs.path()), &main(), noon_of_no_day() + DAY).unwrap();
    assert_ne!(exported(), list(&theirs));
    export(&theirs, "main", &target, &base(), false).unwrap();
    assert_eq!(exported(), list(&theirs));
    let source = Source::open(&place, Duration::from_secs(1), runtime.handle().clone()).unwrap();
    run_all(&source, &ours, "main", &[], (false, false)).unwrap();
    assert_eq!(list(&ours), list(&theirs));
}
