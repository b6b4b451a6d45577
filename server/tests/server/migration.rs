//! Data directories that earlier versions wrote.

use pkgsrv::{ChannelName, StoredObject, digest_of, read_line, rollback};
use pkgsrv_index::Abi;
use serde_json::{Value, json};

use crate::fixture::{Fixture, body, noon_of_no_day, request, send};
use crate::wheels::wheel;

type Entry = serde_json::Map<String, Value>;

/// A channel whose index and repodata are one document each (format 1), with the files that the fixture published, whose
/// entries are changed.
pub fn with_whole_documents(change: impl Fn(&mut Entry)) -> Fixture {
    let fixture = Fixture::published();
    let (store, channel, abi) = (fixture.store(), ChannelName::main(), Abi::preferred());
    let line = read_line(&store, &channel, abi).unwrap();
    let node = |object: StoredObject| -> Value {
        let path = store.file(&object);
        let node = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        std::fs::remove_file(path).unwrap();
        node
    };
    let trees = line.trees();
    let index = node(StoredObject::Index { channel: channel.clone(), abi, sha256: trees.index.unwrap().sha256 });
    let repodata = |sha256| StoredObject::Repodata { channel: channel.clone(), abi, sha256 };
    let packages = node(repodata(trees.repodata.unwrap().sha256));
    node(repodata(trees.modules.unwrap().sha256));
    let mut files: serde_json::Map<String, Value> = index["leaf"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|project| project["files"].as_object().unwrap().clone())
        .collect();
    files.values_mut().for_each(|entry| change(entry.as_object_mut().unwrap()));
    let index = json!({ "format": 1, "abi": abi, "files": files }).to_string();
    let runtime = json!({ "name": "pyodide", "version": "314.0.7", "python": "3.14.2" });
    let repodata = json!({
        "format": 1, "abi": abi, "blobs": "../../blobs/", "runtime": runtime, "packages": packages["leaf"],
    })
    .to_string();
    let put = |directory: &str, text: &str| {
        let sha256 = digest_of(text.as_bytes());
        fixture.file(&format!("store/{directory}/{abi}/{sha256}.json"), text.as_bytes());
        json!({ "sha256": sha256, "size": text.len() })
    };
    let (index, repodata) = (put("index", &index), put("repodata", &repodata));
    let head = json!({ "format": 1, "abi": abi, "serial": 4, "index": index, "repodata": repodata }).to_string();
    fixture.file(&format!("store/repodata/{abi}/head.json"), head.as_bytes());
    fixture
}

async fn get(fixture: &Fixture, path: &str) -> String {
    let accept = "Accept: application/vnd.pypi.simple.v1+json, */*;q=0.1";
    String::from_utf8(body(send(&fixture.app(), request("GET", path, &[accept])).await).await).unwrap()
}

#[tokio::test]
async fn a_channel_of_whole_documents_is_served_as_it_was() {
    let (before, now) = (with_whole_documents(|_| ()), Fixture::published());
    for path in [
        "/simple/",
        "/simple/helper/",
        "/simple/native-code/",
        "/pyodide/2026_0/pyodide-lock.json",
        "/packages/helper/",
    ] {
        assert_eq!(get(&before, path).await, get(&now, path).await, "{path}");
    }
    // Loaders read both formats; they get the documents that the head names.
    let head: Value = serde_json::from_str(&get(&before, "/repodata/2026_0/head.json").await).unwrap();
    assert_eq!(head["format"], 1);
    let repodata = head["repodata"]["sha256"].as_str().unwrap();
    assert_eq!(
        digest_of(get(&before, &format!("/repodata/2026_0/{repodata}.json")).await.as_bytes()).to_string(),
        repodata
    );
}

#[tokio::test]
async fn the_next_publish_makes_trees() {
    let fixture = with_whole_documents(|_| ());
    let names: Vec<String> = read_line(&fixture.store(), &ChannelName::main(), Abi::preferred())
        .unwrap()
        .index()
        .unwrap()
        .files()
        .map(|entry| entry.filename.to_string())
        .collect();
    let later = || [wheel("later-1.0-py3-none-any.whl", "")];
    fixture.publish("main", &later()).unwrap();
    let now = Fixture::published();
    now.publish("main", &later()).unwrap();
    let line = |fixture: &Fixture| read_line(&fixture.store(), &ChannelName::main(), Abi::preferred()).unwrap();
    assert_eq!(line(&fixture).serial(), 5);
    assert_eq!(line(&fixture).trees(), line(&now).trees(), "as if it had been trees from the start");
    let index = line(&fixture).index().unwrap();
    let after: Vec<&str> = index.files().map(|entry| entry.filename.as_str()).collect();
    assert_eq!(after.len(), names.len() + 1);
    assert!(names.iter().all(|name| after.contains(&name.as_str())));
    // The head before is kept as it was, and can be gone back to.
    let main = ChannelName::main();
    let changed = rollback(&fixture.store(), &main, None, None, noon_of_no_day()).unwrap();
    assert_eq!(changed[0].difference.deleted, ["later-1.0-py3-none-any.whl"]);
    assert_eq!(line(&fixture).trees().repodata, line(&Fixture::published()).trees().repodata);
}
