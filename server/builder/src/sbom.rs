//! The software bill of materials of a wheel: [CycloneDX 1.6](https://cyclonedx.org/docs/1.6/json/), as JSON.
//!
//! What is in the wheel or needed to import it has the scope `required`; what only took part in making it (source,
//! build tools, toolchain) has `excluded`. What the source itself bundles is not known, and that is said. There is no
//! time in it, and its serial number comes from what it is about: the same wheel has the same bytes of it.

use std::collections::BTreeMap;

use pkgsrv_index::{Digest, PackageName, WheelFilename};
use pkgsrv_wheel::Metadata;
use serde::Serialize;
use serde_json::json;

use crate::action::sha256;
use crate::admission::WheelIdentity;
use crate::build_lock::{BuildLock, HostKind, LockedFile, LockedHost, LockedSource};
use crate::package_url;

/// What a bill is made of.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub lock: &'a BuildLock,
    /// The wheel; published with a build number, it has another name and digest than in the lock.
    pub wheel: &'a WheelIdentity,
    pub metadata: &'a Metadata,
    /// The wheels that it was imported with: its requirements, in the versions that it was tested with.
    pub company: &'a [WheelIdentity],
    /// What each of these needs in turn; those of which it is not known are not in it.
    pub needs: &'a BTreeMap<PackageName, Vec<PackageName>>,
}

