//! Documents that come with a wheel: found beside it, and checked that they are about it.

mod attestations;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use pkgsrv_builder::WheelDocuments;
use pkgsrv_index::{Digest, DocumentKind, WheelFilename};
use serde_json::Value;

use crate::ServerError;
use crate::store::digest_of;

/// Largest document that is published, bytes.
const LARGEST: u64 = 8 << 20;

/// What in-toto statements of this version say they are.
const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// The documents beside the wheel at `path`, as `pkgsrv build --out` writes them.
pub(crate) fn beside(path: &Path) -> Result<WheelDocuments, ServerError> {
    let mut found = BTreeMap::new();
    for kind in DocumentKind::ALL {
        let mut name = path.as_os_str().to_owned();
        name.push(kind.ending());
        let path = Path::new(&name);
        let failed = |source| ServerError::Read { path: path.to_owned(), source };
        let size = match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            read => read.map_err(failed)?.len(),
        };
        if size > LARGEST {
            return Err(ServerError::TooLarge { path: path.to_owned(), size, limit: LARGEST });
        }
        found.insert(kind, fs::read(path).map_err(failed)?);
    }
    Ok(found)
}

/// Refuses documents that are about something else than this wheel.
pub(crate) fn check(filename: &WheelFilename, sha256: Digest, documents: &WheelDocuments) -> Result<(), ServerError> {
    for (kind, bytes) in documents {
        let refused =
            |reason: String| ServerError::Document { document: format!("{filename}{}", kind.ending()), reason };
        let document: Value = serde_json::from_slice(bytes).map_err(|error| refused(error.to_string()))?;
        let about = match kind {
            DocumentKind::Lock => lock(&document, filename, sha256).or_else(|error| {
                // Of a wheel that was given a build number it has the digest of before, and only the provenance knows.
                let provenance = documents.get(&DocumentKind::Provenance);
                provenance.filter(|provenance| names(provenance, bytes)).map(drop).ok_or(error)
            }),
            DocumentKind::Sbom => sbom(&document, sha256),
            DocumentKind::Provenance => provenance(&document, sha256),
            DocumentKind::Attestations => attestations::check(&document, filename, sha256),
        };
        about.map_err(refused)?;
    }
    Ok(())
}

fn lock(document: &Value, filename: &WheelFilename, sha256: Digest) -> Result<(), String> {
    let (name, version) = (&document["name"], &document["version"]);
    let expected = (filename.name().to_string(), filename.version().to_string());
    if *name != expected.0 || *version != expected.1 {
        return Err(format!("it is about {name} {version}, expected {} {}", expected.0, expected.1));
    }
    one_is(std::iter::once(&document["sha256"]), sha256)
}

/// Whether a provenance names these bytes among what the build made beside the wheel.
fn names(provenance: &[u8], lock: &[u8]) -> bool {
    let Ok(document) = serde_json::from_slice::<Value>(provenance) else { return false };
    let made = document["predicate"]["runDetails"]["byproducts"].as_array().map(Vec::as_slice).unwrap_or_default();
    made.iter().any(|made| made["digest"]["sha256"] == digest_of(lock).to_string())
}

