//! Wheels and metadata: ranges, validators, headers.

use insta::assert_snapshot;
use pkgsrv::digest_of;

use crate::fixture::{Fixture, body, get, request, send, shown, summary};
use crate::wheels;

fn address() -> String {
    let wheel = wheels::native();
    format!("/blobs/{}/{}", digest_of(&wheel.bytes), wheel.filename)
}

#[tokio::test]
async fn whole() {
    let fixture = Fixture::published();
    let app = fixture.app();
    let response = send(&app, request("GET", &address(), &["Accept-Encoding: gzip, br"])).await;
    assert_eq!(body(response).await, wheels::native().bytes);
    assert_snapshot!(
        "wheel_head",
        shown(send(&app, request("HEAD", &address(), &["Accept-Encoding: br"])).await).await
    );
    assert_snapshot!("metadata", get(&app, &format!("{}.metadata", address()), &[]).await);
}

#[tokio::test]
async fn ranges() {
    let fixture = Fixture::published();
    let app = fixture.app();
    let bytes = wheels::native().bytes;
    let length = bytes.len();
    let etag = format!("\"{}\"", digest_of(&bytes));
    for (headers, status, content_range, part) in [
        (vec!["Range: bytes=0-3".to_owned()], 206, format!("bytes 0-3/{length}"), &bytes[..4]),
        (
            vec![format!("Range: bytes={}-", length - 5)],
            206,
            format!("bytes {}-{}/{length}", length - 5, length - 1),
            &bytes[length - 5..],
        ),
        (
            vec!["Range: bytes=-22".to_owned()],
            206,
            format!("bytes {}-{}/{length}", length - 22, length - 1),
            &bytes[length - 22..],
        ),
        (vec!["Range: bytes=0-999999".to_owned()], 206, format!("bytes 0-{}/{length}", length - 1), &bytes[..]),
        (
            vec!["Range: bytes=0-3".to_owned(), format!("If-Range: {etag}")],
            206,
            format!("bytes 0-3/{length}"),
            &bytes[..4],
        ),
        (vec!["Range: bytes=0-3".to_owned(), "If-Range: \"other\"".to_owned()], 200, "-".to_owned(), &bytes[..]),
        (vec!["Range: bytes=0-3,8-9".to_owned()], 200, "-".to_owned(), &bytes[..]),
        (vec!["Range: bytes=3-0".to_owned()], 200, "-".to_owned(), &bytes[..]),
    ] {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let response = send(&app, request("GET", &address(), &headers)).await;
        let header = |name: &str| response.headers().get(name).map_or("-", |value| value.to_str().unwrap()).to_owned();
        assert_eq!(response.status(), status, "{headers:?}");
        assert_eq!(header("content-range"), content_range, "{headers:?}");
        assert_eq!(header("content-encoding"), "-", "{headers:?}");
        assert_eq!(header("content-length"), part.len().to_string(), "{headers:?}");
        assert!(body(response).await == part, "{headers:?}");
    }
}

#[tokio::test]
async fn ranges_that_are_not_there() {
    let fixture = Fixture::published();
    let length = wheels::native().bytes.len();
    let range = format!("Range: bytes={length}-");
    assert_snapshot!("no_such_range", get(&fixture.app(), &address(), &[&range]).await);
}

#[tokio::test]
async fn validators() {
    let fixture = Fixture::published();
    let app = fixture.app();
    let etag = summary(&app, "HEAD", &address(), &[], &["etag"]).await;
    let known = format!("If-None-Match: {}", etag.trim_start_matches("200 "));
    assert_snapshot!("wheel_not_modified", get(&app, &address(), &[&known]).await);
    // The metadata beside it is another body, so the same tag does not stand for it.
    let metadata = format!("{}.metadata", address());
    assert_eq!(summary(&app, "GET", &metadata, &[&known], &[]).await, "200 ");
}

#[tokio::test]
async fn nothing_else_can_be_reached() {
    let fixture = Fixture::published();
    let app = fixture.app();
    let digest = digest_of(&wheels::native().bytes);
    let other = digest_of(b"");
    for path in [
        format!("/blobs/{other}/native_code-1.2.3-cp314-cp314-pyemscripten_2026_0_wasm32.whl"),
        format!("/blobs/{digest}/helper-1.0-py3-none-any.whl"),
        format!("/blobs/{digest}/..%2f..%2fpublish.lock"),
        format!("/blobs/{digest}/.."),
        format!("/blobs/{digest}/"),
        format!("/blobs/{digest}"),
        format!("/blobs/{}/helper-1.0-py3-none-any.whl", digest.to_string().to_uppercase()),
        "/blobs/..%2frepodata/head.json".to_owned(),
    ] {
        assert_eq!(summary(&app, "GET", &path, &[], &["access-control-allow-origin"]).await, "404 *", "{path}");
    }
    let missing = format!("/blobs/{other}/helper-1.0-py3-none-any.whl");
    assert_snapshot!("missing_wheel", get(&app, &missing, &[]).await);
}