/// One component.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Component {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    reference: String,
    name: String,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pedigree: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_references: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Property {
    name: String,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    #[serde(rename = "ref")]
    reference: String,
    depends_on: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bill {
    #[serde(rename = "bomFormat")]
    format: &'static str,
    spec_version: &'static str,
    serial_number: String,
    version: u32,
    metadata: serde_json::Value,
    components: Vec<Component>,
    dependencies: Vec<Dependency>,
    compositions: serde_json::Value,
}

const REQUIRED: Option<&str> = Some("required");
const EXCLUDED: Option<&str> = Some("excluded");

/// JSON with a newline at its end; the same of the same.
pub(crate) fn sbom(subject: &Subject<'_>) -> Vec<u8> {
    let Subject { lock, wheel, .. } = *subject;
    let main = main_component(subject);
    let mut components = vec![source(lock)];
    components.extend(lock.host.iter().filter(|host| host.kind != HostKind::Package).map(library));
    components.extend(packages(subject));
    components.extend(lock.crates.iter().map(|it| Component {
        hashes: hashes(&it.sha256),
        ..named("library", &it.name, &it.version, package_url::cargo(&it.name, &it.version), REQUIRED)
    }));
    components.extend(lock.build_tools.iter().map(|tool| {
        let (name, version) = (tool.name.as_str(), tool.version.as_str());
        let purl = package_url::pypi_file(name, version, &tool.filename);
        Component { hashes: hashes(&tool.sha256), ..named("application", name, version, purl, EXCLUDED) }
    }));
    components.extend(platform(lock));
    let dependencies = dependencies(subject, &main.reference);
    let bill = Bill {
        format: "CycloneDX",
        spec_version: "1.6",
        serial_number: serial_number(lock, wheel),
        version: 1,
        compositions: json!([{ "aggregate": "unknown", "assemblies": [main.reference] }]),
        metadata: json!({
            "lifecycles": [{ "phase": "build" }],
            "tools": { "components": [
                { "type": "application", "name": "pkgsrv", "version": env!("CARGO_PKG_VERSION") }
            ] },
            "component": main,
        }),
        components,
        dependencies,
    };
    let mut bytes = serde_json::to_vec_pretty(&bill).expect("strings and lists of them");
    bytes.push(b'\n');
    bytes
}

/// A UUID of the eighth version (RFC 9562), of the digests of action and wheel.
fn serial_number(lock: &BuildLock, wheel: &WheelIdentity) -> String {
    let digest = sha256(format!("{} {}", lock.action, wheel.sha256).as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_bytes()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    format!("urn:uuid:{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn named(kind: &'static str, name: &str, version: &str, purl: String, scope: Option<&'static str>) -> Component {
    let (name, version, reference) = (name.to_owned(), version.to_owned(), purl.clone());
    Component { kind, reference, name, version, scope, purl: Some(purl), ..Component::default() }
}

fn hashes(sha256: &Digest) -> Vec<serde_json::Value> {
    vec![json!({ "alg": "SHA-256", "content": sha256 })]
}

fn main_component(subject: &Subject<'_>) -> Component {
    let Subject { lock, wheel, metadata, .. } = *subject;
    let purl = package_url::pypi_file(lock.name.as_str(), &lock.version, &wheel.filename);
    Component {
        description: metadata.summary.clone(),
        hashes: hashes(&wheel.sha256),
        licenses: license(metadata),
        pedigree: pedigree(&lock.patches),
        properties: [property("pkgsrv:abi", &lock.abi), property("pkgsrv:action", &lock.action)]
            .into_iter()
            .chain(patch_properties(&lock.patches))
            .collect(),
        ..named("library", lock.name.as_str(), &lock.version, purl, None)
    }
}

/// The licence that METADATA names. The older `License` may be the whole text of one: then its first line stands for
/// it.
fn license(metadata: &Metadata) -> Vec<serde_json::Value> {
    match (&metadata.license_expression, &metadata.license) {
        (Some(expression), _) => vec![json!({ "expression": expression })],
        (None, Some(license)) => {
            let first = license.lines().map(str::trim).find(|line| !line.is_empty());
            first.map(|name| json!({ "license": { "name": name } })).into_iter().collect()
        }
        (None, None) => Vec::new(),
    }
}

fn property(name: impl Into<String>, value: &impl ToString) -> Property {
    Property { name: name.into(), value: value.to_string() }
}

/// The patches by name; their hashes have no place there, and become properties.
fn pedigree(patches: &[LockedFile]) -> Option<serde_json::Value> {
    let patch = |patch: &LockedFile| json!({ "type": "unofficial", "diff": { "url": patch.name } });
    (!patches.is_empty()).then(|| json!({ "patches": patches.iter().map(patch).collect::<Vec<_>>() }))
}

fn patch_properties(patches: &[LockedFile]) -> impl Iterator<Item = Property> {
    patches.iter().map(|patch| property(format!("pkgsrv:patch:{}:sha256", patch.name), &patch.sha256))
}

fn source(lock: &BuildLock) -> Component {
    let (name, version) = (lock.name.as_str(), lock.version.as_str());
    let purl = package_url::source(name, version, &lock.source);
    let filename = lock.source.filename.clone().unwrap_or_else(|| name.to_owned());
    Component {
        hashes: hashes(&lock.source.sha256),
        external_references: lock.source.url.iter().map(|url| json!({ "type": "distribution", "url": url })).collect(),
        properties: debian_property(&lock.source),
        // The wheel that a recipe takes as it is has the same name.
        reference: format!("source:{purl}"),
        ..named("file", &filename, version, purl, EXCLUDED)
    }
}

fn debian_property(source: &LockedSource) -> Vec<Property> {
    source.debian.iter().map(|package| property("pkgsrv:debian-source-package", package)).collect()
}

fn library_reference(host: &LockedHost) -> String {
    package_url::generic(host.name.as_str(), &host.version, &host.source.sha256)
}

fn library(host: &LockedHost) -> Component {
    let archive = match (&host.source.url, &host.source.filename) {
        (Some(url), _) => url.clone(),
        (None, Some(filename)) => filename.clone(),
        (None, None) => package_url::source(host.name.as_str(), &host.version, &host.source),
    };
    let mut properties = debian_property(&host.source);
    properties.push(property("pkgsrv:action", &host.action));
    properties.extend(patch_properties(&host.patches));
    Component {
        licenses: host.license.iter().map(|license| json!({ "expression": license })).collect(),
        pedigree: pedigree(&host.patches),
        external_references: vec![
            json!({ "type": "source-distribution", "url": archive, "hashes": hashes(&host.source.sha256) }),
        ],
        properties,
        ..named("library", host.name.as_str(), &host.version, library_reference(host), REQUIRED)
    }
}

/// Python packages: those that it needs, and those that it was only compiled against.
fn packages(subject: &Subject<'_>) -> Vec<Component> {
    let mut found: BTreeMap<PackageName, Component> = BTreeMap::new();
    for host in subject.lock.host.iter().filter(|host| host.kind == HostKind::Package) {
        let purl = package_url::pypi(host.name.as_str(), &host.version);
        let hashes = host.sha256.iter().flat_map(hashes).collect();
        let component = Component { hashes, ..named("library", host.name.as_str(), &host.version, purl, EXCLUDED) };
        found.insert(host.name.clone(), component);
    }
    for (filename, sha256) in company(subject) {
        let (name, version) = (filename.name().as_str(), filename.version().to_string());
        let purl = package_url::pypi(name, &version);
        let component = Component { hashes: hashes(&sha256), ..named("library", name, &version, purl, REQUIRED) };
        found.insert(filename.name().clone(), component);
    }
    found.into_values().collect()
}

fn company<'a>(subject: &Subject<'a>) -> impl Iterator<Item = (WheelFilename, Digest)> + use<'a> {
    subject.company.iter().filter_map(|wheel| Some((wheel.filename.parse::<WheelFilename>().ok()?, wheel.sha256)))
}

/// What the wheel runs on, and what compiled it.
fn platform(lock: &BuildLock) -> Vec<Component> {
    let (runtime, toolchain) = (&lock.runtime, &lock.toolchain);
    let purl = package_url::npm(&runtime.name, &runtime.version);
    let runtime = Component {
        hashes: hashes(&runtime.sha256),
        ..named("platform", &runtime.name, &runtime.version, purl, REQUIRED)
    };
    let tool = |name: &str, version: &str| Component {
        kind: "application",
        reference: format!("toolchain:{name}"),
        name: name.to_owned(),
        version: version.to_owned(),
        scope: EXCLUDED,
        properties: vec![
            property("pkgsrv:toolchain", &toolchain.name),
            property("pkgsrv:toolchain:sha256", &toolchain.sha256),
        ],
        ..Component::default()
    };
    let tools = [("clang", toolchain.clang.as_deref()), ("emscripten", Some(&toolchain.emscripten))];
    let tools = tools.into_iter().filter_map(|(name, version)| Some(tool(name, version?)));
    std::iter::once(runtime).chain(tools).chain([tool("python", &toolchain.python)]).collect()
}

/// Who needs whom, sorted; what only took part in making the wheel is needed by nothing.
fn dependencies(subject: &Subject<'_>, main: &str) -> Vec<Dependency> {
    let Subject { lock, needs, .. } = *subject;
    let libraries: BTreeMap<&PackageName, String> = lock
        .host
        .iter()
        .filter(|host| host.kind != HostKind::Package)
        .map(|host| (&host.name, library_reference(host)))
        .collect();
    let packages: BTreeMap<PackageName, String> = company(subject)
        .map(|(filename, _)| {
            let purl = package_url::pypi(filename.name().as_str(), &filename.version().to_string());
            (filename.name().clone(), purl)
        })
        .collect();
    let direct = lock.host.iter().filter(|host| host.direct).filter_map(|host| libraries.get(&host.name));
    let mut of_main: Vec<String> =
        direct.chain(lock.run.iter().filter_map(|name| packages.get(name))).cloned().collect();
    of_main.extend(lock.crates.iter().map(|it| package_url::cargo(&it.name, &it.version)));
    of_main.push(package_url::npm(&lock.runtime.name, &lock.runtime.version));
    let mut all = vec![(main.to_owned(), of_main)];
    for host in lock.host.iter().filter(|host| host.kind != HostKind::Package) {
        let others = host.host.iter().filter_map(|name| libraries.get(name)).cloned();
        all.push((libraries[&host.name].clone(), others.collect()));
    }
    for (name, reference) in &packages {
        let Some(others) = needs.get(name) else { continue };
        all.push((reference.clone(), others.iter().filter_map(|name| packages.get(name)).cloned().collect()));
    }
    all.sort();
    let sorted = |mut references: Vec<String>| {
        references.sort();
        references.dedup();
        references
    };
    all.into_iter().map(|(reference, others)| Dependency { reference, depends_on: sorted(others) }).collect()
}
