//! The list of a directory's files with their hashes. What the cache holds was renamed to its place whole, but a disk
//! that failed, a power cut or a person may have changed it since: it is checked before it is used.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

use pkgsrv_index::Digest;
use serde::{Deserialize, Serialize};

use crate::action::sha256;
use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::source::hash_file;

/// The list's own name, in the directory that it tells of.
const LIST: &str = ".contents.json";

/// What a path below a directory is; empty directories do not count.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Entry {
    /// A file with these bytes.
    File(Digest),
    /// A symbolic link to this.
    Link(String),
}

type Entries = BTreeMap<String, Entry>;

/// Writes the list into a finished directory.
pub(crate) fn record(directory: &Path) -> Result<(), BuildError> {
    let path = directory.join(LIST);
    let text = serde_json::to_string(&entries(directory)?).expect("strings and hashes");
    fs::write(&path, text).doing("write", &path)
}

/// What is wrong with a directory that [`record`] was called for, in words.
pub(crate) fn damage(directory: &Path) -> Result<Option<String>, BuildError> {
    let Ok(text) = fs::read_to_string(directory.join(LIST)) else {
        return Ok(Some(format!("{LIST} is missing")));
    };
    let Ok(expected) = serde_json::from_str::<Entries>(&text) else {
        return Ok(Some(format!("{LIST} is no list of files")));
    };
    let found = entries(directory)?;
    let paths = expected.keys().chain(found.keys());
    let mut different = paths.filter(|path| expected.get(*path) != found.get(*path));
    Ok(different.next().map(|path| match (expected.get(path), found.get(path)) {
        (Some(_), None) => format!("{path} is missing"),
        (None, _) => format!("{path} does not belong there"),
        _ => format!("{path} has other bytes"),
    }))
}

/// Whether a directory is there, as it was recorded.
pub(crate) fn is_whole(directory: &Path) -> Result<bool, BuildError> {
    Ok(directory.is_dir() && damage(directory)?.is_none())
}

/// Has `make` bring a recorded directory to `place`, unless it is there, as it was recorded. A damaged one is taken out;
/// who holds the lock makes it.
pub(crate) fn ensure(
    context: &Context,
    what: &str,
    place: &Path,
    lock_name: &str,
    make: impl FnOnce() -> Result<(), BuildError>,
) -> Result<(), BuildError> {
    if is_whole(place)? {
        return Ok(());
    }
    let _lock = context.cache.lock(lock_name, context)?;
    discard_damaged(context, what, place)?;
    if place.is_dir() { Ok(()) } else { make() }
}

/// Takes a damaged directory out of the cache, for who holds its lock: another program may have made it anew meanwhile.
fn discard_damaged(context: &Context, what: &str, directory: &Path) -> Result<(), BuildError> {
    if directory.is_dir()
        && let Some(reason) = damage(directory)?
    {
        context.discard(what, directory, &reason)?;
    }
    Ok(())
}

/// The paths below two directories of which only one has them, or each has something else there; sorted.
pub(crate) fn differences(one: &Path, other: &Path) -> Result<Vec<String>, BuildError> {
    let (one, other) = (entries(one)?, entries(other)?);
    let paths: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    Ok(paths.into_iter().filter(|path| one.get(*path) != other.get(*path)).cloned().collect())
}

/// A digest over all files of a directory, their paths included.
pub(crate) fn digest(directory: &Path) -> Result<Digest, BuildError> {
    Ok(sha256(serde_json::to_string(&entries(directory)?).expect("strings and hashes").as_bytes()))
}

fn entries(directory: &Path) -> Result<Entries, BuildError> {
    let mut found = Entries::new();
    collect(directory, "", &mut found)?;
    found.remove(LIST);
    Ok(found)
}

fn collect(directory: &Path, prefix: &str, found: &mut Entries) -> Result<(), BuildError> {
    for entry in fs::read_dir(directory).doing("read", directory)? {
        let path = entry.doing("read", directory)?.path();
        let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
        let kind = fs::symlink_metadata(&path).doing("read", &path)?;
        if kind.is_dir() {
            collect(&path, &format!("{name}/"), found)?;
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).doing("read", &path)?;
            found.insert(name, Entry::Link(target.to_string_lossy().into_owned()));
        } else if kind.is_file() {
            found.insert(name, Entry::File(hash_file(&path)?));
        } else {
            // A build may leave a pipe, and reading that would never end.
            let source = io::Error::other("it is neither a file nor a directory nor a link");
            return Err(BuildError::Io { doing: "keep", path, source });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_damage_is_named() {
        let made = || {
            let directory = tempfile::tempdir().unwrap();
            fs::create_dir(directory.path().join("bin")).unwrap();
            fs::write(directory.path().join("bin/tool"), "tool").unwrap();
            std::os::unix::fs::symlink("tool", directory.path().join("bin/cc")).unwrap();
            record(directory.path()).unwrap();
            directory
        };
        let told = |change: &dyn Fn(&Path)| {
            let directory = made();
            change(directory.path());
            damage(directory.path()).unwrap()
        };
        assert_eq!(told(&|_| {}), None);
        for (change, expected) in [
            ((|at: &Path| fs::write(at.join("bin/tool"), "").unwrap()) as fn(&Path), "bin/tool has other bytes"),
            (|at| fs::remove_file(at.join("bin/cc")).unwrap(), "bin/cc is missing"),
            (|at| fs::write(at.join("new"), "").unwrap(), "new does not belong there"),
            (|at| fs::remove_file(at.join(LIST)).unwrap(), ".contents.json is missing"),
            (|at| fs::write(at.join(LIST), "{").unwrap(), ".contents.json is no list of files"),
        ] {
            assert_eq!(told(&change).as_deref(), Some(expected));
        }
    }
}
