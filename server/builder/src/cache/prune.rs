//! Removing what was not used for long. All of it can be made or fetched again.
//!
//! When an entry was used is its directory's time of modification, which every use sets ([`super::mark_used`]). Of a
//! package's objects it is the newest time in their directory, since the compiler wrapper sets those of the files; of a
//! log that of the file.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::{entries, name_of, size};
use crate::build_record::BuildRecord;
use crate::context::Context;
use crate::cross_environment::{self, CrossEnvironment};
use crate::error::{BuildError, IoContext as _};
use crate::installed_tools;
use crate::without_recipe;

/// What was removed, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// The entries, those of a kind by how long they were not used.
    pub entries: Vec<Unused>,
    /// Entries as old that stay, since another program makes them just now.
    pub held: Vec<PathBuf>,
}

/// An entry that was not used for long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unused {
    /// `result`, `source`, `crates`, `resolution`, `objects`, `tools`, `log` or `cross environment`.
    pub kind: &'static str,
    /// What it is, for people: a package and its version, a file's name.
    pub what: String,
    /// Where it is, or was.
    pub path: PathBuf,
    /// Bytes of all its files.
    pub bytes: u64,
    /// Whole days since it was used.
    pub days: u64,
}

/// A kind of entry: how it is called, when it was used, which lock who makes it holds.
struct Kind {
    name: &'static str,
    directory: PathBuf,
    used: fn(&Path) -> Option<SystemTime>,
    what: fn(&Path) -> String,
    lock: fn(&Path) -> Option<String>,
}

/// Removes entries that were not used for `older_than`: results, sources, crates, resolutions, objects, tools, logs, and
/// cross environments of no installed toolchain. With `dry_run` they are only told.
pub fn prune(context: &Context, older_than: Duration, dry_run: bool) -> Result<Pruned, BuildError> {
    let now = SystemTime::now();
    let mut pruned = Pruned::default();
    for kind in kinds(context) {
        for (age, path) in kind.unused(context, now, older_than)? {
            context.interrupt.check()?;
            let lock = match (kind.lock)(&path) {
                None => None,
                Some(name) => match context.cache.try_lock(&name)? {
                    None => {
                        pruned.held.push(path);
                        continue;
                    }
                    held => held,
                },
            };
            // Who held the lock until now has used it.
            if kind.age(&path, now).is_none_or(|age| age < older_than) {
                continue;
            }
            let (what, bytes) = ((kind.what)(&path), size::bytes(&path)?);
            if !dry_run {
                context.take_out(&path)?;
            }
            drop(lock);
            let days = age.as_secs() / (24 * 60 * 60);
            pruned.entries.push(Unused { kind: kind.name, what, path, bytes, days });
        }
    }
    Ok(pruned)
}

fn kinds(context: &Context) -> [Kind; 8] {
    let cache = &context.cache;
    let kind = |name, directory| Kind { name, directory, used: modified, what: name_of, lock: |_| None };
    [
        Kind { what: package, lock: |path| Some(name_of(path)), ..kind("result", cache.actions()) },
        Kind { what: file_in, ..kind("source", cache.sources()) },
        kind("crates", cache.crates()),
        Kind {
            lock: |path| Some(without_recipe::resolution_lock_name(&name_of(path))),
            ..kind("resolution", cache.resolutions())
        },
        Kind { used: newest_in, ..kind("objects", cache.objects()) },
        Kind { lock: |path| Some(installed_tools::lock_name(&name_of(path))), ..kind("tools", cache.tools()) },
        kind("log", cache.logs()),
        Kind {
            lock: |path| Some(cross_environment::lock_name(name_of(path).split('-').next()?)),
            ..kind("cross environment", cache.cross_environments())
        },
    ]
}

impl Kind {
    /// What was not used for so long, the longest first.
    fn unused(
        &self,
        context: &Context,
        now: SystemTime,
        older_than: Duration,
    ) -> Result<Vec<(Duration, PathBuf)>, BuildError> {
        let paths = entries(&self.directory).doing("read", &self.directory)?;
        let aged = paths.into_iter().filter_map(|path| Some((self.age(&path, now)?, path)));
        let mut unused: Vec<_> = aged.filter(|(age, _)| *age >= older_than).collect();
        if self.name == "cross environment" && !unused.is_empty() {
            // One that another version of pkgsrv makes of an installed toolchain cannot be told from one whose
            // toolchain is gone: that nobody uses it tells.
            let of_installed = CrossEnvironment::of_installed(context)?;
            unused.retain(|(_, path)| !of_installed.contains(&name_of(path)));
        }
        unused.sort_by(|(one, path), (other, at)| other.cmp(one).then(path.cmp(at)));
        Ok(unused)
    }

