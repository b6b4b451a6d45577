//! What every step of the builder needs: where things are kept, where progress goes, how to stop, where to fetch.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::error::{BuildError, IoContext as _};
use crate::interrupt::Interrupt;
use crate::limits::{Bounds, Limits};
use crate::process::{self, Log};
use crate::progress::Progress;
use crate::rust::CargoSettings;
use crate::space::{Space, tells_of_a_full_disk};
use crate::toolchain::ToolchainChoice;
use crate::upstream::Upstream;
use crate::work_directory::{WorkDirectory, open_up};

/// The surroundings of one command.
#[derive(Debug)]
pub struct Context {
    /// The user's cache directory for pkgsrv.
    pub cache: Cache,
    /// Where progress is shown.
    pub progress: Progress,
    /// Ends children on Ctrl-C.
    pub interrupt: Interrupt,
    /// What a step that runs a package's code may take of the machine.
    pub limits: Limits,
    /// Where Python sources come from.
    pub upstream: Upstream,
    /// What to build with.
    pub toolchain: ToolchainChoice,
    /// Variables that tell programs in a sandbox with network which proxy to take, names and values.
    pub proxy: Vec<(String, String)>,
    /// Where the crates of Rust sources come from.
    pub cargo: CargoSettings,
    /// Whether builds take objects that earlier builds of the same package compiled, and leave theirs.
    pub object_cache: bool,
}

impl Context {
    /// Runs one step of a longer work, shown as a stage, logged; a failure tells the lines that matter and the log.
    pub fn run_step(
        &self,
        label: &str,
        step: &'static str,
        command: &mut Command,
        log: &mut Log,
    ) -> Result<(), BuildError> {
        self.run(label, step, command, None, log)
    }

    /// The same for a step that runs a package's own code, and writes to what is `written` and to the log: it is ended
    /// beyond the limits.
    pub(crate) fn run_limited(
        &self,
        label: &str,
        step: &'static str,
        command: &mut Command,
        written: &[&Path],
        log: &mut Log,
    ) -> Result<(), BuildError> {
        let path = log.path.clone();
        let written = [written, &[path.as_path()]].concat();
        let bounds = Bounds { limits: &self.limits, written: &written };
        self.run(label, step, command, Some(bounds), log)
    }

    fn run(
        &self,
        label: &str,
        step: &'static str,
        command: &mut Command,
        bounds: Option<Bounds<'_>>,
        log: &mut Log,
    ) -> Result<(), BuildError> {
        let stage = self.progress.stage(label, step);
        let result = process::run_logged(command, &self.interrupt, bounds, log, |line| stage.message(line))?;
        result.map_err(|failure| {
            let (package, log) = (label.to_owned(), log.path.clone());
            if let Some(exceeded) = failure.exceeded {
                return BuildError::Limit { package, step, exceeded: Box::new(exceeded), log };
            }
            if let Some(line) = failure.last_lines.iter().find(|line| tells_of_a_full_disk(line)) {
                return self.disk_full(package, step, line.trim(), log);
            }
            let lines = failure.telling_lines().join("\n").into();
            BuildError::Step { package, step, lines, status: failure.status.into(), log, again: None }
        })?;
        stage.done(&format!("{step}: done"));
        Ok(())
    }

    /// The error of a step in which some program met a full disk; `line` is what it said.
    pub(crate) fn disk_full(&self, package: String, step: &'static str, line: &str, log: PathBuf) -> BuildError {
        let path = self.cache.root.as_path();
        let space =
            Space::of(path).map_or_else(|error| format!("an unknown room ({error})"), |space| space.to_string());
        let line: String = line.chars().take(200).collect();
        BuildError::DiskFull {
            package,
            step,
            line: line.into(),
            path: path.into(),
            space: space.into(),
            log: log.into(),
        }
    }

    /// Takes something damaged out of the cache, and says so: what can be made again is, and nobody uses it until then.
    pub(crate) fn discard(&self, what: &str, place: &Path, reason: &str) -> Result<(), BuildError> {
        self.progress
            .line(&format!("the {what} in the cache is damaged ({reason}); making it anew: {}", place.display()));
        self.take_out(place)
    }

