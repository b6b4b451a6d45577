//! Pages of the main channel, shown whole.

use insta::assert_snapshot;
use pkgsrv::{ChannelName, read_line};
use pkgsrv_index::{Abi, Status};

use crate::fixture::{Fixture, body, get, request, send, shown, summary};

const MICROPIP: &str = "Accept: application/vnd.pypi.simple.v1+json, */*;q=0.01";

#[tokio::test]
async fn simple_json() {
    let app = Fixture::published();
    let app = app.app();
    assert_snapshot!("project_list_json", get(&app, "/simple/", &[MICROPIP]).await);
    assert_snapshot!("project_page_json", get(&app, "/simple/native-code/", &[MICROPIP]).await);
    let whole = get(&app, "/simple/native-code/", &[MICROPIP]).await;
    for same in ["/simple//native-code/", "/2026_0/simple/native-code/", "/2026_0/simple//native-code/"] {
        assert_eq!(get(&app, same, &[MICROPIP]).await, whole, "{same}");
    }
}

#[tokio::test]
async fn simple_html() {
    let fixture = Fixture::published();
    let app = fixture.app();
    assert_snapshot!("project_list_html", get(&app, "/simple/", &[]).await);
    assert_snapshot!("project_page_html", get(&app, "/simple/native-code/", &["Accept: text/html"]).await);
    let named = "Accept: application/vnd.pypi.simple.v1+html";
    assert_eq!(
        summary(&app, "GET", "/simple/", &[named], &["content-type"]).await,
        "200 application/vnd.pypi.simple.v1+html"
    );
}

#[tokio::test]
async fn addresses_come_from_the_settings_if_they_are_there() {
    let fixture = Fixture::published();
    let mut settings = fixture.settings();
    settings.base_url = Some("https://cdn.example/py/".parse().unwrap());
    let page = get(&pkgsrv::app(settings), "/simple/helper/", &["Accept: text/html"]).await;
    assert_snapshot!(page);
}

#[tokio::test]
async fn hosts_that_no_address_can_be_made_of() {
    let fixture = Fixture::published();
    let app = fixture.app();
    for host in ["a b", "a/b", "<script>", "user@packages.example"] {
        let mut request = request("GET", "/simple/helper/", &[]);
        request.headers_mut().insert("host", host.parse().unwrap());
        assert_eq!(send(&app, request).await.status(), 400, "{host}");
    }
}

#[tokio::test]
async fn redirects() {
    let fixture = Fixture::published();
    let app = fixture.app();
    for (path, answer) in [
        ("/simple", "301 simple/"),
        ("/simple/helper", "301 helper/"),
        ("/simple/Helper", "301 helper/"),
        ("/simple/Native_Code/", "301 ../native-code/"),
        ("/2026_0/simple", "301 simple/"),
        ("/2026_0/simple/Native.Code/", "301 ../native-code/"),
    ] {
        assert_eq!(summary(&app, "GET", path, &[], &["location"]).await, answer, "{path}");
    }
}

#[tokio::test]
async fn lockfile_repodata_and_home() {
    let fixture = Fixture::published();
    let app = fixture.app();
    assert_snapshot!("lockfile", get(&app, "/pyodide/2026_0/pyodide-lock.json", &[]).await);
    assert_snapshot!("piplite", get(&app, "/2026_0/all.json", &[]).await);
    let head = get(&app, "/repodata/2026_0/head.json", &[]).await;
    assert_snapshot!("head", head);
    let repodata = head.split("\"repodata\":{\"sha256\":\"").nth(1).unwrap().split('"').next().unwrap();
    let address = format!("/repodata/2026_0/{repodata}.json");
    assert_snapshot!("repodata", get(&app, &address, &[]).await);
    assert_snapshot!("home", get(&app, "/", &[]).await);
    // Who read the head before a publish still gets what it named.
    fixture.publish("main", &[crate::wheels::wheel("later-1.0-py3-none-any.whl", "")]).unwrap();
    assert_snapshot!("repodata_of_an_earlier_head", get(&app, &address, &[]).await);
}