    /// How long it was not used; a time in the future counts as now. `None` if it is there no more.
    fn age(&self, path: &Path, now: SystemTime) -> Option<Duration> {
        Some(now.duration_since((self.used)(path)?).unwrap_or_default())
    }
}

/// A link's own time would be that of its making; what it leads to is marked when it is used.
fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).or_else(|_| fs::symlink_metadata(path)).ok()?.modified().ok()
}

/// Of a directory and what lies directly in it; links are not followed, since a package's code may have put them there.
fn newest_in(directory: &Path) -> Option<SystemTime> {
    let time = |path: &Path| fs::symlink_metadata(path).ok()?.modified().ok();
    let inside = entries(directory).unwrap_or_default();
    inside.iter().filter_map(|path| time(path)).chain(time(directory)).max()
}

/// `numpy 2.4.6`, else the digest.
fn package(result: &Path) -> String {
    let record = BuildRecord::read(result);
    record.map_or_else(|| name_of(result), |record| format!("{} {}", record.name, record.version))
}

/// The name of the one file of a source, else the digest.
fn file_in(source: &Path) -> String {
    match entries(source).unwrap_or_default().as_slice() {
        [file] => name_of(file),
        _ => name_of(source),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    /// An entry with one file of 10 bytes, used so many days ago.
    fn entry(directory: &Path, name: &str, days: u32) -> PathBuf {
        let path = directory.join(name);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("file"), [0; 10]).unwrap();
        set_used(&path.join("file"), days);
        set_used(&path, days);
        path
    }

    fn set_used(path: &Path, days: u32) {
        File::open(path).unwrap().set_modified(SystemTime::now() - DAY * days).unwrap();
    }

    fn told(pruned: &Pruned) -> Vec<String> {
        let line = |it: &Unused| format!("{} {} {} {}", it.kind, it.what, it.bytes, it.days);
        pruned.entries.iter().map(line).collect()
    }

    #[test]
    fn what_was_not_used_for_long_goes_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let context = Context::in_directory(directory.path());
        let cache = &context.cache;
        let old = [
            entry(&cache.actions(), "older", 50),
            entry(&cache.actions(), "old", 31),
            entry(&cache.sources(), "source", 31),
            entry(&cache.crates(), "lock", 31),
            entry(&cache.resolutions(), "answer", 31),
            entry(&cache.objects(), "numpy", 31),
            entry(&cache.tools(), "digest", 31),
            entry(&cache.cross_environments(), "abc-1", 31),
        ];
        let marked = entry(&cache.actions(), "marked", 90);
        super::super::mark_used(&marked);
        let objects = entry(&cache.objects(), "pyyaml", 90);
        set_used(&objects.join("file"), 1);
        let stay = [
            marked,
            objects,
            entry(&cache.actions(), "new", 29),
            entry(&cache.cross_environments(), "new-1", 1),
            entry(&cache.toolchains(), "toolchain", 900),
            entry(&cache.runtimes(), "runtime", 900),
            entry(&cache.rust_libraries(), "library", 900),
        ];
        let expected = [
            "result older 10 50",
            "result old 10 31",
            "source file 10 31",
            "crates lock 10 31",
            "resolution answer 10 31",
            "objects numpy 10 31",
            "tools digest 10 31",
            "cross environment abc-1 10 31",
        ];
        assert_eq!(told(&prune(&context, DAY * 30, true).unwrap()), expected);
        assert!(old.iter().all(|path| path.is_dir()));
        assert_eq!(told(&prune(&context, DAY * 30, false).unwrap()), expected);
        assert!(old.iter().all(|path| !path.exists()));
        assert!(stay.iter().all(|path| path.is_dir()));
        assert_eq!(prune(&context, DAY * 30, false).unwrap(), Pruned::default());
    }

    #[test]
    fn what_another_program_makes_stays() {
        let directory = tempfile::tempdir().unwrap();
        let context = Context::in_directory(directory.path());
        let result = entry(&context.cache.actions(), "held", 50);
        let held = context.cache.try_lock("held").unwrap().unwrap();
        let pruned = prune(&context, DAY, false).unwrap();
        assert_eq!(pruned, Pruned { entries: Vec::new(), held: vec![result.clone()] });
        drop(held);
        assert_eq!(told(&prune(&context, DAY, false).unwrap()), ["result held 10 50"]);
        assert!(!result.exists());
    }
}
