//! With the feature `embed-loader`: lists the files of the loader's npm build, so that the program carries them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    let variable = |name: &str| PathBuf::from(std::env::var_os(name).unwrap_or_else(|| panic!("cargo sets {name}")));
    let dist = variable("CARGO_MANIFEST_DIR").join("../loader/js/dist");
    let embed = std::env::var_os("CARGO_FEATURE_EMBED_LOADER").is_some();
    // Without the feature a new loader is no reason to compile the program again.
    println!("cargo::rerun-if-changed=build.rs");
    if embed {
        println!("cargo::rerun-if-changed={}", dist.join(".stamp").display());
    }
    let files = if embed { listed(&dist) } else { String::new() };
    let text = format!("/// The files of the loader's npm build.\nstatic FILES: &[(&str, &[u8])] = &[{files}];\n");
    fs::write(variable("OUT_DIR").join("loader_files.rs"), text).expect("OUT_DIR can be written");
}

fn listed(dist: &Path) -> String {
    assert!(dist.join(".stamp").is_file(), "the loader is not built: run `cargo xtask loader` first");
    let mut files: Vec<PathBuf> =
        fs::read_dir(dist).expect("it is there").map(|file| file.expect("readable").path()).collect();
    files.sort();
    files.iter().fold(String::new(), |mut text, path| {
        let (name, path) = (path.file_name().expect("a file").to_string_lossy(), path.to_string_lossy());
        write!(text, "({name:?}, include_bytes!({path:?})),").expect("a string grows");
        text
    })
}
