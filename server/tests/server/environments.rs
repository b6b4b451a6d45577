//! Environments beside channels: with what they keep, where they go along, which pages name them.

use pkgsrv::{
    ChannelName, DataDir, DeleteTarget, EnvironmentChange, KeptFor, StoredObject, delete, digest_of, promote,
};
use pkgsrv_index::Abi;
use serde_json::{Value, json};

use crate::fixture::{Fixture, body, noon_of_no_day, request, send};
use crate::twins::entry;

const HELPER: &str = "helper-1.0-py3-none-any.whl";

/// An environment of main with the package `helper`, as baking leaves it.
fn bake(fixture: &Fixture, name: &str, memory: &str) {
    let made = tempfile::tempdir().unwrap();
    let part = |contents: &str| {
        let sha256 = digest_of(contents.as_bytes()).to_string();
        let file = format!("{name}-{}.bin", &sha256[..16]);
        std::fs::write(made.path().join(&file), contents).unwrap();
        json!({ "file": file, "sha256": sha256, "size": contents.len() })
    };
    let wheel = entry(&fixture.store(), HELPER).sha256;
    let index = json!({
        "format": 2,
        "memory": part(memory),
        "stdlib": { "file": "../../blobs/../runtime/pyodide/314.0.7/stdlib.zip" },
        "environment": {
            "requirements": ["helper"], "blobs": "../../blobs/", "first": part("first"), "later": part("later"),
            "packages": [{ "name": "helper", "version": "1.0", "filename": HELPER, "sha256": wheel }],
        },
    });
    std::fs::write(made.path().join(format!("{name}.json")), index.to_string()).unwrap();
    let data = DataDir::new(fixture.path());
    data.add_environment(&ChannelName::main(), Abi::preferred(), &name.parse().unwrap(), made.path()).unwrap();
}

#[test]
fn what_an_environment_was_made_of_is_not_purged() {
    let fixture = Fixture::published();
    bake(&fixture, "demo", "memory");
    let (store, data) = (fixture.store(), DataDir::new(fixture.path()));
    let wheel = entry(&store, HELPER).sha256;
    let target: DeleteTarget = HELPER.parse().unwrap();
    let purge = || {
        let environments = data.all_environments();
        let deleted = delete(&store, &ChannelName::main(), None, &target, Some(&environments), noon_of_no_day());
        deleted.unwrap().purged.remove(0)
    };
    let file = store.file(&StoredObject::Wheel { sha256: wheel, filename: HELPER.parse().unwrap() });
    let kept = purge();
    let (name, abi) = ("demo".parse().unwrap(), Abi::preferred());
    assert_eq!(kept.kept_for, [KeptFor { channel: "main".to_owned(), abi, environment: Some(name) }]);
    assert!(kept.removed.is_empty() && file.exists());
    data.remove_environment(&ChannelName::main(), abi, &"demo".parse().unwrap()).unwrap();
    assert!(!purge().removed.is_empty() && !file.exists());
}

#[tokio::test]
async fn environments_go_along_with_their_wheels() {
    let fixture = Fixture::published();
    bake(&fixture, "demo", "memory");
    bake(&fixture, "other", "another memory");
    let (store, data, abi) = (fixture.store(), DataDir::new(fixture.path()), Abi::preferred());
    let (main, next): (_, ChannelName) = (ChannelName::main(), "next".parse().unwrap());
    let differences = || {
        let found = data.environment_differences(&main, &next, None).unwrap();
        found.into_iter().map(|found| (found.name.to_string(), found.change)).collect::<Vec<_>>()
    };
    let names = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect::<Vec<_>>();
    let promoted = |wanted: &[&str]| {
        let promoted = data.promote_environments(&main, &next, None, &names(wanted)).unwrap();
        promoted.into_iter().map(|found| (found.name.to_string(), found.lacking)).collect::<Vec<_>>()
    };
    // The channel has none of the wheels yet.
    let lacking = vec!["helper 1.0".to_owned()];
    assert_eq!(promoted(&[]), [("demo".to_owned(), lacking.clone()), ("other".to_owned(), lacking)]);
    let removed = EnvironmentChange::Removed;
    assert_eq!(differences(), [("demo".to_owned(), removed), ("other".to_owned(), removed)]);
    promote(&store, &main, &next, None, &names(&["helper"]), noon_of_no_day()).unwrap();
    assert_eq!(promoted(&["native-code"]), []);
    assert_eq!(promoted(&["helper"]), [("demo".to_owned(), vec![]), ("other".to_owned(), vec![])]);
    assert_eq!(promoted(&[]), []);
    assert_eq!(differences(), []);
    bake(&fixture, "demo", "made anew");
    assert_eq!(differences(), [("demo".to_owned(), EnvironmentChange::OtherContents)]);

    // From where it is, the addresses lead to the same.
    let app = fixture.app();
    let index = body(send(&app, request("GET", &format!("/c/next/environments/{abi}/demo.json"), &[])).await).await;
    let index: Value = serde_json::from_slice(&index).unwrap();
    assert_eq!(index["environment"]["blobs"], "../../../../blobs/");
    assert_eq!(index["stdlib"]["file"], "../../../../blobs/../runtime/pyodide/314.0.7/stdlib.zip");
    let memory = index["memory"]["file"].as_str().unwrap();
    let memory = format!("/c/next/environments/{abi}/{memory}");
    assert_eq!(body(send(&app, request("GET", &memory, &[])).await).await, b"memory");
}

#[tokio::test]
async fn the_page_of_a_package_links_to_environments_as_they_are_now() {
    let fixture = Fixture::published();
    let app = fixture.app();
    let page = async |path: &str| String::from_utf8(body(send(&app, request("GET", path, &[])).await).await).unwrap();
    assert!(!page("/packages/helper/").await.contains("Environments"));
    bake(&fixture, "demo", "memory");
    let link =
        "<p>Environments that have it: <a href=\"../../?environment=demo\">demo</a> (version 1.0, ABI 2026_0)</p>";
    let helper = page("/packages/helper/").await;
    assert!(helper.contains(link), "{helper}");
    assert!(!page("/packages/native-code/").await.contains("Environments"));
}
