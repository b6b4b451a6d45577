//! The runtime's and the loader's files.

use insta::assert_snapshot;

use crate::fixture::{Fixture, body, get, request, send, summary};

#[tokio::test]
async fn types_and_policies() {
    let fixture = Fixture::empty();
    fixture.file("runtime/pyodide/314.0.7/pyodide.mjs", b"export {};\n");
    fixture.file("runtime/pyodide/314.0.7/pyodide.asm.wasm", b"\0asm\x01\0\0\0");
    fixture.file("runtime/pyodide/314.0.7/python_stdlib.zip", b"PK");
    fixture.file("runtime/pyodide/314.0.7/image.json", b"{}");
    fixture.file("runtime/pyodide/314.0.7/memory-0123456789abcdef.bin", b"memory");
    fixture.file("runtime/pyodide/314.0.7/.hidden", b"secret");
    fixture.file("loader/index.js", b"export {};\n");
    fixture.file("secret", b"secret");
    let app = fixture.app();
    assert_snapshot!("runtime_module", get(&app, "/runtime/pyodide/314.0.7/pyodide.mjs", &[]).await);
    let names = ["content-type", "cache-control"];
    let immutable = "public, max-age=31536000, immutable";
    let page = "public, max-age=10, stale-while-revalidate=60, stale-if-error=86400";
    let version = env!("CARGO_PKG_VERSION");
    for (path, answer) in [
        ("/runtime/pyodide/314.0.7/pyodide.asm.wasm", format!("200 application/wasm | {immutable}")),
        ("/runtime/pyodide/314.0.7/python_stdlib.zip", format!("200 application/zip | {immutable}")),
        ("/runtime/pyodide/314.0.7/image.json", format!("200 application/json | {page}")),
        ("/runtime/pyodide/314.0.7/memory-0123456789abcdef.bin", format!("200 application/octet-stream | {immutable}")),
        (&format!("/loader/{version}/index.js"), format!("200 text/javascript; charset=utf-8 | {page}")),
        ("/loader/index.js", format!("200 text/javascript; charset=utf-8 | {page}")),
        ("/loader/9.9.9/index.js", "404 text/plain; charset=utf-8 | no-store".to_owned()),
        ("/runtime/pyodide/314.0.7/.hidden", "404 text/plain; charset=utf-8 | no-store".to_owned()),
        ("/runtime/pyodide/314.0.7/", "404 text/plain; charset=utf-8 | no-store".to_owned()),
        ("/runtime/pyodide/../../secret", "404 text/plain; charset=utf-8 | no-store".to_owned()),
        ("/runtime/pyodide/314.0.7/..%2f..%2f..%2fsecret", "404 text/plain; charset=utf-8 | no-store".to_owned()),
        ("/loader/..%2fsecret", "404 text/plain; charset=utf-8 | no-store".to_owned()),
        ("/loader//etc/passwd", "404 text/plain; charset=utf-8 | no-store".to_owned()),
    ] {
        assert_eq!(summary(&app, "GET", path, &[], &names).await, answer, "{path}");
    }
}