    /// Takes something out of the cache in one step, so that nobody finds half of it, and removes it then.
    pub(crate) fn take_out(&self, place: &Path) -> Result<(), BuildError> {
        let aside = self.cache.work_directory("taken-out")?;
        let there = aside.path().join("it");
        let moved = fs::rename(place, &there).or_else(|error| {
            if error.kind() != std::io::ErrorKind::PermissionDenied {
                return Err(error);
            }
            open_up(place);
            fs::rename(place, &there)
        });
        match moved {
            // Another process was faster.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            renamed => {
                open_up(&there);
                renamed.doing("take out of the cache", place)
            }
        }
    }

    /// A fresh log called `name`.
    pub fn log(&self, name: &str) -> Result<Log, BuildError> {
        let logs = self.cache.logs();
        fs::create_dir_all(&logs).doing("create", &logs)?;
        let log = Log::create(logs.join(format!("{name}.log")))?;
        self.progress.log(&log.path);
        Ok(log)
    }
}

/// The machine's cache: everything in it can be made again, so deleting it costs only time.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// A cache at `root`, which is created when it is first written.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The directory of it all.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Installed toolchains.
    pub fn toolchains(&self) -> PathBuf {
        self.root.join("toolchains")
    }

    /// Unpacked runtimes.
    pub fn runtimes(&self) -> PathBuf {
        self.root.join("runtimes")
    }

    /// Cross environments by digest.
    pub fn cross_environments(&self) -> PathBuf {
        self.root.join("cross-environments")
    }

    /// Fetched files by SHA-256.
    pub fn sources(&self) -> PathBuf {
        self.root.join("sources")
    }

    /// Results of actions by digest.
    pub fn actions(&self) -> PathBuf {
        self.root.join("actions")
    }

    /// Fetched crates, by the SHA-256 of the lock that names them.
    pub fn crates(&self) -> PathBuf {
        self.root.join("crates")
    }

    /// Rust's standard library for the target, by digest.
    pub fn rust_libraries(&self) -> PathBuf {
        self.root.join("rust-libraries")
    }

    /// What sdists without a recipe are built with, by digest.
    pub fn resolutions(&self) -> PathBuf {
        self.root.join("resolutions")
    }

    /// Compiled objects, by the package whose builds made them.
    pub fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }

    /// Installed tools of builds, by digest.
    pub fn tools(&self) -> PathBuf {
        self.root.join("tools")
    }

    /// Recipes that a program carries, by the digest of them all.
    pub fn recipes(&self) -> PathBuf {
        self.root.join("recipes")
    }

    /// Logs, by what they tell of.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// A directory to work in, in the same file system as all of the cache, so that a finished one can be renamed to
    /// its place. Dropping it removes it.
    pub fn work_directory(&self, purpose: &str) -> Result<WorkDirectory, BuildError> {
        WorkDirectory::create(&self.work(), purpose)
    }

    /// Where work directories are.
    pub(crate) fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// The right to make the thing called `name`, if nobody holds it.
    pub(crate) fn try_lock(&self, name: &str) -> Result<Option<File>, BuildError> {
        let file = self.lock_file(name)?;
        Ok(file.try_lock().is_ok().then_some(file))
    }

    fn lock_file(&self, name: &str) -> Result<File, BuildError> {
        let locks = self.root.join("locks");
        fs::create_dir_all(&locks).doing("create", &locks)?;
        let path = locks.join(name);
        File::create(&path).doing("create", &path)
    }

    /// Waits for the right to make the thing called `name`, and holds it until the file is dropped: two commands at
    /// once make it once.
    pub fn lock(&self, name: &str, context: &Context) -> Result<File, BuildError> {
        let file = self.lock_file(name)?;
        if file.try_lock().is_err() {
            let _waiting = context.progress.stage(name, "waiting for another pkgsrv that makes the same");
            // Waiting in the system could not be interrupted.
            while file.try_lock().is_err() {
                context.interrupt.check()?;
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Ok(file)
    }
}

#[cfg(test)]
impl Context {
    /// Surroundings with a cache in `directory` and nothing else, for tests that start no program and fetch nothing.
    pub(crate) fn in_directory(directory: &Path) -> Self {
        Self {
            cache: Cache::new(directory.to_owned()),
            progress: Progress::silent(),
            interrupt: Interrupt::default(),
            limits: Limits::of_this_machine(),
            upstream: Upstream::new(None, Duration::from_secs(1)),
            toolchain: ToolchainChoice::default(),
            proxy: Vec::new(),
            cargo: CargoSettings::default(),
            object_cache: true,
        }
    }
}
