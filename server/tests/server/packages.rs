//! The pages of one package, and the reports on admission.

use insta::assert_snapshot;
use pkgsrv::{ChannelName, Store, publish, read_line};
use pkgsrv_index::{Abi, DocumentKind};

use crate::fixture::{Fixture, body, get, noon_of_no_day, request, send, summary};
use crate::wheels::{build, documented, helper, native};

fn published() -> Fixture {
    let fixture = Fixture::empty();
    let store: Store = fixture.store();
    let abis: Vec<Abi> = Abi::released().collect();
    // A launcher for Windows is worth a warning.
    let mut launcher = "MZ".to_owned() + &"\0".repeat(58) + "\u{40}\0\0\0";
    launcher.push_str("PE\0\0");
    let odd = build(
        "odd-1.0-py3-none-any.whl",
        "Name: odd\nVersion: 1.0\n",
        &[("odd.py", ""), ("odd_data/run.exe", &launcher)],
    );
    let uploads = [native(), helper(), documented(odd)];
    let admit = |candidate: &pkgsrv::Candidate<'_>| Ok(crate::reports::admitted(candidate));
    publish(&store, &ChannelName::main(), &abis, &uploads, noon_of_no_day(), &admit).unwrap();
    fixture
}

#[tokio::test]
async fn a_package_and_its_reports() {
    let fixture = published();
    let app = fixture.app();
    assert_snapshot!("package", get(&app, "/packages/odd/", &[]).await);
    let report = "/packages/odd/odd-1.0-py3-none-any.whl/admission";
    assert_snapshot!("admission_page", get(&app, report, &[]).await);
    assert_snapshot!("admission_json", get(&app, &format!("{report}.json"), &[]).await);
    let json = body(send(&app, request("GET", &format!("{report}.json"), &[])).await).await;
    let by_digest = format!("/admissions/{}.json", pkgsrv::digest_of(&json));
    assert_eq!(body(send(&app, request("GET", &by_digest, &[])).await).await, json);
    let headers = ["content-type", "cache-control"];
    assert_eq!(
        summary(&app, "GET", &by_digest, &[], &headers).await,
        "200 application/json | public, max-age=31536000, immutable"
    );
}

#[tokio::test]
async fn documents_under_their_digests() {
    let fixture = published();
    let app = fixture.app();
    let line = read_line(&fixture.store(), &ChannelName::main(), Abi::preferred()).unwrap();
    let project = line.project(&"odd".parse().unwrap()).unwrap();
    let documents = project.get("odd-1.0-py3-none-any.whl").unwrap().documents.clone();
    assert_eq!(documents.keys().copied().collect::<Vec<_>>(), [DocumentKind::Lock, DocumentKind::Provenance]);
    let headers = ["content-type", "cache-control"];
    for sha256 in documents.values() {
        let path = format!("/documents/{sha256}.json");
        assert_eq!(pkgsrv::digest_of(&body(send(&app, request("GET", &path, &[])).await).await), *sha256);
        let answer = "200 application/json | public, max-age=31536000, immutable";
        assert_eq!(summary(&app, "GET", &path, &[], &headers).await, answer);
        // No other kind of object is found there.
        assert_eq!(summary(&app, "GET", &format!("/admissions/{sha256}.json"), &[], &["location"]).await, "404 -");
    }
}

#[tokio::test]
async fn addresses_that_are_others_or_none() {
    let fixture = published();
    let app = fixture.app();
    for (path, answer) in [
        ("/packages/odd", "301 odd/"),
        ("/packages/Native.Code/", "301 ../native-code/"),
        ("/packages/unknown/", "404 -"),
        ("/packages/odd/odd-2.0-py3-none-any.whl/admission", "404 -"),
        ("/packages/helper/odd-1.0-py3-none-any.whl/admission", "404 -"),
        ("/packages/odd/..%2f/admission", "404 -"),
        ("/admissions/00.json", "404 -"),
        ("/documents/00.json", "404 -"),
        ("/c/next/packages/odd/", "404 -"),
    ] {
        assert_eq!(summary(&app, "GET", path, &[], &["location"]).await, answer, "{path}");
    }
}

#[tokio::test]
async fn files_without_a_report_say_so() {
    let fixture = Fixture::published();
    let app = fixture.app();
    let page = String::from_utf8(body(send(&app, request("GET", "/packages/helper/", &[])).await).await).unwrap();
    assert!(page.contains("<td>none</td><td>none</td></tr>"), "{page}");
    let path = "/packages/helper/helper-1.0-py3-none-any.whl/admission";
    assert_snapshot!("no_report", get(&app, path, &[]).await);
}
