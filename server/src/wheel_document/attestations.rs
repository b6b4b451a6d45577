//! Provenance objects with signed statements, as
//! [index hosted attestations](https://packaging.python.org/en/latest/specifications/index-hosted-attestations/) has them.
//!
//! Form, subject and signature are checked here. Whose certificate it is that signed, by its issuer and by transparency
//! logs, is for those to check who trust some.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pkgsrv_index::{BuildTag, Digest, PackageName, Version, WheelFilename};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde_json::Value;

use super::STATEMENT;
use crate::store::digest_of;

const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The types of predicates that the specification knows: one by its name, and the publish attestation by the SHA-256 of its
/// name, which has the host of a registry in it.
const SLSA_PROVENANCE: &str = "https://slsa.dev/provenance/v1";
const PUBLISH_SHA256: &str = "64b3949826537e32dd526c5d9c31cbeb141dde83b68588399682d5aa3dcdcb74";
/// How a certificate has a key on the curve P-256, up to the first byte of the point: DER, of
/// [RFC 5480](https://www.rfc-editor.org/rfc/rfc5480#section-2).
const P256_KEY: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE,
    0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// An uncompressed point.
const POINT: usize = 65;

/// Whether this is a provenance object whose statements are all about this wheel, and signed. The error says what is not.
pub(super) fn check(document: &Value, filename: &WheelFilename, sha256: Digest) -> Result<(), String> {
    is_version_one(document, "it")?;
    for (at, bundle) in filled(document, "attestation_bundles", "it")?.iter().enumerate() {
        let bundle_name = format!("attestation_bundles[{at}]");
        let publisher = &bundle["publisher"];
        if !publisher["kind"].is_string() {
            return Err(format!("{bundle_name}.publisher.kind is {}, expected a text", publisher["kind"]));
        }
        if !(publisher["claims"].is_object() || publisher["claims"].is_null()) {
            return Err(format!("{bundle_name}.publisher.claims is {}, expected an object", publisher["claims"]));
        }
        for (at, attestation) in filled(bundle, "attestations", &bundle_name)?.iter().enumerate() {
            check_attestation(attestation, &format!("{bundle_name}.attestations[{at}]"), filename, sha256)?;
        }
    }
    Ok(())
}

fn check_attestation(attestation: &Value, name: &str, filename: &WheelFilename, sha256: Digest) -> Result<(), String> {
    is_version_one(attestation, name)?;
    let (material, envelope) = (&attestation["verification_material"], &attestation["envelope"]);
    let certificate = bytes(&material["certificate"], &format!("{name}.verification_material.certificate"))?;
    if !material["transparency_entries"].is_array() {
        let found = &material["transparency_entries"];
        return Err(format!("{name}.verification_material.transparency_entries is {found}, expected an array"));
    }
    let statement = bytes(&envelope["statement"], &format!("{name}.envelope.statement"))?;
    let signature = bytes(&envelope["signature"], &format!("{name}.envelope.signature"))?;
    check_statement(&statement, &format!("the statement of {name}"), filename, sha256)?;
    let key = key_of(&certificate).ok_or_else(|| format!("the certificate of {name} has no key on the curve P-256"))?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key)
        .verify(&signed_bytes(&statement), &signature)
        .map_err(|_| format!("the signature of {name} is not its certificate's over its statement"))
}

fn check_statement(statement: &[u8], name: &str, filename: &WheelFilename, sha256: Digest) -> Result<(), String> {
    let statement: Value = serde_json::from_slice(statement).map_err(|error| format!("{name} is no JSON: {error}"))?;
    if statement["_type"] != STATEMENT {
        return Err(format!("{name} has the _type {}, expected {STATEMENT:?}", statement["_type"]));
    }
    let predicate = &statement["predicateType"];
    if !predicate.as_str().is_some_and(is_known) {
        let expected = format!("{SLSA_PROVENANCE} or the publish attestation's of PEP 740");
        return Err(format!("{name} has the predicateType {predicate}, expected {expected}"));
    }
    let [subject] = filled(&statement, "subject", name)? else {
        return Err(format!("{name} has several subjects, expected one"));
    };
    let found = &subject["name"];
    let named: Option<WheelFilename> = found.as_str().and_then(|text| text.parse().ok());
    if named.is_none_or(|named| parts(&named) != parts(filename)) {
        return Err(format!("{name} is about {found}, expected \"{filename}\""));
    }
    let found = &subject["digest"]["sha256"];
    if !found.as_str().is_some_and(|digest| digest.eq_ignore_ascii_case(&sha256.to_string())) {
        return Err(format!("{name} is about SHA-256 {found}, expected the wheel's, \"{sha256}\""));
    }
    Ok(())
}

fn is_known(predicate: &str) -> bool {
    predicate == SLSA_PROVENANCE || digest_of(predicate.as_bytes()).to_string() == PUBLISH_SHA256
}

/// What of two names is the same where they name the same file, however they are written.
fn parts(filename: &WheelFilename) -> (&PackageName, &Version, Option<&BuildTag>, Vec<String>) {
    let mut tags: Vec<String> = filename.tags().map(|tag| tag.to_string()).collect();
    tags.sort();
    (filename.name(), filename.version(), filename.build(), tags)
}

/// What is signed of a statement, by [DSSE](https://github.com/secure-systems-lab/dsse/blob/v1.0.0/protocol.md).
fn signed_bytes(statement: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), statement.len());
    [head.as_bytes(), statement].concat()
}

/// The key of a certificate, `None` if it has none on that curve.
fn key_of(certificate: &[u8]) -> Option<&[u8]> {
    let at = certificate.windows(P256_KEY.len()).position(|bytes| bytes == P256_KEY)? + P256_KEY.len();
    certificate.get(at..at + POINT)
}