fn sbom(document: &Value, sha256: Digest) -> Result<(), String> {
    if document["bomFormat"] != "CycloneDX" {
        return Err(format!("its bomFormat is {}, expected \"CycloneDX\"", document["bomFormat"]));
    }
    let hashes = document["metadata"]["component"]["hashes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of_sha256 = hashes.iter().filter(|hash| hash["alg"] == "SHA-256").map(|hash| &hash["content"]);
    one_is(of_sha256, sha256)
}

fn provenance(document: &Value, sha256: Digest) -> Result<(), String> {
    if document["_type"] != STATEMENT {
        return Err(format!("its _type is {}, expected {STATEMENT:?}", document["_type"]));
    }
    let subjects = document["subject"].as_array().map(Vec::as_slice).unwrap_or_default();
    one_is(subjects.iter().map(|subject| &subject["digest"]["sha256"]), sha256)
}

fn one_is<'a>(found: impl Iterator<Item = &'a Value>, sha256: Digest) -> Result<(), String> {
    let found: Vec<&Value> = found.collect();
    if found.iter().any(|value| **value == sha256.to_string()) {
        return Ok(());
    }
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    let told = if told.is_empty() { "no SHA-256".to_owned() } else { told.join(", ") };
    Err(format!("it is about {told}, expected the wheel's SHA-256 {sha256}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_about_something_else_are_refused() {
        let filename: WheelFilename = "demo-1.0-py3-none-any.whl".parse().unwrap();
        let sha256 = Digest::from_bytes([0xab; 32]);
        let told = |kind: DocumentKind, document: &Value| {
            let documents = [(kind, document.to_string().into_bytes())].into();
            check(&filename, sha256, &documents).map_err(|error| error.to_string())
        };
        let statement = |sha256: &str| {
            let subject = json!([{ "digest": { "sha256": sha256 } }]);
            json!({ "_type": "https://in-toto.io/Statement/v1", "subject": subject })
        };
        let bill = |content: &str| {
            let hashes = json!([{ "alg": "SHA-256", "content": content }]);
            json!({ "bomFormat": "CycloneDX", "metadata": { "component": { "hashes": hashes } } })
        };
        let (good, other) = ("ab".repeat(32), "cd".repeat(32));
        let lock = |sha256: &str| json!({ "name": "demo", "version": "1.0", "sha256": sha256 });
        assert_eq!(told(DocumentKind::Lock, &lock(&good)), Ok(()));
        assert_eq!(told(DocumentKind::Sbom, &bill(&good)), Ok(()));
        assert_eq!(told(DocumentKind::Provenance, &statement(&good)), Ok(()));
        let expected = format!("expected the wheel's SHA-256 {good}");
        for (kind, document, reason) in [
            (
                DocumentKind::Lock,
                json!({ "name": "demo", "version": "2.0" }),
                "it is about \"demo\" \"2.0\", expected demo 1.0".to_owned(),
            ),
            (DocumentKind::Lock, lock(&other), format!("it is about \"{other}\", {expected}")),
            (DocumentKind::Sbom, json!([]), "its bomFormat is null, expected \"CycloneDX\"".to_owned()),
            (DocumentKind::Sbom, bill(&other), format!("it is about \"{other}\", {expected}")),
            (
                DocumentKind::Provenance,
                json!({ "_type": "https://in-toto.io/Statement/v1" }),
                format!("it is about no SHA-256, {expected}"),
            ),
            (DocumentKind::Provenance, statement(&other), format!("it is about \"{other}\", {expected}")),
        ] {
            let refused = format!(
                "demo-1.0-py3-none-any.whl{} cannot be published: {reason}; remove it, or build the wheel again",
                kind.ending()
            );
            assert_eq!(told(kind, &document), Err(refused));
        }
    }

    #[test]
    fn a_lock_of_other_bytes_is_the_wheels_where_the_provenance_says_so() {
        let filename: WheelFilename = "demo-1.0-1-py3-none-any.whl".parse().unwrap();
        let sha256 = Digest::from_bytes([0xab; 32]);
        let lock = json!({ "name": "demo", "version": "1.0", "sha256": "cd".repeat(32) }).to_string().into_bytes();
        let checked = |made: Digest| {
            let provenance = json!({
                "_type": "https://in-toto.io/Statement/v1",
                "subject": [{ "digest": { "sha256": sha256.to_string() } }],
                "predicate": { "runDetails": { "byproducts": [{ "digest": { "sha256": made.to_string() } }] } },
            });
            let provenance = provenance.to_string().into_bytes();
            let documents = [(DocumentKind::Lock, lock.clone()), (DocumentKind::Provenance, provenance)].into();
            check(&filename, sha256, &documents).is_ok()
        };
        assert!(checked(digest_of(&lock)));
        assert!(!checked(digest_of(b"another")));
    }
}
