//! What can go wrong between a name and a wheel.

use std::io;
use std::path::{Path, PathBuf};

use pkgsrv_index::PackageName;

use crate::admission::ImportReport;
use crate::limits::Exceeded;
use crate::toolchain::Provider;

/// An error of the builder. Every message says what was found, what was expected and what to do.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages are the documentation")]
pub enum BuildError {
    #[error("interrupted; nothing half-done was kept, run the same command again to go on")]
    Interrupted,

    #[error("cannot {doing} {path}")]
    Io {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("cannot start {program}")]
    Start {
        program: String,
        #[source]
        source: io::Error,
    },

    #[error("{program} failed ({status}):\n{output}")]
    Program { program: String, status: String, output: String },

    #[error("{programs} not found on this machine, and installing needs root; run:\n  {command}")]
    MissingTools { programs: String, command: String },

    #[error(
        "{package}: no recipe of this name in {directory}, and no project of this name on the upstream index{nearest}"
    )]
    UnknownRecipe { package: PackageName, directory: PathBuf, nearest: String },

    #[error("recipes depend on each other in a circle: {circle}; remove one of these requirements")]
    Cycle { circle: String },

    #[error(
        "{package}: build requirement {tool} is not in {file}; add its wheel there, or to `tools` in the recipe's \
         [requirements]"
    )]
    UnknownTool { package: PackageName, tool: PackageName, file: PathBuf },

    #[error("no recipes at {directory}; run in a directory with `recipes/`, or name one with --recipes")]
    NoRecipes { directory: PathBuf },

    #[error("the upstream index is not known: {reason}; name it with --upstream URL")]
    NoUpstream { reason: String },

    #[error("cannot fetch {what}: {reason}")]
    Fetch {
        what: String,
        reason: String,
        #[source]
        source: Option<reqwest::Error>,
    },

    #[error(
        "{filename}: wrong hash\n  found    {found}\n  expected {expected}\nNothing was kept. If the file was replaced \
         upstream on purpose, change the hash in the recipe."
    )]
    WrongHash { filename: String, found: String, expected: String },

    #[error(
        "the runtime of ABI {abi} is {runtime}, of which no image can be made: bake for an ABI of Pyodide 314 or newer"
    )]
    NoImage { abi: String, runtime: String },

    #[error("{filename}: not a whole archive: {reason}; nothing was kept")]
    Archive { filename: String, reason: String },

    #[error("{project}: {file} is not among the files of {project} on the upstream index")]
    NotUpstream { project: PackageName, file: String },

    #[error(
        "toolchain {toolchain} has Emscripten {found}; ABI {abi} needs {exact} or one of the admitted versions: \
         {admitted}"
    )]
    Emscripten { toolchain: String, found: String, abi: String, exact: String, admitted: String },

    #[error("toolchain {toolchain} has Python {found}; ABI {abi} needs a build Python {expected}")]
    BuildPython { toolchain: String, found: String, abi: String, expected: &'static str },

    #[error("no toolchain {name} is installed; {there}. `pkgsrv toolchain install --help` tells how to make one")]
    UnknownToolchain { name: String, there: String },

    #[error("several toolchains of `{provider}` are installed: {names}; name one with --toolchain NAME")]
    AmbiguousToolchain { provider: Provider, names: String },

    #[error(
        "no toolchain made of an emsdk directory is installed that fits ABI {abi} and is unchanged; run:\n  pkgsrv \
         toolchain install {abi} --provider emsdk --emsdk DIR"
    )]
    NoEmsdkToolchain { abi: String },

    #[error(
        "toolchain {name} is not what it was: {path} has changed since it was installed; run `pkgsrv toolchain install \
         --provider {provider}` again"
    )]
    ToolchainChanged { name: String, provider: Provider, path: PathBuf },

    #[error("the provider `{provider}` lacks on this machine:\n  {missing}\nrun:\n  {remedy}")]
    MissingParts { provider: Provider, missing: String, remedy: String },

    #[error(
        "{directory} is no emsdk directory with an active version: it has no {file}; run there:\n  ./emsdk install {version} && ./emsdk activate {version}"
    )]
    NoEmsdk { directory: PathBuf, file: &'static str, version: &'static str },

    #[error(
        "{program} {key} printed {found:?}, expected an absolute path; set {key} in Emscripten's configuration file"
    )]
    EmscriptenSetting { program: String, key: &'static str, found: String },

    #[error("{path} is Node {found}; the runtimes need {oldest} or newer")]
    OldNode { path: String, found: String, oldest: u32 },

    #[error(
        "{program} is {path}; builds see nothing of the machine but /usr, Emscripten and the build Python: install it \
         below /usr"
    )]
    ProgramElsewhere { program: String, path: PathBuf },

    #[error(
        "builds would see all of {path}, with the cache and what else is there; install that part of the toolchain in a \
         directory of its own"
    )]
    WideMount { path: PathBuf },

    #[error(
        "{file} comes from Debian's source package {package}, and there is no apt with Debian's archive beside the \
         toolchain {toolchain}; run `pkgsrv toolchain install` once, its apt will be used"
    )]
    NoDebianSources { toolchain: String, package: String, file: String },

    #[error("{package}: step `{step}` failed ({status})\n{lines}\nfull log: {log}{}", shell_hint(again.as_deref()))]
    Step {
        package: String,
        step: &'static str,
        status: Box<str>,
        lines: Box<str>,
        log: PathBuf,
        /// What `pkgsrv build` is told to build the same, where it is a build's step.
        again: Option<Box<str>>,
    },

    #[error(
        "{package}: step `{step}` failed, since a disk is full ({line})\nThat of {} has {space}: free some space \
         there, or choose another one with --cache; then run the same command again. Should it have room, then it is \
         the machine's memory that is full, which holds /tmp in a build.\nfull log: {}", path.display(), log.display()
    )]
    DiskFull { package: String, step: &'static str, line: Box<str>, path: Box<Path>, space: Box<str>, log: Box<Path> },

    #[error("{package}: step `{step}` was ended: {exceeded}\nfull log: {log}")]
    Limit { package: String, step: &'static str, exceeded: Box<Exceeded>, log: PathBuf },

    #[error("{package}: {reason}")]
    Package { package: String, reason: String },

    #[error("{filename}: not admitted: {reason}")]
    NotAdmitted {
        filename: String,
        reason: String,
        /// What was imported and run, where it came so far.
        imports: Vec<ImportReport>,
    },

    #[error("the {what} in the cache is damaged: {reason}; remove {path} and run the command again")]
    Cache { what: &'static str, path: PathBuf, reason: String },

    #[error(transparent)]
    Recipe(#[from] pkgsrv_recipe::RecipeError),

    #[error("{filename}")]
    Wheel {
        filename: String,
        #[source]
        source: pkgsrv_wheel::WheelError,
    },
}

fn shell_hint(typed: Option<&str>) -> String {
    typed.map_or_else(String::new, |typed| format!("\n`pkgsrv build {typed} --shell` opens a shell where it was built"))
}

/// Adds what was being done, and to which path, to an IO error.
pub(crate) trait IoContext<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, BuildError>;
}

impl BuildError {
    /// What went wrong with what caused it, in one text.
    pub(crate) fn with_causes(&self) -> String {
        let causes = std::iter::successors(std::error::Error::source(self), |cause| cause.source());
        causes.fold(self.to_string(), |text, cause| format!("{text}: {cause}"))
    }
}

impl<T> IoContext<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, BuildError> {
        self.map_err(|source| BuildError::Io { doing, path: path.to_owned(), source })
    }
}