fn is_version_one(object: &Value, name: &str) -> Result<(), String> {
    if object["version"] == 1 {
        Ok(())
    } else {
        Err(format!("{name} has the version {}, expected 1", object["version"]))
    }
}

fn filled<'a>(object: &'a Value, key: &str, name: &str) -> Result<&'a [Value], String> {
    match object[key].as_array() {
        Some(list) if !list.is_empty() => Ok(list),
        _ => Err(format!("{name} has no {key}")),
    }
}

fn bytes(value: &Value, name: &str) -> Result<Vec<u8>, String> {
    let decoded = value.as_str().and_then(|text| BASE64.decode(text).ok()).filter(|bytes| !bytes.is_empty());
    decoded.ok_or_else(|| format!("{name} is not base64"))
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::json;

    use super::*;

    const FILENAME: &str = "demo_one-1.0-py2.py3-none-any.whl";

    fn key() -> EcdsaKeyPair {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random).unwrap()
    }

    /// The part of a certificate that is read.
    fn certificate(key: &EcdsaKeyPair) -> String {
        BASE64.encode([&[0x30, 0x82, 1, 0][..], &P256_KEY, key.public_key().as_ref(), &[0xA3, 0]].concat())
    }

    fn attested(key: &EcdsaKeyPair, statement: &Value) -> Value {
        let statement = statement.to_string().into_bytes();
        let signature = key.sign(&SystemRandom::new(), &signed_bytes(&statement)).unwrap();
        json!({
            "version": 1,
            "verification_material": { "certificate": certificate(key), "transparency_entries": [{}] },
            "envelope": { "statement": BASE64.encode(statement), "signature": BASE64.encode(signature.as_ref()) },
        })
    }

    fn provenance(attestation: &Value) -> Value {
        let bundle = json!({ "publisher": { "kind": "GitHub", "claims": null }, "attestations": [attestation] });
        json!({ "version": 1, "attestation_bundles": [bundle] })
    }

    fn told(document: &Value) -> Result<(), String> {
        check(document, &FILENAME.parse().unwrap(), Digest::from_bytes([0xab; 32]))
    }

    fn statement(name: &str, sha256: &str) -> Value {
        json!({
            "_type": STATEMENT, "predicateType": SLSA_PROVENANCE,
            "subject": [{ "name": name, "digest": { "sha256": sha256 } }], "predicate": null,
        })
    }

    #[test]
    fn what_is_about_the_wheel_and_signed_is_taken() {
        let key = key();
        for name in [FILENAME, "Demo_One-1.0.0-py3.py2-none-any.whl"] {
            let statement = statement(name, &"AB".repeat(32));
            assert_eq!(told(&provenance(&attested(&key, &statement))), Ok(()));
        }
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        let key = key();
        let good = statement(FILENAME, &"ab".repeat(32));
        let with = |change: fn(&mut Value)| {
            let mut statement = good.clone();
            change(&mut statement);
            provenance(&attested(&key, &statement))
        };
        let changed = |change: fn(&mut Value)| {
            let mut document = provenance(&attested(&key, &good));
            change(&mut document);
            document
        };
        let of = "attestation_bundles[0].attestations[0]";
        let about = format!("the statement of {of}");
        for (document, reason) in [
            (json!([]), "it has the version null, expected 1".to_owned()),
            (json!({ "version": 1, "attestation_bundles": [] }), "it has no attestation_bundles".to_owned()),
            (
                changed(|it| it["attestation_bundles"][0]["publisher"] = json!({})),
                "attestation_bundles[0].publisher.kind is null, expected a text".to_owned(),
            ),
            (
                changed(|it| it["attestation_bundles"][0]["attestations"][0]["version"] = json!(2)),
                format!("{of} has the version 2, expected 1"),
            ),
            (
                changed(|it| it["attestation_bundles"][0]["attestations"][0]["envelope"]["statement"] = json!("?")),
                format!("{of}.envelope.statement is not base64"),
            ),
            (
                changed(|it| {
                    let certificate = BASE64.encode([0x30, 0]);
                    let material = &mut it["attestation_bundles"][0]["attestations"][0]["verification_material"];
                    material["certificate"] = json!(certificate);
                }),
                format!("the certificate of {of} has no key on the curve P-256"),
            ),
            (
                changed(|it| {
                    let other = statement("demo_one-1.0-py2.py3-none-any.whl", &"ab".repeat(32)).to_string() + " ";
                    let envelope = &mut it["attestation_bundles"][0]["attestations"][0]["envelope"];
                    envelope["statement"] = json!(BASE64.encode(other));
                }),
                format!("the signature of {of} is not its certificate's over its statement"),
            ),
            (
                with(|it| it["predicateType"] = json!("https://example.org/")),
                format!(
                    "{about} has the predicateType \"https://example.org/\", expected {SLSA_PROVENANCE} or the publish attestation's of PEP 740"
                ),
            ),
            (
                with(|it| it["subject"].as_array_mut().unwrap().push(json!({}))),
                format!("{about} has several subjects, expected one"),
            ),
            (
                with(|it| it["subject"][0]["name"] = json!("demo_one-1.1-py2.py3-none-any.whl")),
                format!("{about} is about \"demo_one-1.1-py2.py3-none-any.whl\", expected \"{FILENAME}\""),
            ),
            (
                with(|it| it["subject"][0]["digest"] = json!({ "sha256": "cd" })),
                format!("{about} is about SHA-256 \"cd\", expected the wheel's, \"{}\"", "ab".repeat(32)),
            ),
        ] {
            assert_eq!(told(&document), Err(reason));
        }
    }
}
