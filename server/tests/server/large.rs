//! Views of all of a large channel follow a publish; everything else is of the current state.

use std::time::Duration;

use pkgsrv_index::Abi;
use serde_json::Value;

use crate::fixture::{Fixture, body, request, send};
use crate::wheels::wheel;

/// Has the head tell of more repodata than there is: what decides is what it says.
fn enlarge(fixture: &Fixture) {
    for abi in Abi::released() {
        let path = format!("store/repodata/{abi}/head.json");
        let mut head: Value = serde_json::from_slice(&std::fs::read(fixture.path().join(&path)).unwrap()).unwrap();
        head["repodata"]["weight"] = (1 << 30).into();
        // Renamed into place, as a publish does.
        fixture.file(&format!("{path}.new"), head.to_string().as_bytes());
        std::fs::rename(fixture.path().join(format!("{path}.new")), fixture.path().join(&path)).unwrap();
    }
}

#[tokio::test]
async fn the_list_and_the_lockfile_follow() {
    let fixture = Fixture::published();
    enlarge(&fixture);
    let app = fixture.app();
    let get = async |path: &str| {
        let accept = "Accept: application/vnd.pypi.simple.v1+json, */*;q=0.1";
        String::from_utf8(body(send(&app, request("GET", path, &[accept])).await).await).unwrap()
    };
    let paths = ["/simple/", "/pyodide/2026_0/pyodide-lock.json", "/2026_0/all.json"];
    for path in paths {
        assert!(get(path).await.contains("native-code"), "the first one is made when it is asked for");
    }
    fixture.publish("main", &[wheel("later-1.0-py3-none-any.whl", "")]).unwrap();
    enlarge(&fixture);
    for path in paths {
        assert!(!get(path).await.contains("later"), "{path}: the one before, at once");
    }
    assert!(get("/simple/later/").await.contains("later-1.0-py3-none-any.whl"), "other views wait for nothing");
    for path in paths {
        while !get(path).await.contains("later") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