#[tokio::test]
async fn environments_are_listed_and_served() {
    let fixture = Fixture::empty();
    let part = format!(r#"{{"file":"demo-0123456789abcdef.bin","sha256":"{}","size":3}}"#, "0".repeat(64));
    let index = r#"{"format":2,"memory":PART,"environment":{"requirements":["demo"],"first":PART,"later":PART,
        "packages":[{"name":"demo","version":"1.0","size":5}]}}"#;
    let index = index.replace("PART", &part);
    for at in ["main", "next"] {
        fixture.file(&format!("environments/{at}/2026_0/demo.json"), index.as_bytes());
        fixture.file(&format!("environments/{at}/2026_0/demo-0123456789abcdef.bin"), b"abc");
    }
    let app = fixture.app();
    let list = body(send(&app, request("GET", "/environments/2026_0/", &[])).await).await;
    let expected = r#"{"environments":[{"memory":3,"name":"demo","packages":[{"name":"demo","version":"1.0"}],"requirements":["demo"],"size":9}]}"#;
    assert_eq!(String::from_utf8(list).unwrap(), expected);
    assert_eq!(body(send(&app, request("GET", "/environments/2026_5/", &[])).await).await, br#"{"environments":[]}"#);
    let names = ["content-type", "cache-control"];
    let page = "public, max-age=10, stale-while-revalidate=60, stale-if-error=86400";
    for (path, answer) in [
        ("/environments/2026_0/demo.json", format!("200 application/json | {page}")),
        ("/c/next/environments/2026_0/demo.json", format!("200 application/json | {page}")),
        (
            "/environments/2026_0/demo-0123456789abcdef.bin",
            "200 application/octet-stream | public, max-age=31536000, immutable".to_owned(),
        ),
        ("/environments/2026_0/none.json", "404 text/plain; charset=utf-8 | no-store".to_owned()),
        ("/environments/1999_0/demo.json", "404 text/plain; charset=utf-8 | no-store".to_owned()),
        ("/c/none/environments/2026_0/demo.json", "404 text/plain; charset=utf-8 | no-store".to_owned()),
    ] {
        assert_eq!(summary(&app, "GET", path, &[], &names).await, answer, "{path}");
    }
}

#[tokio::test]
async fn a_rebuilt_file_is_served_anew() {
    let fixture = Fixture::empty();
    fixture.file("loader/index.js", b"export const one = 1;\n");
    let app = fixture.app();
    let load = async || body(send(&app, request("GET", "/loader/index.js", &[])).await).await;
    assert_eq!(load().await, b"export const one = 1;\n");
    // Another length: a file system's clock may be too coarse to tell two writes apart.
    fixture.file("loader/index.js", b"export const two = 22;\n");
    assert_eq!(load().await, b"export const two = 22;\n");
}

#[tokio::test]
async fn an_encoding_that_lies_beside_a_file_is_sent() {
    let fixture = Fixture::empty();
    let text = "export const line = 1;\n".repeat(20_000);
    fixture.file("loader/large.js", text.as_bytes());
    let mut encoded = Vec::new();
    brotli::BrotliCompress(&mut text.as_bytes(), &mut encoded, &brotli::enc::BrotliEncoderParams::default()).unwrap();
    fixture.file("loader/large.js.br", &encoded);
    let app = fixture.app();
    let response = send(&app, request("GET", "/loader/large.js", &["Accept-Encoding: br"])).await;
    assert_eq!(response.headers()["content-encoding"], "br");
    assert!(body(response).await == encoded);
    let response = send(&app, request("GET", "/loader/large.js", &[])).await;
    assert!(!response.headers().contains_key("content-encoding"));
    assert!(body(response).await == text.as_bytes());
}

#[tokio::test]
async fn large_files_are_encoded_while_others_wait_for_nothing() {
    let fixture = Fixture::empty();
    let text = "export const line = 1;\n".repeat(20_000);
    fixture.file("loader/large.js", text.as_bytes());
    let app = fixture.app();
    let names = ["content-encoding"];
    let first = summary(&app, "GET", "/loader/large.js", &["Accept-Encoding: br"], &names).await;
    assert!(first == "200 -" || first == "200 br", "{first}");
    // Encoding ends at some time, and every answer until then is whole.
    loop {
        let response = send(&app, request("GET", "/loader/large.js", &["Accept-Encoding: br"])).await;
        let is_encoded = response.headers().contains_key("content-encoding");
        let bytes = body(response).await;
        if is_encoded {
            let mut decoded = Vec::new();
            brotli::BrotliDecompress(&mut bytes.as_slice(), &mut decoded).unwrap();
            assert!(decoded == text.as_bytes());
            break;
        }
        assert!(bytes == text.as_bytes());
        tokio::task::yield_now().await;
    }
}
