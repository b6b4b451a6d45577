//! What a step may take of the machine: a watch over its processes, which ends it before the machine suffers.
//!
//! Control groups would count exactly, but who may make one differs from machine to machine; the tree of processes can be
//! read everywhere.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use indicatif::BinaryBytes;

use crate::sandbox::MEMORY_DIRECTORIES;
use crate::space::Space;

/// How often processes are counted: what forks without end makes some hundreds more in this time.
const INTERVAL: Duration = Duration::from_millis(200);

/// How often files are counted, which takes longer.
const DISK_INTERVAL: Duration = Duration::from_secs(2);

/// What one step of one build may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory that its processes have together, without what they share with files of a disk. Files below the
    /// sandbox's `/tmp`, `/run` and `/dev` are memory too.
    pub memory: u64,
    /// Processes at once.
    pub processes: usize,
    /// Bytes of files in its directory, with its log and the objects that are kept of it.
    pub disk: u64,
}

impl Limits {
    /// Four fifths of the machine's memory, 2000 processes, 16 GiB of files.
    pub fn of_this_machine() -> Self {
        Self { memory: machine_memory() / 5 * 4, processes: 2000, disk: 16 << 30 }
    }
}

/// A limit that a step went beyond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// What it had: "3000 processes".
    pub found: String,
    /// What was allowed.
    pub limit: String,
    /// The option that allows more.
    pub option: &'static str,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found, limit, option } = self;
        write!(f, "it took {found}, and may take {limit}; if it needs that much, allow it with {option}")
    }
}

/// Where a step's limits hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds<'a> {
    pub limits: &'a Limits,
    /// The directories and files that it writes to.
    pub written: &'a [&'a Path],
}

impl Bounds<'_> {
    /// Watches the process `root` and all that it started, until `done` is closed. Returns as soon as they are beyond a
    /// limit; `None` if they never were.
    pub(crate) fn watch(&self, root: i32, done: &Receiver<()>) -> Option<Exceeded> {
        let disk_limit = self.disk_limit();
        let mut files_counted = Instant::now();
        while done.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
            let mut exceeded = self.processes(root);
            if !self.written.is_empty() && files_counted.elapsed() > DISK_INTERVAL {
                files_counted = Instant::now();
                exceeded = exceeded.or_else(|| {
                    let found = self.written.iter().map(|path| disk_usage(path)).sum();
                    bytes_exceeded("in files", found, disk_limit, "--build-disk")
                });
            }
            if exceeded.is_some() {
                return exceeded;
            }
        }
        None
    }

    fn processes(&self, root: i32) -> Option<Exceeded> {
        let tree = process_tree(root);
        if tree.len() > self.limits.processes {
            return Some(Exceeded {
                found: format!("{} processes", tree.len()),
                limit: self.limits.processes.to_string(),
                option: "--build-processes",
            });
        }
        let own: u64 = tree.iter().map(|pid| own_memory(*pid)).sum();
        // bubblewrap itself is outside; all others see the same files.
        let files = tree.iter().find_map(|pid| files_in_memory(*pid)).unwrap_or(0);
        let memory = own.saturating_add(files);
        bytes_exceeded("of memory", memory, self.limits.memory, "--build-memory")
    }

    /// At most half of what is free beside what it has already: the others that build there need some too.
    fn disk_limit(&self) -> u64 {
        let Some(first) = self.written.first() else { return u64::MAX };
        let half = Space::of(first).map_or(u64::MAX, |space| space.free / 2);
        let there = self.written.iter().map(|path| disk_usage(path)).sum();
        self.limits.disk.min(half.saturating_add(there))
    }
}

fn bytes_exceeded(what: &str, found: u64, limit: u64, option: &'static str) -> Option<Exceeded> {
    let exceeded =
        || Exceeded { found: format!("{} {what}", BinaryBytes(found)), limit: BinaryBytes(limit).to_string(), option };
    (found > limit).then(exceeded)
}

/// `root` and all processes that it started, directly or not.
fn process_tree(root: i32) -> Vec<i32> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(parent) = parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(pid) = tree.get(next) {
        tree.extend(children.remove(pid).unwrap_or_default());
        next += 1;
    }
    tree
}

/// The parent in `/proc/PID/stat`. A program's name stands before it in parentheses, and may have some itself.
fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

