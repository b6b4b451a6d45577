//! All nodes for a request at once.

use pkgsrv::digest_of;
use serde_json::Value;

use crate::fixture::{Fixture, body, request, send, summary};
use crate::wheels::wheel;

/// Wheels of so much METADATA that their repodata is a branch; each needs the next two.
fn fixture() -> Fixture {
    let fixture = Fixture::empty();
    // Requirements are what repodata repeats.
    let extra: Vec<String> =
        (0..40).map(|other| format!("Requires-Dist: nothing-of-that-name-{other}>=1; extra == 'more'\n")).collect();
    let extra = extra.concat();
    let wheels: Vec<_> = (0..60)
        .map(|number| {
            let (next, after) = (number + 1, number + 2);
            let needed = format!("Requires-Dist: p{next}>=1\nRequires-Dist: p{after}>=1\n");
            let needed = if number < 57 { needed.as_str() } else { "" };
            wheel(&format!("p{number}-1.0-py3-none-any.whl"), &format!("Provides-Extra: more\n{needed}{extra}"))
        })
        .collect();
    fixture.publish("main", &wheels).unwrap();
    fixture
}

#[tokio::test]
async fn the_nodes_of_a_closure_are_those_that_are_stored() {
    let fixture = fixture();
    let app = fixture.app();
    let get = async |path: &str| body(send(&app, request("GET", path, &[])).await).await;
    let head: Value = serde_json::from_slice(&get("/repodata/2026_0/head.json").await).unwrap();
    let root = head["repodata"]["sha256"].as_str().unwrap();
    let nodes = get(&format!("/repodata/2026_0/{root}/nodes?requirement=p55")).await;
    let nodes: Vec<&[u8]> = nodes.split(|byte| *byte == b'\n').filter(|node| !node.is_empty()).collect();
    assert_eq!(digest_of(nodes[0]).to_string(), root);
    assert!(serde_json::from_slice::<Value>(nodes[0]).unwrap()["branch"].is_object(), "the fixture is large enough");
    let mut projects = Vec::new();
    for node in &nodes {
        assert!(get(&format!("/repodata/2026_0/{}.json", digest_of(node))).await == *node);
        let node: Value = serde_json::from_slice(node).unwrap();
        projects.extend(node["leaf"].as_object().into_iter().flat_map(|leaf| leaf.keys().cloned()));
    }
    for name in ["p55", "p56", "p57", "p58"] {
        assert!(projects.iter().any(|project| project == name), "{name}");
    }
    assert!(projects.len() < 40, "not all of them: {projects:?}");
}

#[tokio::test]
async fn what_is_not_there_and_what_is_no_requirement() {
    let fixture = Fixture::published();
    let app = fixture.app();
    let head: Value =
        serde_json::from_slice(&body(send(&app, request("GET", "/repodata/2026_0/head.json", &[])).await).await)
            .unwrap();
    let root = head["repodata"]["sha256"].as_str().unwrap();
    let headers = ["content-type", "cache-control"];
    let immutable = "200 application/x-ndjson | public, max-age=31536000, immutable";
    let none = "404 text/plain; charset=utf-8 | no-store";
    for (path, expected) in [
        (format!("{root}/nodes?requirement=helper"), immutable),
        // Nothing leads to a name that is not there, and that is told too.
        (format!("{root}/nodes?requirement=unknown"), immutable),
        (format!("{root}/nodes"), immutable),
        (format!("{root}/nodes?requirement=%3E%3E"), none),
        (format!("{}/nodes?requirement=helper", "0".repeat(64)), none),
        ("nothing/nodes".to_owned(), none),
    ] {
        assert_eq!(summary(&app, "GET", &format!("/repodata/2026_0/{path}"), &[], &headers).await, expected, "{path}");
    }
}
