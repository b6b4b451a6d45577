//! CPython as it is, cross-built by the toolchain from Debian's source package.

use std::fs;
use std::path::Path;

use pkgsrv_index::Digest;

use super::Runtime;
use crate::abi_flags::ABI_FLAGS;
use crate::action::sha256;
use crate::contents;
use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::source::{cached, fetch_debian, unpack};
use crate::toolchain::Toolchain;

/// Directory of the build, package, file, SHA-256. zlib is that of the recipe.
const SOURCES: &[(&str, &str, &str, &str)] = &[
    (
        "python",
        "python3.13",
        "python3.13_3.13.5.orig.tar.xz",
        "93e583f243454e6e9e4588ca2c2662206ad961659863277afcdb96801647d640",
    ),
    (
        "zlib",
        "zlib",
        "zlib_1.3.dfsg+really1.3.2.orig.tar.gz",
        "7b6903eb019983987b7112eccf90f1703f1c6c0e0cede36564bf611d19ca579d",
    ),
];

const SCRIPT: (&str, &str) = ("build.sh", include_str!("cpython/build.sh"));
const PACK: (&str, &str) = ("pack.py", include_str!("cpython/pack.py"));
const EXPORTS: (&str, &str) = ("exports.js", include_str!("cpython/exports.js"));
/// What starts it, and lies beside it.
const HOST: (&str, &str) = ("cpython.mjs", include_str!("cpython/cpython.mjs"));

/// What the build leaves.
const FILES: [&str; 3] = ["python.mjs", "python.wasm", "python_stdlib.zip"];

/// Digest of all that it consists of. Of the toolchain it is Emscripten's version that counts, which the ABI names.
pub(super) fn digest() -> Digest {
    sha256([&built_from(), HOST.1].join("\n").as_bytes())
}

/// What the build depends on.
fn built_from() -> String {
    let sources = SOURCES.iter().map(|(_, _, _, sha256)| *sha256);
    let texts = [SCRIPT, PACK, EXPORTS].map(|(_, text)| text);
    sources.chain(texts).chain(ABI_FLAGS.iter().copied()).collect::<Vec<_>>().join("\n")
}

/// Puts it together in its place. The build is kept by itself: what starts it changes more often.
pub(super) fn install(context: &Context, runtime: &Runtime) -> Result<(), BuildError> {
    let digest = sha256(built_from().as_bytes()).to_string();
    let name = format!("{}-{}-build", runtime.name, runtime.version);
    let built = context.cache.runtimes().join(format!("{name}-{}", &digest[..8]));
    contents::ensure(context, "build of CPython", &built, &name, || build(context, runtime, &built))?;
    let finished = context.cache.work_directory("runtime")?;
    for name in FILES {
        let from = built.join(name);
        fs::copy(&from, finished.path().join(name)).doing("copy", &from)?;
    }
    write(finished.path(), HOST)?;
    contents::record(finished.path())?;
    finished.move_into_place(&runtime.directory)
}

/// Builds it in the sandbox.
fn build(context: &Context, runtime: &Runtime, place: &Path) -> Result<(), BuildError> {
    let toolchain = Toolchain::ensure(context, runtime.abi)?;
    let label = format!("{} {}", runtime.name, runtime.version);
    let work = context.cache.work_directory("cpython")?;
    for (directory, package, file, sha256) in SOURCES {
        let sha256 = sha256.parse().expect("the table's hashes are hashes (tested)");
        let archive = match cached(context, &sha256)? {
            Some(found) => found,
            None => fetch_debian(context, &toolchain, (package, file), &sha256)?,
        };
        let unpacked = context.cache.work_directory("cpython-source")?;
        let top = unpack(&archive, unpacked.path(), None)?;
        let place = work.path().join(directory);
        fs::rename(&top, &place).doing("move the source to", &place)?;
    }
    [SCRIPT, PACK, EXPORTS].into_iter().try_for_each(|file| write(work.path(), file))?;
    let path = [toolchain.emscripten(), toolchain.path()].join(":");
    let jobs = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let (python, flags) = (toolchain.python(), ABI_FLAGS.join(" "));
    let mut command = toolchain
        .sandbox()
        .writable(work.path(), "/build")
        .variable("PATH", &path)
        .directory("/build")
        .command(&["/bin/bash", "/build/build.sh", &python, &flags, &jobs])?;
    let mut log = context.log(&format!("{}-{}", runtime.name, runtime.version))?;
    context.run_limited(&label, "cross-building", &mut command, &[work.path()], &mut log)?;
    let finished = context.cache.work_directory("runtime")?;
    for name in FILES {
        let (from, to) = (work.path().join("out").join(name), finished.path().join(name));
        fs::rename(&from, &to).doing("take what was built from", &from)?;
    }
    contents::record(finished.path())?;
    finished.move_into_place(place)
}

fn write(directory: &Path, (name, text): (&str, &str)) -> Result<(), BuildError> {
    let path = directory.join(name);
    fs::write(&path, text).doing("write", &path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_has_a_hash() {
        for (_, _, _, sha256) in SOURCES {
            assert!(sha256.parse::<Digest>().is_ok(), "{sha256}");
        }
    }
}
