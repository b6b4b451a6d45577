//! The object cache of a package: what its builds compiled, for its next build. The compiler wrapper reads and writes
//! entries (`server/compiler/src/object_cache.rs`); here it is mounted, told of, counted and kept small.
//!
//! A package's own code runs beside the compiler and can write there what it likes. So each package has a directory of its
//! own, and can spoil only what itself is built from. Within a package nothing divides versions: a build trusts objects
//! that the code of an earlier version could have changed, and the action's digest does not know of them. Whoever has
//! stopped trusting a version deletes the directory, or builds with `--no-object-cache`, and compares.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use pkgsrv_index::{Digest, PackageName};
use serde::{Deserialize, Serialize};

use crate::cache;
use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::process::Log;
use crate::sandbox::Sandbox;

/// Where entries lie inside.
const OBJECTS: &str = "/pkgsrv/objects";
/// Where the wrapper tells what it compiled.
const LOG: &str = "/pkgsrv/objects.log";

/// How long an entry stays that no build took.
const LONGEST_UNUSED: Duration = Duration::from_hours(30 * 24);

/// Bytes of one package's entries.
const LARGEST: u64 = 1 << 30;

/// Bytes that are read of what a build compiled.
const LONGEST_LOG: u64 = 16 << 20;

/// How many files that were made are named.
const MOST_NAMES: usize = 20;

/// What became of the compiler's and linker's work in one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectCounts {
    /// Taken from earlier builds.
    pub reused: usize,
    /// Compiled.
    pub compiled: usize,
    /// Linked.
    pub linked: usize,
}

/// One package's, during one build.
#[derive(Debug)]
pub(crate) struct ObjectCache {
    directory: PathBuf,
    log: PathBuf,
}

impl ObjectCache {
    /// The package's. `work` is the build's directory.
    pub(crate) fn open(context: &Context, package: &PackageName, work: &Path) -> Result<Self, BuildError> {
        let directory = context.cache.objects().join(package.as_str());
        fs::create_dir_all(&directory).doing("create", &directory)?;
        cache::mark_used(&directory);
        let log = work.join("objects.log");
        File::create(&log).doing("create", &log)?;
        Ok(Self { directory, log })
    }

    /// Where the entries lie.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its lines in the compiler wrapper's settings. `inputs` is a digest over all files below `known`.
    pub(crate) fn settings(inputs: Digest, known: impl Iterator<Item = String>) -> String {
        let known = known.map(|directory| format!("object-cache-known {directory}\n"));
        let known: String = known.collect();
        format!("object-cache {OBJECTS}\nobject-cache-log {LOG}\nobject-cache-inputs {inputs}\n{known}")
    }

    pub(crate) fn mount(&self, sandbox: Sandbox) -> Sandbox {
        sandbox.writable(&self.directory, OBJECTS).writable(&self.log, LOG)
    }

    /// Tells the build's log what a step compiled and what it did not, and removes what is too old or too much. Returns
    /// the counts; `None` where neither compiler nor linker had anything to do.
    pub(crate) fn report(&self, log: &mut Log) -> Result<Option<ObjectCounts>, BuildError> {
        let told = self.take_told().doing("read", &self.log)?;
        // A package's code can make them hard to remove, which is no reason to lose its build.
        prune(&self.directory, SystemTime::now(), LARGEST).or_else(|error| {
            log.line(&format!("cannot remove old objects from {}: {error}", self.directory.display()))
        })?;
        if told.is_empty() {
            return Ok(None);
        }
        let (counts, lines) = summary(&told);
        lines.iter().try_for_each(|line| log.line(line))?;
        Ok(Some(counts))
    }

