//! `GET /resolve`: locks, and what is said where there is none.

use axum::Router;
use insta::assert_snapshot;
use pkgsrv_index::EnvironmentLock;

use crate::fixture::{Fixture, body, get, request, send, summary};
use crate::wheels::{helper, native, wheel};

/// Versions that exclude each other, markers, extras.
fn fixture() -> Fixture {
    let fixture = Fixture::empty();
    let wheels = [
        native(),
        helper(),
        wheel("helper-2.0-py3-none-any.whl", ""),
        wheel("tool-2.0-py3-none-any.whl", "Requires-Dist: helper>=2\n"),
        wheel("tool-1.0-py3-none-any.whl", "Requires-Dist: helper\n"),
        wheel("old-1.0-py3-none-any.whl", "Requires-Dist: helper<2\n"),
        wheel("new-1.0-py3-none-any.whl", "Requires-Dist: tool>=2\n"),
        wheel("plotting-1.0-py3-none-any.whl", "Requires-Dist: tool\n"),
    ];
    fixture.publish("main", &wheels).unwrap();
    fixture
}

/// A query of these parameters.
fn address(parameters: &[(&str, &str)]) -> String {
    let escaped = |text: &str| {
        text.bytes().flat_map(|byte| format!("%{byte:02x}").into_bytes()).map(char::from).collect::<String>()
    };
    let parameters: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    format!("/resolve?{}", parameters.join("&"))
}

async fn answer(app: &Router, parameters: &[(&str, &str)]) -> String {
    get(app, &address(parameters), &[]).await
}

/// Names and versions of a lock.
async fn chosen(app: &Router, parameters: &[(&str, &str)]) -> Vec<String> {
    let response = send(app, request("GET", &address(parameters), &[])).await;
    assert_eq!(response.status(), 200);
    let lock = EnvironmentLock::from_bytes(&body(response).await).unwrap();
    lock.packages.iter().map(|package| format!("{} {}", package.name, package.version)).collect()
}

#[tokio::test]
async fn locks() {
    let fixture = fixture();
    let app = fixture.app();
    assert_snapshot!("lock", answer(&app, &[("requirement", "native_code[plot]>=1"), ("abi", "2026_0")]).await);
    assert_snapshot!("markers_that_exclude", answer(&app, &[("requirement", "tool; sys_platform == 'win32'")]).await);
    fixture.publish("next", &[wheel("fresh-1.0-py3-none-any.whl", "")]).unwrap();
    assert_snapshot!("lock_of_a_channel", get(&app, "/c/next/resolve?requirement=fresh", &[]).await);
}

#[tokio::test]
async fn what_is_chosen() {
    let fixture = fixture();
    let app = fixture.app();
    for (parameters, expected) in [
        (&[("requirement", "tool")][..], &["helper 2.0", "tool 2.0"][..]),
        (&[("requirement", "tool"), ("requirement", "old")], &["helper 1.0", "old 1.0", "tool 1.0"]),
        (&[("requirement", "tool"), ("constraint", "helper<2")], &["helper 1.0", "tool 1.0"]),
        (&[("requirement", "tool"), ("constraint", "helper<2; python_version < '3'")], &["helper 2.0", "tool 2.0"]),
        (&[("requirement", "helper"), ("requirement", "old; extra == 'test'")], &["helper 2.0"]),
        (
            &[("requirement", "helper"), ("requirement", "old; extra == 'test'"), ("extra", "Test")],
            &["helper 1.0", "old 1.0"],
        ),
        (&[("requirement", "helper; sys_platform == 'emscripten'")], &["helper 2.0"]),
    ] {
        assert_eq!(chosen(&app, parameters).await, expected, "{parameters:?}");
    }
}

#[tokio::test]
async fn no_solution() {
    let fixture = fixture();
    let app = fixture.app();
    assert_snapshot!("one_project", answer(&app, &[("requirement", "helper>=3")]).await);
    assert_snapshot!("two_sides", answer(&app, &[("requirement", "new"), ("requirement", "old")]).await);
    assert_snapshot!(
        "a_constraint",
        answer(&app, &[("requirement", "tool"), ("constraint", "tool<2"), ("constraint", "helper>2")]).await
    );
    assert_snapshot!("unknown_package", answer(&app, &[("requirement", "helpr")]).await);
}

#[tokio::test]
async fn bad_questions() {
    let fixture = fixture();
    let app = fixture.app();
    assert_snapshot!("malformed", answer(&app, &[("requirement", "tool>>1")]).await);
    assert_snapshot!("no_requirement", get(&app, "/resolve", &[]).await);
    assert_snapshot!("unknown_parameter", answer(&app, &[("requirements", "tool")]).await);
    assert_snapshot!("unknown_abi_asked", answer(&app, &[("requirement", "tool"), ("abi", "1999_0")]).await);
    assert_snapshot!("too_many", answer(&app, &[("requirement", "tool"); 201]).await);
    assert_snapshot!("too_long", answer(&app, &[("requirement", &"t".repeat(1025))]).await);
    assert_snapshot!("no_such_channel", get(&app, "/c/nightly/resolve?requirement=tool", &[]).await);
    let nested = format!("tool; {}", "(".repeat(1000));
    for (parameters, expected) in [
        (&[("requirement", "tool @ https://packages.example/tool.whl")][..], "400"),
        (&[("requirement", "tool; python_version >> '3'")], "400"),
        (&[("requirement", nested.as_str())], "400"),
        (&[("requirement", "")], "400"),
        (&[("requirement", "tool"), ("constraint", "tool==")], "400"),
        (&[("requirement", "tool"), ("extra", "a b")], "400"),
        (&[("requirement", "tool"), ("abi", "2026_0"), ("abi", "2026_0")], "400"),
        (&[("requirement", "tool"), ("abi", "2026_5")], "404"),
    ] {
        let names = ["content-type", "access-control-allow-origin", "cache-control"];
        assert_eq!(
            summary(&app, "GET", &address(parameters), &[], &names).await,
            format!("{expected} application/problem+json | * | no-store"),
            "{parameters:?}"
        );
    }
    assert_eq!(summary(&app, "GET", "/resolve?requirement=%ff", &[], &[]).await, "400 ");
}

#[tokio::test]
async fn errors_take_the_form_that_is_asked_for() {
    let fixture = fixture();
    let app = fixture.app();
    for (method, path, accept, expected) in [
        ("GET", "/simple/gone/", "Accept: */*", "404 text/plain; charset=utf-8"),
        ("GET", "/packages/gone/", "Accept: application/json", "404 application/problem+json"),
        ("HEAD", "/packages/gone/", "Accept: application/json", "404 application/problem+json"),
        ("POST", "/resolve", "Accept: text/html", "405 application/problem+json"),
    ] {
        assert_eq!(summary(&app, method, path, &[accept], &["content-type"]).await, expected, "{method} {path}");
    }
    let asked = ("/packages/gone/", &["Accept: application/json"][..]);
    let length = summary(&app, "GET", asked.0, asked.1, &["content-length"]).await;
    assert_eq!(summary(&app, "HEAD", asked.0, asked.1, &["content-length"]).await, length);
    assert!(body(send(&app, request("HEAD", asked.0, asked.1)).await).await.is_empty());
    assert_snapshot!("json_asked_for", get(&app, "/packages/gone/", &["Accept: application/problem+json"]).await);
}
