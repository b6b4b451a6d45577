use pkgsrv_index::Digest;
use pkgsrv_wheel::Metadata;
use serde_json::{Value, json};

use super::*;

fn digest(digit: &str) -> String {
    digit.repeat(64)
}

fn library(name: &str, digit: &str, direct: bool, host: &[&str]) -> Value {
    let mut library = json!({
        "name": name, "version": "1.3.2", "kind": "static-library", "direct": direct, "action": digest("a"),
        "license": "Zlib", "patches": [], "host": host,
        "source": { "debian": name, "filename": format!("{name}_1.3.2.orig.tar.gz"), "sha256": digest(digit) },
    });
    if direct {
        library["sha256"] = json!(digest("b"));
    }
    library
}

/// A package with a bit of everything.
fn lock() -> BuildLock {
    let package = json!({
        "name": "numpy", "version": "2.4.6", "kind": "package", "direct": true, "action": digest("c"),
        "wheel": "numpy-2.4.6-cp314-cp314-pyemscripten_2026_0_wasm32.whl", "sha256": digest("d"), "patches": [],
        "host": [], "source": { "project": "numpy", "sha256": digest("e") },
    });
    let lock = json!({
        "format": 1, "name": "demo", "version": "1.0", "abi": "2026_0", "action": digest("0"),
        "wheel": "demo-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl", "sha256": digest("1"),
        "source": {
            "url": "https://packages.example/demo-1.0.tar.gz", "filename": "demo-1.0.tar.gz", "sha256": digest("2"),
        },
        "recipe": digest("3"),
        "patches": [{ "name": "0001-fix.patch", "sha256": digest("4") }],
        "files": [{ "name": "setup.cfg", "sha256": digest("5") }],
        "build_tools": [
            {
                "name": "cython", "version": "3.3.1", "filename": "cython-3.3.1-py3-none-any.whl",
                "sha256": digest("6"),
            },
        ],
        "host": [library("libtiff", "7", true, &["zlib"]), package, library("zlib", "8", false, &[])],
        "run": ["numpy"],
        "crates": [{ "name": "libc", "version": "0.2.180", "sha256": digest("9") }],
        "toolchain": {
            "name": "debian-forky-python3.14-e7e42504", "provider": "debian", "sha256": digest("f"),
            "emscripten": "6.0.5", "clang": "21.1.8", "python": "3.14.6", "packages": { "clang-21": "1:21.1.8-13" },
        },
        "runtime": { "name": "pyodide", "version": "314.0.7", "sha256": digest("0") },
        "cross_environment": digest("1"),
        "flags": {
            "default": ["-O2"], "abi": ["-fPIC"], "side_module": ["-sWASM_BIGINT"], "cflags": ["-DDEMO=1"],
            "cxxflags": [], "ldflags": [],
        },
    });
    serde_json::from_value(lock).unwrap()
}

fn wheel(filename: &str, digit: &str) -> WheelIdentity {
    WheelIdentity { filename: filename.to_owned(), sha256: digest(digit).parse::<Digest>().unwrap() }
}

fn bill(lock: &BuildLock, license: &str) -> String {
    let metadata = format!("Metadata-Version: 2.4\nName: demo\nVersion: 1.0\nSummary: A demonstration\n{license}\n");
    let company = [
        wheel("needed_by_numpy-1.0-py3-none-any.whl", "2"),
        wheel("numpy-2.4.6-cp314-cp314-pyemscripten_2026_0_wasm32.whl", "d"),
    ];
    let needs = [("numpy".parse().unwrap(), vec!["needed-by-numpy".parse().unwrap()])];
    let bytes = sbom(&Subject {
        lock,
        wheel: &wheel("demo-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl", "1"),
        metadata: &Metadata::parse("METADATA", &metadata).unwrap(),
        company: &company,
        needs: &needs.into(),
    });
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_bill_of_materials() {
    insta::assert_snapshot!(bill(&lock(), "License-Expression: MIT"));
}

#[test]
fn a_licence_that_is_no_expression_is_named_by_its_first_line() {
    let licenses = |license: &str| {
        let bill: Value = serde_json::from_str(&bill(&lock(), license)).unwrap();
        bill["metadata"]["component"]["licenses"].clone()
    };
    assert_eq!(licenses("License-Expression: MIT OR 0BSD\nLicense: x"), json!([{ "expression": "MIT OR 0BSD" }]));
    let text = "License: BSD 3-Clause License\n        Redistribution and use";
    assert_eq!(licenses(text), json!([{ "license": { "name": "BSD 3-Clause License" } }]));
    assert_eq!(licenses("Author: x"), Value::Null);
}

#[test]
fn a_provenance() {
    let bytes = provenance(&lock(), &wheel("demo-1.0-1-cp314-cp314-pyemscripten_2026_0_wasm32.whl", "e"));
    insta::assert_snapshot!(String::from_utf8(bytes).unwrap());
}

#[test]
fn a_lock_is_read_as_it_was_written() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(BuildLock::read(directory.path()), None);
    lock().write(directory.path()).unwrap();
    assert_eq!(BuildLock::read(directory.path()).unwrap(), lock());
}
