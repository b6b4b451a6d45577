//! Compiles the compiler wrapper (`server/compiler`) statically, so that the builder can carry it as bytes and put it
//! into any root directory, whatever C library that has.

use std::path::PathBuf;
use std::process::Command;

fn main() {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"));
    let source = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("../compiler/src");
    let output = PathBuf::from(variable("OUT_DIR")).join("compiler");
    println!("cargo::rerun-if-changed={}", source.display());
    let status = Command::new(variable("RUSTC"))
        .args(["--edition", "2024", "--crate-type", "bin", "--crate-name", "pkgsrv_compiler"])
        .args(["--target", &variable("TARGET")])
        .args(["-C", "opt-level=3", "-C", "panic=abort", "-C", "strip=symbols", "-C", "target-feature=+crt-static"])
        // The bytes are part of every action digest: they must not name the directory of the checkout.
        .arg(format!("--remap-path-prefix={}=compiler", source.display()))
        .arg("-o")
        .arg(&output)
        .arg(source.join("main.rs"))
        .status()
        .expect("rustc starts");
    assert!(status.success(), "the compiler wrapper does not compile");
    println!("cargo::rustc-env=PKGSRV_COMPILER={}", output.display());
}
