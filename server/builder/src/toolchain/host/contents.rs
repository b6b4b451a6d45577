//! A digest over the bytes that make code: Emscripten's files, and the programs that it and a build start.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use pkgsrv_index::Digest;
use sha2::{Digest as _, Sha256};

use super::find::Found;
use crate::error::{BuildError, IoContext as _};

/// Directories of Emscripten that make no code: what it compiled, compiled Python, tests and texts.
const LEFT_OUT: &[&str] = &["__pycache__", "cache", "docs", "site", "test", "tests"];

/// Emscripten is some ten thousand files; beyond this the path leads elsewhere.
const MOST_FILES: usize = 200_000;

pub(super) fn digest(found: &Found) -> Result<Digest, BuildError> {
    let mut files = Vec::new();
    collect(&found.emscripten, &mut files)?;
    let emscripten = files.into_iter().map(|path| {
        let name = path.strip_prefix(&found.emscripten).unwrap_or(&path).to_owned();
        (Path::new("emscripten").join(name), path)
    });
    let programs = found.programs.iter().map(|(name, path)| (PathBuf::from(name), path.clone()));
    let mut named: Vec<(PathBuf, PathBuf)> = emscripten.chain(programs).collect();
    named.sort();
    let mut hasher = Sha256::new();
    for (name, path) in named {
        let mut file = File::open(&path).doing("open", &path)?;
        let length = file.metadata().doing("read", &path)?.len();
        // Lengths keep names and contents from running into each other.
        hasher.update((name.as_os_str().len() as u64).to_le_bytes());
        hasher.update(name.as_os_str().as_encoded_bytes());
        hasher.update(length.to_le_bytes());
        io::copy(&mut file, &mut hasher).doing("read", &path)?;
    }
    Ok(Digest::from_bytes(hasher.finalize().into()))
}

/// Regular files below a directory; links are not followed, since what they name is there by itself or not Emscripten's.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), BuildError> {
    for entry in fs::read_dir(directory).doing("read", directory)? {
        let entry = entry.doing("read", directory)?;
        let kind = entry.file_type().doing("read", &entry.path())?;
        if kind.is_file() {
            files.push(entry.path());
        } else if kind.is_dir() && !LEFT_OUT.iter().any(|name| *name == entry.file_name()) {
            collect(&entry.path(), files)?;
        }
        if files.len() > MOST_FILES {
            let reason = io::Error::other(format!("more than {MOST_FILES} files: is this Emscripten's directory?"));
            return Err(reason).doing("read", directory);
        }
    }
    Ok(())
}
