//! Other channels than main.

use insta::assert_snapshot;

use crate::fixture::{Fixture, get, summary};
use crate::wheels;

#[tokio::test]
async fn a_channel_has_its_own_views_and_shares_blobs() {
    let fixture = Fixture::published();
    let app = fixture.app();
    assert_eq!(summary(&app, "GET", "/c/next/simple/", &[], &[]).await, "404 ");
    fixture.publish("next", &[wheels::wheel("fresh-2.0-py3-none-any.whl", "")]).unwrap();
    assert_snapshot!("channel_project", get(&app, "/c/next/2026_0/simple/fresh/", &["Accept: text/html"]).await);
    assert_snapshot!("channel_lockfile", get(&app, "/c/next/pyodide/2026_0/pyodide-lock.json", &[]).await);
    assert_snapshot!("channel_home", get(&app, "/c/next/", &[]).await);
    assert_eq!(summary(&app, "GET", "/simple/fresh/", &[], &[]).await, "404 ");
    assert_eq!(summary(&app, "GET", "/c/next/simple/helper/", &[], &[]).await, "404 ");
    assert_eq!(summary(&app, "GET", "/c/next/simple/Fresh", &[], &["location"]).await, "301 fresh/");
}

#[tokio::test]
async fn channels_that_are_not_there() {
    let fixture = Fixture::published();
    let app = fixture.app();
    assert_snapshot!("unknown_channel", get(&app, "/c/nightly/simple/", &[]).await);
    assert_snapshot!("main_has_no_prefix", get(&app, "/c/main/simple/", &[]).await);
    assert_snapshot!("no_channel_name", get(&app, "/c/..%2f..%2fetc/simple/", &[]).await);
}
