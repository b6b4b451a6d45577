//! Building an action a second time, and comparing: whether the same inputs make the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pkgsrv_index::{Digest, PackageName};
use pkgsrv_wheel::Wheel;
use serde::Serialize;

use crate::action::{Action, ActionResult};
use crate::admission::file_name;
use crate::contents;
use crate::error::{BuildError, IoContext as _};
use crate::execute::{self, Workshop};
use crate::source::hash_file;

/// How many differing files are named.
const MOST_NAMES: usize = 10;

/// How a second build compares with the result in the cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// The recipe's name.
    pub name: PackageName,
    /// The recipe's version.
    pub version: String,
    /// Digest of the action.
    pub action: Digest,
    /// Whether both made the same bytes.
    pub same: bool,
    /// SHA-256 of the wheel in the cache; of a library, the digest of its contents.
    pub cached: Digest,
    /// The same of what the second build made.
    pub built: Digest,
    /// The first files that differ, by path. None although the bytes differ: the archives are packed in another way.
    pub differences: Vec<Difference>,
    /// How many files differ.
    pub different: usize,
}

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its path in the wheel or the library.
    pub path: String,
    /// Bytes of that in the cache; `None` if it is not there.
    pub cached: Option<u64>,
    /// Bytes of that of the second build; `None` if that made none.
    pub built: Option<u64>,
}

/// Builds and compares. `results` are those of everything that the action needs, and its own.
pub(crate) fn verify(
    shop: &Workshop<'_>,
    action: &Action<'_>,
    results: &[ActionResult],
) -> Result<Verification, BuildError> {
    let recipe = action.recipe();
    let host = action.host_of(results);
    let cached = results.iter().find(|result| result.digest == action.digest).ok_or_else(|| BuildError::Package {
        package: action.label(),
        reason: "its result, which was just built, is not among the results".to_owned(),
    })?;
    let token = shop.tokens.take(&shop.context.interrupt)?;
    let made = execute::build(shop, action, &host)?;
    drop(token);
    let (kept, place) = (cached.wheel_path().unwrap_or_else(|| cached.directory.join("prefix")), made.place());
    let (before, now) = (cached.made()?, digest(&place)?);
    let differences = if before == now { Vec::new() } else { differences(&kept, &place)? };
    Ok(Verification {
        name: recipe.name.clone(),
        version: recipe.version.to_string(),
        action: action.digest,
        same: before == now,
        cached: before,
        built: now,
        different: differences.len(),
        differences: differences.into_iter().take(MOST_NAMES).collect(),
    })
}

fn digest(place: &Path) -> Result<Digest, BuildError> {
    if place.is_dir() { contents::digest(place) } else { hash_file(place) }
}

/// The files that differ in two wheels or two libraries, by path.
fn differences(cached: &Path, built: &Path) -> Result<Vec<Difference>, BuildError> {
    if cached.is_file() && built.is_file() {
        let (before, now) = (Files::of_wheel(cached)?, Files::of_wheel(built)?);
        return Ok(before.differences(&now));
    }
    let size = |top: &Path, path: &str| fs::symlink_metadata(top.join(path)).ok().map(|found| found.len());
    let paths = contents::differences(cached, built)?.into_iter();
    Ok(paths.map(|path| Difference { cached: size(cached, &path), built: size(built, &path), path }).collect())
}

/// The files of a wheel, their bytes by path.
struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    fn of_wheel(path: &Path) -> Result<Self, BuildError> {
        let filename = file_name(path);
        let wheel_error = |source| BuildError::Wheel { filename: filename.clone(), source };
        let bytes = fs::read(path).doing("read", path)?;
        let wheel = Wheel::parse(bytes.as_slice()).map_err(wheel_error)?;
        let read = |entry| Ok((pkgsrv_wheel::Entry::path(entry).to_owned(), wheel.read(entry).map_err(wheel_error)?));
        Ok(Self(wheel.entries().map(read).collect::<Result<_, BuildError>>()?))
    }

    /// RECORD has the hashes of all others: it differs with each of them, and is named only where no other differs.
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let size = |files: &Self, path: &str| files.0.get(path).map(|bytes| bytes.len() as u64);
        let mut paths: Vec<&String> = self.0.keys().chain(other.0.keys()).collect();
        paths.sort();
        paths.dedup();
        paths.retain(|path| self.0.get(*path) != other.0.get(*path));
        let is_record = |path: &str| path.ends_with(".dist-info/RECORD");
        if paths.iter().any(|path| !is_record(path)) {
            paths.retain(|path| !is_record(path));
        }
        let difference =
            |path: &String| Difference { path: path.clone(), cached: size(self, path), built: size(other, path) };
        paths.into_iter().map(difference).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(entries: &[(&str, &str)]) -> Files {
        Files(entries.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect())
    }

    fn told(before: &Files, now: &Files) -> Vec<(String, Option<u64>, Option<u64>)> {
        before.differences(now).into_iter().map(|it| (it.path, it.cached, it.built)).collect()
    }

    #[test]
    fn files_that_differ_are_named_with_their_sizes() {
        let before = files(&[("a.py", "1"), ("demo.so", "one"), ("gone", ""), ("demo-1.dist-info/RECORD", "x")]);
        let now = files(&[("a.py", "1"), ("demo.so", "other"), ("new", "2"), ("demo-1.dist-info/RECORD", "y")]);
        assert_eq!(
            told(&before, &now),
            [
                ("demo.so".to_owned(), Some(3), Some(5)),
                ("gone".to_owned(), Some(0), None),
                ("new".to_owned(), None, Some(1))
            ]
        );
        assert_eq!(told(&now, &now), []);
    }

    #[test]
    fn a_record_is_named_where_nothing_else_differs() {
        let (before, now) = (files(&[("demo-1.dist-info/RECORD", "x")]), files(&[("demo-1.dist-info/RECORD", "xy")]));
        assert_eq!(told(&before, &now), [("demo-1.dist-info/RECORD".to_owned(), Some(1), Some(2))]);
    }

    #[test]
    fn libraries_are_compared_file_by_file() {
        let (before, now) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (top, library) in [(&before, "one"), (&now, "other")] {
            fs::create_dir(top.path().join("lib")).unwrap();
            fs::write(top.path().join("lib/libdemo.a"), library).unwrap();
            fs::write(top.path().join("same"), "same").unwrap();
        }
        let expected = Difference { path: "lib/libdemo.a".to_owned(), cached: Some(3), built: Some(5) };
        assert_eq!(differences(before.path(), now.path()).unwrap(), [expected]);
    }
}
