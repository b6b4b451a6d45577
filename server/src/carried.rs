//! What the program carries, so that it works wherever it was copied to: the loader, the recipes, and where it comes
//! from. A debug build carries none of it.

use std::fmt::Write as _;

use pkgsrv_index::{Abi, FORMAT, simple};

include!(concat!(env!("OUT_DIR"), "/carried.rs"));

/// What `--version` says: version, commit, ABIs, and the formats that are read and written.
pub fn long_version() -> String {
    let (commit, date) = COMMIT.unwrap_or(("unknown", "unknown"));
    let mut text = format!("{}\ncommit: {commit}\ncommit date: {date}\n", env!("CARGO_PKG_VERSION"));
    for abi in Abi::known() {
        let facts = abi.facts();
        let _infallible = writeln!(
            text,
            "ABI: {abi} ({}, {} {}, Python {})",
            facts.platform_tag, facts.runtime, facts.runtime_version, facts.python_full
        );
    }
    text.push_str("formats:");
    for (name, version) in formats() {
        let _infallible = write!(text, "\n  {name}: {version}");
    }
    text
}

/// The ABIs that Pyodide's lockfiles are for.
fn pyodide_abis() -> Vec<&'static str> {
    Abi::known().filter(|abi| !abi.is_stock()).map(Abi::as_str).collect()
}

/// Every format that this program reads and writes, with its version.
pub fn formats() -> Vec<(&'static str, String)> {
    vec![
        ("action result", pkgsrv_builder::RESULT_FORMAT.to_string()),
        ("channel index", FORMAT.to_string()),
        ("head", FORMAT.to_string()),
        ("Pyodide lockfile", pyodide_abis().join(", ")),
        ("repodata", FORMAT.to_string()),
        ("Simple API", simple::API_VERSION.to_owned()),
        ("toolchain manifest", pkgsrv_builder::MANIFEST_FORMAT.to_string()),
    ]
}