/// The address that the current lockfile has for good: of every head, in every channel, and of no other bytes.
#[tokio::test]
async fn lockfiles_stay_under_their_digests() {
    let fixture = Fixture::published();
    fixture.publish("next", &[crate::wheels::helper()]).unwrap();
    let app = fixture.app();
    let current = async |prefix: &str| {
        let at = format!("{prefix}/pyodide/2026_0/");
        let response = send(&app, request("GET", &format!("{at}pyodide-lock.json"), &[])).await;
        let location = response.headers()["content-location"].to_str().unwrap().to_owned();
        let bytes = body(response).await;
        let (_, sha256) = location.strip_suffix(".json").unwrap().split_once('-').unwrap();
        assert_eq!(sha256, pkgsrv::digest_of(&bytes).to_string());
        (format!("{at}{location}"), bytes)
    };
    let mut known = vec![current("").await, current("/c/next").await];
    fixture.publish("main", &[crate::wheels::wheel("later-1.0-py3-none-any.whl", "")]).unwrap();
    known.push(current("").await);
    for (number, (address, bytes)) in known.iter().enumerate() {
        let names = ["cache-control", "content-type", "etag"];
        let etag = &pkgsrv::digest_of(bytes).to_string()[..32];
        let expected = format!("200 public, max-age=31536000, immutable | application/json | \"{etag}\"");
        assert_eq!(summary(&app, "GET", address, &[], &names).await, expected);
        assert!(body(send(&app, request("GET", address, &[])).await).await == *bytes);
        assert!(known[..number].iter().all(|(_, other)| other != bytes));
    }
    let (address, _) = &known[0];
    let (at, name) = address.rsplit_once('/').unwrap();
    let sha256 = name.strip_prefix("1-").unwrap();
    for name in
        [format!("2-{sha256}"), format!("9-{sha256}"), format!("01-{sha256}"), sha256.to_owned(), "1.json".into()]
    {
        assert_eq!(summary(&app, "GET", &format!("{at}/{name}"), &[], &["cache-control"]).await, "404 no-store");
    }
    // A long history, and still every one of them.
    for number in 0..12 {
        let upload = crate::wheels::wheel(&format!("later-1.{}-py3-none-any.whl", number + 1), "");
        fixture.publish("main", &[upload]).unwrap();
        known.push(current("").await);
    }
    for (address, bytes) in known.iter().chain(&known) {
        assert!(body(send(&app, request("GET", address, &[])).await).await == *bytes, "{address}");
    }
}

#[tokio::test]
async fn a_yanked_file_is_marked_and_not_locked() {
    let fixture = Fixture::published();
    let app = fixture.app();
    fixture.yank("helper==1.0", Some("breaks \"everything\""));
    assert_snapshot!("yanked_json", get(&app, "/simple/helper/", &[MICROPIP]).await);
    assert_snapshot!("yanked_html", get(&app, "/simple/helper/", &["Accept: text/html"]).await);
    assert_snapshot!("yanked_lockfile", get(&app, "/pyodide/2026_0/pyodide-lock.json", &[]).await);
    let head = get(&app, "/repodata/2026_0/head.json", &[]).await;
    let repodata = head.split("\"repodata\":{\"sha256\":\"").nth(1).unwrap().split('"').next().unwrap();
    assert_snapshot!("yanked_repodata", get(&app, &format!("/repodata/2026_0/{repodata}.json"), &[]).await);
    fixture.yank("helper==1.0", None);
    let again = get(&app, "/repodata/2026_0/head.json", &[]).await;
    assert!(!again.contains(repodata), "unyanked, it is as it was");
}

