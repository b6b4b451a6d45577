//! Providers on a machine where something lacks: whole output.

use std::process::Command;

use insta::assert_snapshot;

use crate::fixture::Fixture;

fn toolchain(fixture: &Fixture, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pkgsrv"))
        .env_clear()
        .env("PKGSRV_CACHE", fixture.path().join("cache"))
        // No program is here.
        .env("PATH", fixture.path())
        .current_dir(fixture.path())
        .args(arguments)
        .output()
        .unwrap();
    let text = format!(
        "{}\n--- stdout\n{}--- stderr\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    // Root needs no sudo.
    text.replace(fixture.path().to_str().unwrap(), "[DIR]").replace("sudo apt-get", "apt-get")
}

#[test]
fn what_lacks_is_told_at_once() {
    let fixture = Fixture::empty();
    let install = |arguments: &[&str]| toolchain(&fixture, &[&["toolchain", "install"], arguments].concat());
    assert_snapshot!("toolchain_system_lacks", install(&["--provider", "system"]));
    assert_snapshot!("toolchain_emsdk_unnamed", install(&["--provider", "emsdk"]));
    assert_snapshot!("toolchain_emsdk_is_none", install(&["--provider", "emsdk", "--emsdk", "."]));
    assert_snapshot!("toolchain_unknown_provider", install(&["--provider", "nix"]));
    assert!(!fixture.path().join("cache").exists(), "nothing is written before all is found");
}

#[test]
fn a_toolchain_that_is_not_there_is_told() {
    let fixture = Fixture::empty();
    assert_snapshot!("toolchain_show_unknown", toolchain(&fixture, &["toolchain", "show", "emsdk-5.0.3"]));
}
