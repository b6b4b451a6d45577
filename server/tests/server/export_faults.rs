//! The program against buckets that misbehave: a small server that speaks as much S3 as an export needs.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::runtime::Runtime;

use crate::fixture::Fixture;
use crate::wheels::helper;
use crate::write_sequence::reported;

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Refuses,
    Fails,
    /// The head changes between every look and write.
    AlwaysElse,
    BreaksOff,
}

type Objects = Arc<Mutex<BTreeMap<String, (HeaderMap, Bytes)>>>;

struct Bucket {
    runtime: Runtime,
    address: String,
    objects: Objects,
}

impl Bucket {
    fn new(fault: Fault) -> Self {
        let (runtime, objects) = (Runtime::new().unwrap(), Objects::default());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::clone(&objects);
        let app = Router::new().fallback(move |request: Request| answer(fault, Arc::clone(&shared), request));
        runtime.spawn(async { axum::serve(listener, app).await });
        Self { runtime, address, objects }
    }

    fn export(&self, fixture: &Fixture) -> (Option<i32>, String, String) {
        let mut program = Command::new(env!("CARGO_BIN_EXE_pkgsrv"));
        let arguments = ["export", "--to", "s3://packages/py", "--base-url", "https://cdn.example/py"];
        program.args(arguments).env_clear().env("PKGSRV_DATA", fixture.path());
        program.env("AWS_ENDPOINT_URL", &self.address).env("AWS_REGION", "here");
        program.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret");
        let output = self.runtime.block_on(async { tokio::task::spawn_blocking(move || program.output()).await });
        let output = output.unwrap().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&self.address, "[BUCKET]");
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    fn keys(&self) -> Vec<String> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }
}

async fn answer(fault: Fault, objects: Objects, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 24).await.unwrap();
    let key = parts.uri.path().to_owned();
    let is_head = key.ends_with("/head.json");
    match fault {
        Fault::Refuses => return StatusCode::FORBIDDEN.into_response(),
        Fault::Fails if parts.method == Method::PUT => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Fault::AlwaysElse if is_head && parts.method == Method::PUT => {
            return StatusCode::PRECONDITION_FAILED.into_response();
        }
        Fault::BreaksOff if is_head && parts.method == Method::GET => {
            let start = Ok::<_, std::io::Error>(Bytes::from_static(b"{"));
            let body = Body::from_stream(stream::iter([start, Err(std::io::Error::other("gone"))]));
            let headers =
                [("content-length", "400"), ("etag", "\"x\""), ("last-modified", "Thu, 26 Nov 2026 00:00:00 GMT")];
            return (headers, body).into_response();
        }
        _ => {}
    }
    let mut objects = objects.lock().unwrap();
    match parts.method {
        Method::PUT => {
            if parts.headers.contains_key(header::IF_NONE_MATCH) && objects.contains_key(&key) {
                return StatusCode::PRECONDITION_FAILED.into_response();
            }
            objects.insert(key, (parts.headers, body));
            [(header::ETAG, "\"x\"")].into_response()
        }
        Method::DELETE => {
            objects.remove(&key);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => match objects.get(&key) {
            None => StatusCode::NOT_FOUND.into_response(),
            Some((_, bytes)) => {
                let headers = [(header::ETAG, "\"x\""), (header::LAST_MODIFIED, "Thu, 26 Nov 2026 00:00:00 GMT")];
                (headers, bytes.clone()).into_response()
            }
        },
    }
}

fn published() -> Fixture {
    let fixture = Fixture::empty();
    reported(&fixture.store(), "main", &[helper()]);
    fixture
}

#[test]
fn a_bucket_gets_keys_for_the_addresses_of_directories() {
    let bucket = Bucket::new(Fault::None);
    let (code, stdout, stderr) = bucket.export(&published());
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.starts_with("channel main, ABI 2026_0, serial 1: exported\n"), "{stdout}");
    let objects = bucket.objects.lock().unwrap();
    let (headers, bytes) = &objects["/packages/py/simple/helper/"];
    assert_eq!(headers[header::CONTENT_TYPE], "application/vnd.pypi.simple.v1+json");
    assert_eq!(*bytes, objects["/packages/py/simple/helper/index.json"].1);
    assert_eq!(objects["/packages/py/repodata/2026_0/head.json"].0[header::IF_NONE_MATCH], "*");
}

#[test]
fn faults_are_told_with_a_remedy_and_leave_no_head() {
    for (name, fault) in [
        ("refuses", Fault::Refuses),
        ("fails", Fault::Fails),
        ("always_else", Fault::AlwaysElse),
        ("breaks_off", Fault::BreaksOff),
    ] {
        let bucket = Bucket::new(fault);
        let (code, stdout, stderr) = bucket.export(&published());
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
        // Which blob comes first, and the client's own words below, are not ours.
        let first = stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or(&stderr);
        insta::assert_snapshot!(format!("export_{name}"), without_blob(first));
        assert!(!bucket.keys().iter().any(|key| key.ends_with("/head.json")), "{:?}", bucket.keys());
    }
}

fn without_blob(line: &str) -> String {
    let words = line
        .split(' ')
        .map(|word| if word.starts_with("py/blobs/") || word.starts_with("py/admissions/") { "[BLOB]" } else { word });
    words.collect::<Vec<_>>().join(" ")
}
