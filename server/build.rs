//! Puts into a release build what the program carries: the loader's npm build, the recipes, and the commit that it was
//! made from. A debug build carries nothing of these, so that checks and tests do not wait for them; neither does one
//! without the feature `embed-loader`.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What decides the commit's word "changed" and what is carried, below the checkout's root. A change of any of it runs
/// this script again; cargo compiles the program again for most of them anyway.
const INPUTS: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "loader/boundary",
    "loader/core",
    "loader/js/package-lock.json",
    "loader/js/package.json",
    "loader/js/rollup.config.mjs",
    "loader/js/src",
    "loader/js/tsconfig.json",
    "loader/resolver",
    "recipes",
    "repodata",
    "rust-toolchain.toml",
    "server",
    "tests/xtask/src/loader.rs",
];

fn main() {
    let manifest_directory = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let root = manifest_directory.parent().expect("`server` lies in the checkout");
    let out = PathBuf::from(variable("OUT_DIR"));
    println!("cargo::rerun-if-changed=build.rs");
    let carries = variable("PROFILE") == "release" && std::env::var_os("CARGO_FEATURE_EMBED_LOADER").is_some();
    let (loader, recipes, commit) = if carries {
        for input in INPUTS {
            println!("cargo::rerun-if-changed={}", root.join(input).display());
        }
        (loader(root, &out), listed(&root.join("recipes")), commit(root))
    } else {
        Default::default()
    };
    let text = format!(
        "/// The files of the loader's npm build, by name.\npub static LOADER: &[(&str, &[u8])] = &[{}];\n\
         /// The files of `recipes/`, by path.\npub static RECIPES: &[(&str, &[u8])] = &[{}];\n\
         /// The commit and its date.\npub(super) const COMMIT: Option<(&str, &str)> = {commit:?};\n",
        table(&loader),
        table(&recipes),
    );
    fs::write(out.join("carried.rs"), text).expect("OUT_DIR can be written");
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

/// Builds the loader, and copies it: a build that comes between must not change what is being compiled.
fn loader(root: &Path, out: &Path) -> Vec<(String, PathBuf)> {
    let mut cargo = Command::new(variable("CARGO"));
    cargo.args(["xtask", "loader"]).current_dir(root);
    // The other cargo compiles other packages for other targets: nothing of what ours says holds for it.
    for (name, _) in std::env::vars_os() {
        if is_of_this_build(&name) {
            cargo.env_remove(name);
        }
    }
    let output = cargo.output().unwrap_or_else(|error| fail(&format!("cargo does not start: {error}")));
    if !output.status.success() {
        fail(String::from_utf8_lossy(&output.stderr).trim_end());
    }
    let dist = root.join("loader/js/dist");
    println!("cargo::rerun-if-changed={}", dist.join(".stamp").display());
    let carried = out.join("loader");
    let _not_there = fs::remove_dir_all(&carried);
    fs::create_dir_all(&carried).expect("OUT_DIR can be written");
    let mut files = listed(&dist);
    for (name, path) in &mut files {
        let copy = carried.join(name);
        fs::copy(&path, &copy).unwrap_or_else(|error| fail(&format!("cannot copy {}: {error}", path.display())));
        *path = copy;
    }
    files
}

fn is_of_this_build(name: &OsStr) -> bool {
    const PREFIXES: &[&str] = &["CARGO_CFG_", "CARGO_FEATURE_", "CARGO_MANIFEST_", "CARGO_PKG_", "DEP_"];
    const NAMES: &[&str] = &[
        "CARGO_ENCODED_RUSTFLAGS",
        "CLIPPY_ARGS",
        "DEBUG",
        "HOST",
        "NUM_JOBS",
        "OPT_LEVEL",
        "OUT_DIR",
        "PROFILE",
        "RUSTC",
        "RUSTC_LINKER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTDOC",
        "TARGET",
    ];
    let name = name.to_string_lossy();
    NAMES.contains(&&*name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// What a person sees of a failed build script is its standard error.
fn fail(reason: &str) -> ! {
    eprintln!(
        "{reason}\n\nThe loader, which the program carries, could not be built. Should the reason above not help: \
         `--no-default-features` leaves it out, and `cargo xtask loader` builds it alone."
    );
    std::process::exit(1)
}

/// Every file of a folder by its path below it, sorted. Hidden ones count only at the top, where the loader's stamp is.
fn listed(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).unwrap_or_else(|error| fail(&format!("{}: {error}", folder.display())));
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            files.extend(listed(&entry.path()).into_iter().map(|(inner, path)| (format!("{name}/{inner}"), path)));
        } else {
            files.push((name, entry.path()));
        }
    }
    files.sort();
    files
}

fn table(files: &[(String, PathBuf)]) -> String {
    files.iter().fold(String::new(), |mut text, (name, path)| {
        write!(text, "({name:?}, include_bytes!({:?})),", path.to_string_lossy()).expect("a string grows");
        text
    })
}

/// The commit, marked if files were changed since, and the day of it; `None` outside of git.
fn commit(root: &Path) -> Option<(String, String)> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(root).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let shown = git(&["show", "--no-patch", "--format=%H %cs", "HEAD"])?;
    let (hash, date) = shown.split_once(' ')?;
    // A commit moves the one or writes the other.
    for name in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--path-format=absolute", "--git-path", name])?;
        println!("cargo::rerun-if-changed={path}");
    }
    let changed = git(&[&["status", "--porcelain", "--"], INPUTS].concat()).is_none_or(|files| !files.is_empty());
    Some((format!("{hash}{}", if changed { ", changed" } else { "" }), date.to_owned()))
}