#[tokio::test]
async fn a_status_is_shown_and_a_quarantine_hides() {
    let fixture = Fixture::published();
    let app = fixture.app();
    fixture.set_status("helper", Status::Archived, Some("use <native>"));
    assert_snapshot!("archived_json", get(&app, "/simple/helper/", &[MICROPIP]).await);
    assert_snapshot!("archived_html", get(&app, "/simple/helper/", &["Accept: text/html"]).await);
    fixture.set_status("helper", Status::Quarantined, None);
    assert_snapshot!("quarantined_json", get(&app, "/simple/helper/", &[MICROPIP]).await);
    assert_snapshot!("quarantined_html", get(&app, "/simple/helper/", &["Accept: text/html"]).await);
    for path in ["/simple/", "/pyodide/2026_0/pyodide-lock.json", "/packages/"] {
        assert!(!get(&app, path, &[MICROPIP]).await.contains("helper-1.0"), "{path}");
    }
    assert_eq!(summary(&app, "GET", "/packages/helper/", &[], &[]).await, "404 ");
    let line = read_line(&fixture.store(), &ChannelName::main(), Abi::preferred()).unwrap();
    assert_eq!(line.releases(&"helper".parse().unwrap()).unwrap(), None);
    assert!(line.bringing(&"helper".to_owned()).unwrap().is_empty());
    fixture.set_status("helper", Status::Active, None);
    assert_eq!(summary(&app, "GET", "/packages/helper/", &[], &[]).await, "200 ");
}

#[tokio::test]
async fn a_publish_is_seen_at_once() {
    let fixture = Fixture::empty();
    let app = fixture.app();
    assert_snapshot!("nothing_published", get(&app, "/simple/", &[MICROPIP]).await);
    assert_eq!(summary(&app, "GET", "/repodata/2026_0/head.json", &[], &[]).await, "404 ");
    fixture.publish("main", &[crate::wheels::helper()]).unwrap();
    assert_eq!(summary(&app, "GET", "/repodata/2026_0/head.json", &[], &[]).await, "200 ");
    let before = summary(&app, "GET", "/simple/", &[MICROPIP], &["etag"]).await;
    fixture.publish("main", &[crate::wheels::native()]).unwrap();
    assert_ne!(summary(&app, "GET", "/simple/", &[MICROPIP], &["etag"]).await, before);
}

#[tokio::test]
async fn health() {
    let fixture = Fixture::published();
    let app = fixture.app();
    assert_snapshot!("healthz", get(&app, "/healthz", &[]).await);
    assert_eq!(summary(&app, "GET", "/readyz", &[], &[]).await, "200 ");
    fixture.file("store/repodata/2026_0/head.json", b"{");
    assert_snapshot!("not_ready", get(&fixture.app(), "/readyz", &[]).await);
    // Whoever has read the channel before goes on with what it was.
    assert_eq!(summary(&app, "GET", "/simple/", &[], &[]).await, "200 ");
}

#[tokio::test]
async fn errors() {
    let fixture = Fixture::published();
    let app = fixture.app();
    assert_snapshot!("unknown_project", get(&app, "/simple/numpi/", &[MICROPIP]).await);
    assert_snapshot!("unknown_abi", get(&app, "/repodata/1999_0/head.json", &[]).await);
    assert_snapshot!("not_acceptable", get(&app, "/simple/", &["Accept: application/json"]).await);
    assert_snapshot!("post", shown(send(&app, request("POST", "/simple/", &[])).await).await);
    let preflight = [
        "Origin: https://page.example",
        "Access-Control-Request-Method: GET",
        "Access-Control-Request-Headers: accept",
    ];
    assert_snapshot!("preflight", shown(send(&app, request("OPTIONS", "/simple/", &preflight)).await).await);
    for path in [
        "/nothing",
        "/simple/a%2fb/",
        "/simple/%2e%2e/",
        "/simple/-/",
        "/1999_0/simple/",
        "/pyodide/2026_0/other.json",
        "/repodata/2026_0/00.json",
        "/repodata/2026_0/..%2f..%2fpublish.lock",
        "/simple/%ff/",
    ] {
        assert_eq!(
            summary(&app, "GET", path, &[], &["access-control-allow-origin", "cache-control"]).await,
            "404 * | no-store",
            "{path}"
        );
    }
}

