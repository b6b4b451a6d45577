//! The prompt's origin, and the way there.

use axum::Router;
use insta::assert_snapshot;
use pkgsrv::{PromptListen, PromptSettings, ServeSettings, Server, ServerError, prompt_app};

use crate::fixture::{Fixture, get, request, send, summary};

const BROWSER: &str = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn settings(fixture: &Fixture) -> ServeSettings {
    let prompt = PromptSettings { listen: PromptListen::At("127.0.0.1:8418".parse().unwrap()), url: None };
    ServeSettings { listen: "127.0.0.1:8417".parse().unwrap(), prompt, ..fixture.settings() }
}

/// The prompt's app for requests of the fixture, whose host is not a local one.
fn prompt(fixture: &Fixture) -> Router {
    let listen = PromptListen::At("0.0.0.0:8418".parse().unwrap());
    prompt_app(ServeSettings { prompt: PromptSettings { listen, url: None }, ..settings(fixture) })
}

#[tokio::test]
async fn browsers_are_sent_to_the_prompt() {
    let fixture = Fixture::published();
    fixture.publish("next", &[crate::wheels::helper()]).unwrap();
    let app = pkgsrv::app(settings(&fixture));
    let names = ["location", "cache-control", "vary"];
    for (path, answer) in [
        ("/", "307 http://packages.example:8418/ | no-store | Accept"),
        ("/c/next/", "307 http://packages.example:8418/c/next/ | no-store | Accept"),
        ("/?environment=a%0d%0a", "307 http://packages.example:8418/?environment=a%0d%0a | no-store | Accept"),
        (
            "/c/next/?environment=numpy",
            "307 http://packages.example:8418/c/next/?environment=numpy | no-store | Accept",
        ),
    ] {
        assert_eq!(summary(&app, "GET", path, &[BROWSER], &names).await, answer, "{path}");
        assert!(summary(&app, "GET", path, &["Accept: */*"], &[]).await.starts_with("200"), "{path}");
    }
    assert_eq!(summary(&app, "GET", "/c/gone/", &[BROWSER], &["location"]).await, "404 -");
    assert_eq!(summary(&app, "GET", "/packages", &[BROWSER], &["location"]).await, "301 packages/");
    let list = get(&app, "/packages/", &[BROWSER]).await;
    assert_eq!(list, get(&app, "/", &["Accept: */*"]).await);
    // Without a prompt, browsers get the list too.
    assert_eq!(get(&fixture.app(), "/", &[BROWSER]).await, list);
}

#[tokio::test]
async fn behind_a_proxy_only_a_stated_address_is_told() {
    let fixture = Fixture::published();
    let mut proxied = settings(&fixture);
    proxied.base_url = Some("https://packages.example/py".parse().unwrap());
    let app = pkgsrv::app(proxied.clone());
    assert_eq!(summary(&app, "GET", "/", &[BROWSER], &["location"]).await, "200 -");
    proxied.prompt.url = Some("https://prompt.example".parse().unwrap());
    let app = pkgsrv::app(proxied.clone());
    assert_eq!(summary(&app, "GET", "/", &[BROWSER], &["location"]).await, "307 https://prompt.example/");
    let mut to_prompt = request("GET", "/config.json", &[]);
    to_prompt.headers_mut().insert("host", "prompt.example".parse().unwrap());
    let config = send(&prompt_app(proxied.clone()), to_prompt).await;
    let config: serde_json::Value = serde_json::from_slice(&crate::fixture::body(config).await).unwrap();
    assert_eq!(config["loader"], "https://packages.example/py/loader/index.js");
    proxied.prompt.url = Some("https://packages.example".parse().unwrap());
    let error = Server::bind(proxied).await.unwrap_err();
    assert!(matches!(error, ServerError::PromptNotApart { .. }), "{error:?}");
    assert_snapshot!("not_apart", error);
}

#[tokio::test]
async fn the_page_and_its_policies() {
    let fixture = Fixture::published();
    fixture.file("runtime/pyodide/314.0.7/pyodide.asm.wasm", b"\0asm\x01\0\0\0");
    let app = prompt(&fixture);
    assert_snapshot!("config", get(&app, "/config.json", &[]).await);
    assert_snapshot!("config_of_a_channel", get(&app, "/c/next/config.json", &[]).await);
    let isolated = ["cross-origin-opener-policy", "cross-origin-embedder-policy", "cache-control", "content-type"];
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/c/next/", "text/html; charset=utf-8"),
        ("/main.js", "text/javascript; charset=utf-8"),
        ("/worker.js", "text/javascript; charset=utf-8"),
        ("/prompt.py", "text/plain; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        assert_eq!(
            summary(&app, "GET", path, &[], &isolated).await,
            format!("200 same-origin | require-corp | no-cache | {content_type}"),
            "{path}"
        );
    }
    let policy = ["content-security-policy"];
    assert_snapshot!("document_policy", summary(&app, "GET", "/", &[], &policy).await);
    assert_snapshot!("worker_policy", summary(&app, "GET", "/worker.js", &[], &policy).await);
    assert_snapshot!("nothing_else", get(&app, "/simple/", &[]).await);
    for path in ["/c/Up/", "/c/main/", "/runtime/pyodide/314.0.7/pyodide.asm.wasm", "/..%2fCargo.toml", "/legacy/"] {
        assert_eq!(summary(&app, "GET", path, &[], &[]).await, "404 ", "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = summary(&app, method, "/", &[], &["access-control-allow-origin", "set-cookie"]).await;
        assert_eq!(answer, "405 - | -", "{method}");
    }
}

#[tokio::test]
async fn other_sites_names_are_refused_on_loopback() {
    let fixture = Fixture::published();
    let app = prompt_app(settings(&fixture));
    assert_snapshot!("foreign_host", get(&app, "/", &[]).await);
    for host in ["127.0.0.1:8418", "localhost:8418", "[::1]:8418", "LOCALHOST"] {
        let mut request = request("GET", "/config.json", &[]);
        request.headers_mut().insert("host", host.parse().unwrap());
        assert_eq!(send(&app, request).await.status(), 200, "{host}");
    }
}

#[tokio::test]
async fn the_prompt_takes_another_port() {
    let fixture = Fixture::published();
    let next = PromptSettings { listen: PromptListen::NextPort, url: None };
    let one = Server::bind(ServeSettings { prompt: next.clone(), ..fixture.settings() }).await.unwrap();
    let url = one.prompt_url().unwrap();
    assert_ne!(url, one.base_url().as_str());
    // A port that was asked for by its number must be had.
    let taken = url.strip_prefix("http://").unwrap().parse().unwrap();
    let prompt = PromptSettings { listen: PromptListen::At(taken), url: None };
    let error = Server::bind(ServeSettings { prompt, ..fixture.settings() }).await.unwrap_err();
    assert_snapshot!("port_taken", error.to_string().replace(&taken.to_string(), "[ADDRESS]"));
    let off = PromptSettings { listen: PromptListen::Off, url: None };
    let without = Server::bind(ServeSettings { prompt: off, ..fixture.settings() }).await.unwrap();
    assert_eq!(without.prompt_url(), None);
}
