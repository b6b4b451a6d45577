//! The provenance of a wheel: an [in-toto statement](https://github.com/in-toto/attestation) with the predicate of
//! [SLSA provenance](https://slsa.dev/spec/v1.0/provenance). It is not signed: an attestation of [PEP
//! 740](https://peps.python.org/pep-0740/) needs the identity of who builds, which only a signing service can vouch
//! for.

use pkgsrv_index::{Digest, DocumentKind};
use serde_json::{Value, json};

use crate::action::sha256;
use crate::admission::WheelIdentity;
use crate::build_lock::{BuildLock, HostKind, LockedHost};
use crate::package_url;

/// What kind of build it is: a recipe of ours, carried out as ARCHITECTURE.md says.
const BUILD_TYPE: &str = "urn:pkgsrv:build:1";

/// Who built. Any machine may have: nothing vouches for one.
const BUILDER: &str = "urn:pkgsrv:builder";

/// JSON with a newline at its end; the same of the same. `wheel` is what it is about; published with a build number, it
/// has another name and digest than in the lock.
pub(crate) fn provenance(lock: &BuildLock, wheel: &WheelIdentity) -> Vec<u8> {
    let lock_name = lock.wheel.as_ref().map(|wheel| format!("{wheel}{}", DocumentKind::Lock.ending()));
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": wheel.filename, "digest": { "sha256": wheel.sha256 } }],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "abi": lock.abi,
                    "recipe": { "name": lock.name, "version": lock.version, "digest": { "sha256": lock.recipe } },
                    "source": source(lock),
                },
                "internalParameters": {
                    "crossEnvironment": lock.cross_environment,
                    "flags": lock.flags,
                },
                "resolvedDependencies": dependencies(lock),
            },
            "runDetails": {
                "builder": { "id": BUILDER, "version": { "pkgsrv": env!("CARGO_PKG_VERSION") } },
                "metadata": { "invocationId": lock.action },
                "byproducts": [{ "name": lock_name, "digest": { "sha256": sha256(&lock.to_bytes()) } }],
            },
        },
    });
    let mut bytes = serde_json::to_vec_pretty(&statement).expect("strings and lists of them");
    bytes.push(b'\n');
    bytes
}

/// A resource descriptor: a file by its hash.
fn file(name: &str, uri: Option<String>, digest: &Digest) -> Value {
    let mut descriptor = json!({ "name": name, "digest": { "sha256": digest } });
    if let Some(uri) = uri {
        descriptor["uri"] = json!(uri);
    }
    descriptor
}

fn source(lock: &BuildLock) -> Value {
    let purl = package_url::source(lock.name.as_str(), &lock.version, &lock.source);
    let name = lock.source.filename.as_deref().unwrap_or(lock.name.as_str());
    let mut descriptor = file(name, Some(purl), &lock.source.sha256);
    if let Some(url) = &lock.source.url {
        descriptor["downloadLocation"] = json!(url);
    }
    descriptor
}

/// In the order of the lock.
fn dependencies(lock: &BuildLock) -> Vec<Value> {
    let mut found = vec![source(lock)];
    let own = lock.patches.iter().chain(&lock.files);
    found.extend(own.map(|it| file(&it.name, None, &it.sha256)));
    found.extend(lock.build_tools.iter().map(|tool| {
        let purl = package_url::pypi_file(tool.name.as_str(), &tool.version, &tool.filename);
        file(&tool.filename, Some(purl), &tool.sha256)
    }));
    found.extend(lock.host.iter().map(host));
    found.extend(lock.crates.iter().map(|it| {
        let name = format!("{}-{}.crate", it.name, it.version);
        file(&name, Some(package_url::cargo(&it.name, &it.version)), &it.sha256)
    }));
    let toolchain = &lock.toolchain;
    let mut descriptor = file(&toolchain.name, None, &toolchain.sha256);
    descriptor["annotations"] =
        json!({ "emscripten": toolchain.emscripten, "clang": toolchain.clang, "python": toolchain.python });
    found.push(descriptor);
    let (name, version) = (&lock.runtime.name, &lock.runtime.version);
    found.push(file(&format!("{name}-{version}.tgz"), Some(package_url::npm(name, version)), &lock.runtime.sha256));
    found
}

/// A wheel by its own hash. A library is a directory: it stands with the hash of its source, its action, and the digest
/// over its files.
fn host(host: &LockedHost) -> Value {
    let (name, version) = (host.name.as_str(), host.version.as_str());
    if let (HostKind::Package, Some(wheel), Some(sha256)) = (host.kind, &host.wheel, &host.sha256) {
        return file(wheel, Some(package_url::pypi_file(name, version, wheel)), sha256);
    }
    let mut descriptor = file(name, Some(package_url::source(name, version, &host.source)), &host.source.sha256);
    descriptor["annotations"] = json!({ "action": host.action, "contents": host.sha256 });
    descriptor
}
