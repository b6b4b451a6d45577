//! `pkgsrv admit` as a person meets it: wheels that are refused before anything has to run.

use std::path::PathBuf;
use std::process::Command;

use insta::assert_snapshot;
use pkgsrv::Upload;

use crate::fixture::Fixture;
use crate::wheels::{build, wheel};

/// What the program says about these wheels; the second part is on stderr.
fn admit(fixture: &Fixture, uploads: &[Upload], options: &[&str]) -> String {
    let paths: Vec<PathBuf> =
        uploads.iter().map(|upload| fixture.file(&format!("wheels/{}", upload.filename), &upload.bytes)).collect();
    let output = Command::new(env!("CARGO_BIN_EXE_pkgsrv"))
        .env_clear()
        .env("PKGSRV_DATA", fixture.path().join("data"))
        .env("PKGSRV_CACHE", fixture.path().join("cache"))
        .arg("admit")
        .args(paths)
        .args(options)
        .output()
        .unwrap();
    format!(
        "{}\n--- stdout\n{}--- stderr\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

const PLATFORM: &str = "cp314-cp314-pyemscripten_2026_0_wasm32";

fn native(name: &str, files: &[(&str, &str)]) -> Upload {
    build(&format!("{name}-1.0-{PLATFORM}.whl"), &format!("Name: {name}\nVersion: 1.0\n"), files)
}

#[test]
fn what_files_and_names_tell() {
    let fixture = Fixture::empty();
    let mut truncated = wheel("truncated-1.0-py3-none-any.whl", "");
    truncated.bytes.truncate(truncated.bytes.len() - 30);
    let uploads = [
        native("built_for_linux", &[("x/_c.cpython-314-wasm32-emscripten.so", "\u{7f}ELF\u{2}\u{1}")]),
        native("named_for_linux", &[("x/_c.cpython-314-x86_64-linux-gnu.so", "no wasm either")]),
        native("named_for_windows", &[("x/_c.cp314-win_amd64.pyd", "\0asm\u{1}\0\0\0")]),
        native("no_module_at_all", &[("x/_c.abi3.so", "INPUT(libx.so)")]),
        build(
            "pure_with_binary-1.0-py3-none-any.whl",
            "Name: pure_with_binary\nVersion: 1.0\n",
            &[("x/_c.abi3.so", "\0asm\u{1}\0\0\0")],
        ),
        wheel("too_new-1.0-py3-none-any.whl", "Requires-Python: >=3.15\n"),
        wheel("another_platform-1.0-cp314-cp314-manylinux_2_27_x86_64.whl", ""),
        wheel("alone-1.0-py3-none-any.whl", "Requires-Dist: not-published>=1\n"),
        truncated,
    ];
    assert_snapshot!("refused", admit(&fixture, &uploads, &[]));
    assert!(!fixture.path().join("data").exists(), "checking publishes nothing");
}

#[test]
fn a_wheel_that_is_only_read() {
    let fixture = Fixture::empty();
    let uploads = [wheel("good-1.0-py3-none-any.whl", "Requires-Python: >=3.12\n")];
    assert_snapshot!("json", admit(&fixture, &uploads, &["--no-import", "--json"]));
    assert_snapshot!("leave_out_without_a_reason", admit(&fixture, &uploads, &["--leave-out", "good"]));
}
