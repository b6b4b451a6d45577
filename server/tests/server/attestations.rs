//! Provenance objects that come with wheels: where they are told of, and that they are sent as they came.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pkgsrv::{ServerError, Upload};
use pkgsrv_index::DocumentKind;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::fixture::{Fixture, body, request, send};
use crate::wheels::helper;

/// A provenance object with one signed statement about a file.
fn provenance(name: &str, sha256: &str) -> Vec<u8> {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": name, "digest": { "sha256": sha256 } }],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": null,
    });
    let statement = statement.to_string();
    let signed = format!("DSSEv1 28 application/vnd.in-toto+json {} {statement}", statement.len());
    let signature = key.sign(&random, signed.as_bytes()).unwrap();
    // RFC 5480, 2: the key of a certificate.
    let public_key = [
        &[0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A][..],
        &[0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00],
        key.public_key().as_ref(),
    ];
    let attestation = json!({
        "version": 1,
        "verification_material": { "certificate": BASE64.encode(public_key.concat()), "transparency_entries": [] },
        "envelope": { "statement": BASE64.encode(&statement), "signature": BASE64.encode(signature.as_ref()) },
    });
    let bundle = json!({ "publisher": { "kind": "Example" }, "attestations": [attestation] });
    format!("{:#}\n", json!({ "version": 1, "attestation_bundles": [bundle] })).into_bytes()
}

fn attested(sha256: &str) -> Upload {
    let mut upload = helper();
    let document = provenance(upload.filename.as_str(), sha256);
    upload.documents.insert(DocumentKind::Attestations, document);
    upload
}

#[tokio::test]
async fn pages_tell_where_the_provenance_is() {
    let upload = attested(&pkgsrv::digest_of(&helper().bytes).to_string());
    let fixture = Fixture::published();
    // What is published already keeps what it has.
    fixture.publish("main", std::slice::from_ref(&upload)).unwrap();
    fixture.publish("next", std::slice::from_ref(&upload)).unwrap();
    let app = fixture.app();
    let page = async |path: &str, accept: &str| {
        String::from_utf8(body(send(&app, request("GET", path, &[&format!("Accept: {accept}")])).await).await).unwrap()
    };
    let file = async |path: &str| {
        let page: Value = serde_json::from_str(&page(path, "application/vnd.pypi.simple.v1+json").await).unwrap();
        page["files"][0].clone()
    };
    assert_eq!(file("/simple/helper/").await.get("provenance"), None);
    let url = file("/c/next/simple/helper/").await["provenance"].as_str().unwrap().to_owned();
    let html = page("/c/next/simple/helper/", "text/html").await;
    assert!(html.contains(&format!(" data-provenance=\"{url}\"")), "{html}");
    assert!(!page("/simple/helper/", "text/html").await.contains("data-provenance"));
    let path = url.strip_prefix("http://packages.example").unwrap();
    assert!(body(send(&app, request("GET", path, &[])).await).await == upload.documents[&DocumentKind::Attestations]);
}

#[test]
fn a_provenance_of_something_else_is_not_published() {
    let fixture = Fixture::empty();
    let error = fixture.publish("main", &[attested(&"cd".repeat(32))]).unwrap_err();
    assert!(matches!(error, ServerError::Document { .. }), "{error}");
    let told = error.to_string();
    assert!(told.starts_with("helper-1.0-py3-none-any.whl.provenance cannot be published: "), "{told}");
    assert!(!fixture.path().join("store").exists());
}