#[tokio::test]
async fn encodings_have_their_own_tags() {
    let fixture = Fixture::published();
    let app = fixture.app();
    let path = "/";
    let names = ["content-encoding", "etag", "vary"];
    let plain = summary(&app, "GET", path, &[], &names).await;
    let brotli = summary(&app, "GET", path, &["Accept-Encoding: gzip, br"], &names).await;
    let gzip = summary(&app, "GET", path, &["Accept-Encoding: gzip"], &names).await;
    let tag = plain.split('"').nth(1).unwrap();
    assert_eq!(plain, format!("200 - | \"{tag}\" | Accept, Accept-Encoding"));
    assert_eq!(brotli, format!("200 br | \"{tag}-br\" | Accept, Accept-Encoding"));
    assert_eq!(gzip, format!("200 gzip | \"{tag}-gzip\" | Accept, Accept-Encoding"));
    let known = [format!("If-None-Match: W/\"other\", \"{tag}-br\""), "Accept-Encoding: br".to_owned()];
    let known = known.each_ref().map(String::as_str);
    assert_snapshot!("not_modified", get(&app, path, &known).await);
    let other = format!("If-None-Match: \"{tag}\"");
    assert_eq!(summary(&app, "GET", path, &[&other, "Accept-Encoding: br"], &[]).await, "200 ");
    let encoded = body(send(&app, request("GET", path, &["Accept-Encoding: br"])).await).await;
    let mut decoded = Vec::new();
    brotli::BrotliDecompress(&mut encoded.as_slice(), &mut decoded).unwrap();
    assert_eq!(decoded, body(send(&app, request("GET", path, &[])).await).await);
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let fixture = Fixture::published();
    let app = fixture.app();
    for path in ["/", "/simple/", "/pyodide/2026_0/pyodide-lock.json"] {
        let names = ["content-length", "content-type", "etag"];
        let get = summary(&app, "GET", path, &[], &names).await;
        assert_eq!(summary(&app, "HEAD", path, &[], &names).await, get, "{path}");
        let response = send(&app, request("HEAD", path, &[])).await;
        assert!(body(response).await.is_empty(), "{path}");
    }
}

/// Answers are kept whole, and still each request gets its own, and a publish is seen by the next one.
#[tokio::test]
async fn kept_answers_are_those_of_the_request() {
    let fixture = Fixture::published();
    let app = fixture.app();
    let path = "/simple/helper/";
    let asked: [(&str, &[&str]); 8] = [
        ("GET", &[MICROPIP]),
        ("GET", &["Accept: text/html"]),
        ("GET", &[MICROPIP, "Accept-Encoding: gzip"]),
        ("GET", &[MICROPIP, "Accept-Encoding: br"]),
        ("HEAD", &[MICROPIP]),
        ("GET", &[MICROPIP, "Accept-Encoding: br, gzip;q=0.5"]),
        ("GET", &["Accept: application/json"]),
        ("GET", &["Accept: text/html", "Origin: https://page.example"]),
    ];
    let all = async || {
        let mut answers = Vec::new();
        for (method, headers) in asked {
            answers.push(shown(send(&app, request(method, path, headers)).await).await);
        }
        answers
    };
    let first = all().await;
    assert_eq!(all().await, first);
    let etag = summary(&app, "GET", path, &[MICROPIP], &["etag"]).await;
    let known = format!("If-None-Match: {}", etag.strip_prefix("200 ").unwrap());
    assert_eq!(summary(&app, "GET", path, &[MICROPIP, &known], &[]).await, "304 ");
    // Addresses in pages are those of the request.
    let mut elsewhere = request("GET", path, &[MICROPIP]);
    elsewhere.headers_mut().insert("host", "elsewhere.example".parse().unwrap());
    let elsewhere = shown(send(&app, elsewhere).await).await;
    assert!(elsewhere.contains("http://elsewhere.example/blobs/"), "{elsewhere}");
    for number in 0..3 {
        fixture
            .publish("main", &[crate::wheels::wheel(&format!("helper-1.{}-py3-none-any.whl", number + 1), "")])
            .unwrap();
        let page = get(&app, path, &[MICROPIP]).await;
        assert!(page.contains(&format!("helper-1.{}-py3-none-any.whl", number + 1)), "{page}");
        assert_eq!(get(&app, path, &[MICROPIP]).await, page);
    }
    // Another channel's page has the same end.
    assert_eq!(summary(&app, "GET", &format!("/c/next{path}"), &[MICROPIP], &[]).await, "404 ");
    fixture.publish("next", &[crate::wheels::helper()]).unwrap();
    let next = get(&app, &format!("/c/next{path}"), &[MICROPIP]).await;
    assert!(next.contains("helper-1.0") && !next.contains("helper-1.1"), "{next}");
}