    /// What the wrapper told, once.
    fn take_told(&self) -> io::Result<String> {
        let mut bytes = Vec::new();
        let mut file = File::options().read(true).write(true).open(&self.log)?;
        (&mut file).take(LONGEST_LOG).read_to_end(&mut bytes)?;
        file.set_len(0)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Counts, and lines of a build's log.
fn summary(told: &str) -> (ObjectCounts, Vec<String>) {
    let of = |what: &str| told.lines().filter(|line| line.starts_with(what)).count();
    let counts = ObjectCounts { reused: of("reused "), compiled: of("compiled "), linked: of("linked ") };
    let ObjectCounts { reused, compiled, linked } = counts;
    let mut lines = vec![format!("### objects: {reused} reused, {compiled} compiled, {linked} linked")];
    let named = told.lines().filter(|line| line.starts_with("compiled ") || line.starts_with("linked "));
    lines.extend(named.take(MOST_NAMES).map(str::to_owned));
    let made = compiled + linked;
    if made > MOST_NAMES {
        lines.push(format!("and {} more", made - MOST_NAMES));
    }
    (counts, lines)
}

/// Removes entries that were not used for long, and of the others the longest unused until they fit. A package's code may
/// have put anything there, and a second build of it may do so just now: directories are not entered, links not followed.
fn prune(directory: &Path, now: SystemTime, largest: u64) -> io::Result<()> {
    let mut entries = Vec::new();
    let mut result = Ok(());
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        // Another build may have removed it.
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        if metadata.is_file() && age(&metadata, now) < LONGEST_UNUSED {
            entries.push((age(&metadata, now), metadata.len(), path));
        } else {
            // One that cannot be removed does not keep the others.
            result = result.and(remove(&path, &metadata));
        }
    }
    entries.sort();
    let mut bytes: u64 = 0;
    for (_, length, path) in entries {
        bytes = bytes.saturating_add(length);
        if bytes > largest {
            result = result.and(remove_if_there(fs::remove_file(path)));
        }
    }
    result
}

/// A time in the future, which a package's code can set, counts as now.
fn age(metadata: &Metadata, now: SystemTime) -> Duration {
    metadata.modified().ok().and_then(|used| now.duration_since(used).ok()).unwrap_or_default()
}

fn remove(path: &Path, metadata: &Metadata) -> io::Result<()> {
    remove_if_there(if metadata.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) })
}

fn remove_if_there(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(directory: &Path) -> Vec<String> {
        let names = fs::read_dir(directory).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    fn write(path: &Path, bytes: usize, days_ago: u64) {
        fs::write(path, vec![0; bytes]).unwrap();
        let used = SystemTime::now() - Duration::from_hours(24 * days_ago);
        File::options().append(true).open(path).unwrap().set_modified(used).unwrap();
    }

    #[test]
    fn what_was_not_used_goes_first() {
        let directory = tempfile::tempdir().unwrap();
        for (name, bytes, days_ago) in [("new", 60, 0), ("older", 60, 2), ("oldest", 20, 3), ("forgotten", 1, 31)] {
            write(&directory.path().join(name), bytes, days_ago);
        }
        prune(directory.path(), SystemTime::now(), 120).unwrap();
        assert_eq!(left(directory.path()), ["new", "older"]);
        prune(directory.path(), SystemTime::now(), 119).unwrap();
        assert_eq!(left(directory.path()), ["new"]);
    }

    #[test]
    fn what_a_packages_code_planted_leads_nowhere() {
        let outside = tempfile::tempdir().unwrap();
        write(&outside.path().join("file"), 1, 90);
        let objects = tempfile::tempdir().unwrap();
        let at = |name: &str| objects.path().join(name);
        std::os::unix::fs::symlink(outside.path(), at("directory-link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("file"), at("file-link")).unwrap();
        std::os::unix::fs::symlink("/nowhere", at("broken-link")).unwrap();
        fs::create_dir_all(at("directory/below")).unwrap();
        std::os::unix::fs::symlink(outside.path(), at("directory/below/link")).unwrap();
        write(&at("entry"), 1, 0);
        prune(objects.path(), SystemTime::now(), 10).unwrap();
        assert_eq!(left(objects.path()), ["entry"]);
        assert_eq!(left(outside.path()), ["file"]);
    }

    #[test]
    fn the_log_tells_what_was_compiled() {
        assert_eq!(
            summary("reused a.c\ncompiled b.c\nreused c.c\nlinked d.so\n").1,
            ["### objects: 2 reused, 1 compiled, 1 linked", "compiled b.c", "linked d.so"]
        );
        let told = "compiled a.c\n".repeat(22);
        assert_eq!(summary(&told).1.last().unwrap(), "and 2 more");
    }
}