/// Bytes that a process has for itself or shares with others, but not with a file of a disk. 0 for one that has ended.
fn own_memory(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kibibytes = |line: &str| line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0);
    let kinds = ["RssAnon:", "RssShmem:"];
    let own = status.lines().filter_map(|line| kinds.iter().find_map(|kind| line.strip_prefix(kind)).map(kibibytes));
    own.sum::<u64>() << 10
}

/// Bytes of the files that a process's sandbox keeps in memory; `None` for one that is in none, or has ended.
fn files_in_memory(pid: i32) -> Option<u64> {
    let place = |path: &str| PathBuf::from(format!("/proc/{pid}/root{path}"));
    let device = |path: &Path| fs::metadata(path).ok().map(|metadata| metadata.dev());
    if device(&place("/"))? == device(Path::new("/"))? {
        return None;
    }
    let used = |path: &&str| Space::at(&place(path)).map_or(0, |space| space.used);
    Some(MEMORY_DIRECTORIES.iter().map(used).sum())
}

/// Bytes of memory; where the system does not tell, more than any machine has.
fn machine_memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes = total.and_then(|total| total.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kibibytes.map_or(u64::MAX, |kibibytes| kibibytes << 10)
}

/// Bytes that a file, or the files below a directory, take on the disk. Links are not followed; what goes meanwhile does
/// not count.
pub(crate) fn disk_usage(path: &Path) -> u64 {
    let mut bytes = 0;
    let mut pending = vec![path.to_owned()];
    while let Some(path) = pending.pop() {
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        bytes += metadata.blocks() * 512;
        if metadata.is_dir() {
            pending.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt as _;
    use std::process::{Child, Command};
    use std::sync::mpsc;

    /// What a watch over a shell script tells.
    fn watched(limits: Limits, script: &str, written: &[&Path]) -> Option<Exceeded> {
        let mut child: Child = Command::new("/bin/sh").args(["-c", script]).process_group(0).spawn().unwrap();
        let root = i32::try_from(child.id()).unwrap();
        let (finished, done) = mpsc::channel::<()>();
        let exceeded = std::thread::scope(|scope| {
            let watch = scope.spawn(move || Bounds { limits: &limits, written }.watch(root, &done));
            while !watch.is_finished() && child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(20));
            }
            drop(finished);
            watch.join().unwrap()
        });
        let _gone = nix::sys::signal::killpg(nix::unistd::Pid::from_raw(root), nix::sys::signal::Signal::SIGKILL);
        child.wait().unwrap();
        exceeded
    }

    const WIDE: Limits = Limits { memory: u64::MAX, processes: usize::MAX, disk: u64::MAX };

    #[test]
    fn children_of_children_count() {
        let limits = Limits { processes: 6, ..WIDE };
        let script = "for i in 1 2 3 4; do (sleep 60 & sleep 60) & done; wait";
        let Exceeded { found, limit, option } = watched(limits, script, &[]).unwrap();
        assert_eq!((limit.as_str(), option), ("6", "--build-processes"));
        assert!(found.ends_with(" processes"), "{found}");
        assert_eq!(watched(limits, "sleep 0.5", &[]), None);
    }

    #[test]
    fn memory_of_all_processes_counts() {
        let limits = Limits { memory: 64 << 20, ..WIDE };
        // What nobody reads `tail` has to hold.
        let script = "head -c 40000000 /dev/zero | tail -c 40000000 | sleep 60";
        let exceeded = watched(limits, &format!("({script}) & ({script}) & wait"), &[]).unwrap();
        assert_eq!((exceeded.limit.as_str(), exceeded.option), ("64.00 MiB", "--build-memory"));
    }

    #[test]
    fn files_count_and_links_out_do_not() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/usr", directory.path().join("link")).unwrap();
        let limits = Limits { disk: 1 << 20, ..WIDE };
        let script = format!("head -c 4000000 /dev/zero > '{}/file'; sleep 60", directory.path().display());
        let exceeded = watched(limits, &script, &[directory.path()]).unwrap();
        assert_eq!((exceeded.limit.as_str(), exceeded.option), ("1.00 MiB", "--build-disk"));
        assert!(disk_usage(directory.path()) < 8 << 20);
    }
}
