//! Carrying an action out: fetch, unpack, patch, build in the sandbox, and move the result into the cache whole.

mod build_system;
mod outcome;
mod post;
mod shell;
mod source_tree;
mod variables;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pkgsrv_index::Abi;
use pkgsrv_recipe::{BuildKind, Exports, LockedWheel, Prefix};

use crate::action::{Action, ActionResult, RESULT_FORMAT, ResultFile, write_admission};
use crate::admission;
use crate::build_record::{BuildFailure, BuildRecord, BuildStep};
use crate::context::Context;
use crate::cross_environment::{CYTHON, CrossEnvironment, MOUNT as CROSS};
use crate::error::{BuildError, IoContext as _};
use crate::host_package;
use crate::installed_tools::{self, MOUNT as TOOLS};
use crate::job_tokens::JobTokens;
use crate::object_cache::ObjectCache;
use crate::process::Log;
use crate::runtime::Runtime;
use crate::rust::Rust;
use crate::sandbox::Sandbox;
use crate::shared_libraries::SharedLibraries;
use crate::shared_prefix;
use crate::toolchain::{EMSCRIPTEN_CACHE, Toolchain};
use crate::work_directory::WorkDirectory;

const HOST: &str = "/pkgsrv/host";
const SHARED_PREFIX: &str = "/pkgsrv/prefix";
const RECIPE: &str = "/pkgsrv/recipe";
const COMPILER_SETTINGS: &str = "/pkgsrv/compiler.conf";
const JOBS: &str = "/pkgsrv/jobs";
const SOURCE: &str = "/build/source";
const OUT: &str = "/build/out";
const MESON_BUILD: &str = "/build/meson";

/// 1980-01-01, the first moment that a zip archive can tell.
const SOURCE_DATE_EPOCH: &str = "315532800";

/// What all actions of one ABI share.
pub(crate) struct Workshop<'a> {
    pub context: &'a Context,
    pub abi: Abi,
    pub toolchain: &'a Toolchain,
    pub runtime: &'a Runtime,
    pub cross: &'a CrossEnvironment,
    pub tokens: &'a JobTokens,
    /// Whether builds take objects that earlier ones of the same package compiled, and leave theirs.
    pub object_cache: bool,
}

/// One build under way: its directories and its log.
struct Site<'a> {
    shop: &'a Workshop<'a>,
    action: &'a Action<'a>,
    /// Results of `requirements.host`.
    host: &'a [ActionResult],
    /// `build/source`, `build/out`, `prefix`, `compiler.conf`, `patches`, `recipe`.
    work: PathBuf,
    log: Log,
    /// Where the source has crates.
    rust: Option<Rust>,
    /// Directories of the tools' and host packages' `.pc` files, as they are called inside.
    pkg_config: Vec<String>,
    /// The recipe's variables, and after its script what that exported.
    environment: BTreeMap<String, String>,
    script_has_run: bool,
    /// The wheel that `post` left, packed.
    packed: Option<PathBuf>,
    /// The source archive's file name, once it is there.
    source: String,
    /// What is installed for the build Python; known once the source is patched.
    tools: Vec<LockedWheel>,
    /// Where they are installed; an empty directory before.
    tool_directory: PathBuf,
    /// The steps so far; of one that failed, the last.
    steps: Vec<BuildStep>,
    /// The step under way.
    step: Option<&'static str>,
    begun: Instant,
    /// Objects of the package's earlier builds, where they are wanted.
    objects: Option<ObjectCache>,
}

/// What a build made, and nobody has admitted yet. It is in a directory of its own, complete but for the report; dropped,
/// it is gone.
#[derive(Debug)]
pub(crate) struct Built {
    finished: WorkDirectory,
    /// The wheel; `None` for a library.
    wheel: Option<PathBuf>,
    record: BuildRecord,
    /// The log of this build, until the next one of the same version.
    log: PathBuf,
}

pub(crate) use shell::shell;

/// Builds. `host` are the results of what is in `requirements.host`. Of a build that fails, a record is left beside its
/// log.
pub(crate) fn build(shop: &Workshop<'_>, action: &Action<'_>, host: &[ActionResult]) -> Result<Built, BuildError> {
    let context = shop.context;
    let recipe = action.recipe();
    let work = context.cache.work_directory(recipe.name.as_str())?;
    let log = context.log(&log_name(shop, action))?;
    let open = || ObjectCache::open(context, &recipe.name, work.path());
    let objects = shop.object_cache.then(open).transpose()?;
    let mut site = Site::new(shop, action, host, work.path().to_owned(), log, objects);
    site.make().inspect_err(|error| {
        let record = BuildRecord::new(action, site.begun.elapsed(), std::mem::take(&mut site.steps));
        keep_failure(context, record, BuildFailure::new(error, site.step, &site.log.path), error);
    })
}

/// Of builds for several ABIs at once each has its own.
fn log_name(shop: &Workshop<'_>, action: &Action<'_>) -> String {
    let name = format!("{}-{}", action.recipe().name, action.recipe().version);
    if shop.abi == Abi::preferred() { name } else { format!("{name}-{}", shop.abi) }
}

/// Keeps the record of a failed build. That this cannot be done is no second error: the disk may be full.
fn keep_failure(context: &Context, record: BuildRecord, failure: BuildFailure, error: &BuildError) {
    if matches!(error, BuildError::Interrupted) {
        return;
    }
    if let Err(unwritten) = record.write_failed(context, failure) {
        context.progress.line(&format!("`pkgsrv report` will not tell of this failure: {unwritten}"));
    }
}

impl Built {
    /// The wheel, or the directory of the library.
    pub(crate) fn place(&self) -> PathBuf {
        self.wheel.clone().unwrap_or_else(|| self.finished.path().join("prefix"))
    }

    /// Admits the wheel, and moves all of it into the cache. `companions` are the wheels of what it needs at run time.
    pub(crate) fn keep(
        self,
        shop: &Workshop<'_>,
        action: &Action<'_>,
        companions: &[PathBuf],
    ) -> Result<ActionResult, BuildError> {
        let context = shop.context;
        let mut record = self.record;
        if let Some(wheel) = &self.wheel {
            let begun = Instant::now();
            let admitted = admission::admit_built(context, shop.abi, &action.loaded.import_test(), wheel, companions);
            record.steps.push(BuildStep::new("admission", begun.elapsed()));
            let report = admitted.inspect_err(|error| {
                keep_failure(context, record.clone(), BuildFailure::new(error, Some("admission"), &self.log), error);
            })?;
            write_admission(self.finished.path(), &report)?;
        }
        record.write(self.finished.path())?;
        self.finished.move_into_place(&context.cache.actions().join(action.digest.to_string()))?;
        ActionResult::find(context, action.digest)?.ok_or_else(|| BuildError::Cache {
            what: "result",
            path: context.cache.actions(),
            reason: "what was just written is gone".to_owned(),
        })
    }
}

impl<'a> Site<'a> {
    fn new(
        shop: &'a Workshop<'a>,
        action: &'a Action<'a>,
        host: &'a [ActionResult],
        work: PathBuf,
        log: Log,
        objects: Option<ObjectCache>,
    ) -> Self {
        Self {
            tool_directory: work.join("tools"),
            shop,
            action,
            host,
            work,
            log,
            rust: None,
            pkg_config: Vec::new(),
            environment: BTreeMap::new(),
            script_has_run: false,
            packed: None,
            source: String::new(),
            tools: Vec::new(),
            steps: Vec::new(),
            step: None,
            begun: Instant::now(),
            objects,
        }
    }
}

impl Site<'_> {
    /// All of the build, from the fetched source to a directory that only has to be admitted and moved.
    fn make(&mut self) -> Result<Built, BuildError> {
        let recipe = self.action.recipe();
        self.prepare_source()?;
        self.patch()?;
        self.prepare_tools()?;
        let finished = self.shop.context.cache.work_directory("result")?;
        let mut result =
            ResultFile { format: RESULT_FORMAT, name: recipe.name.clone(), wheel: None, sha256: None, tests: None };
        let made = match recipe.build.kind {
            BuildKind::StaticLibrary | BuildKind::SharedLibrary => self.keep_library(finished.path())?,
            BuildKind::Package | BuildKind::Wheel => self.keep_wheel(finished.path(), &mut result)?,
        };
        result.sha256 = Some(made);
        let kept_log = finished.path().join("build.log");
        fs::copy(&self.log.path, &kept_log).doing("keep the log in", &kept_log)?;
        ActionResult::write(finished.path(), &result)?;
        self.lock(result.wheel.clone(), made)?.write(finished.path())?;
        let record = BuildRecord::new(self.action, self.begun.elapsed(), std::mem::take(&mut self.steps));
        record.write(finished.path())?;
        let wheel = result.wheel.map(|name| finished.path().join(name));
        Ok(Built { wheel, record, log: self.log.path.clone(), finished })
    }

    /// Says what is under way; [`Self::end`] says that it is done.
    fn begin(&mut self, step: &'static str) -> Instant {
        self.step = Some(step);
        Instant::now()
    }

    fn end(&mut self, took: Duration) {
        self.steps.extend(self.step.take().map(|step| BuildStep::new(step, took)));
    }

    /// Everything that comes before the patches.
    fn prepare_source(&mut self) -> Result<(), BuildError> {
        for directory in ["tools", "build/out", "build/unpacked", "patches", "prefix"] {
            let path = self.work.join(directory);
            fs::create_dir_all(&path).doing("create", &path)?;
        }
        let begun = self.begin("source");
        self.bring_source()?;
        self.end(begun.elapsed());
        self.read_environment()?;
        if self.action.recipe().build.prefix == Prefix::Shared {
            for library in self.libraries() {
                shared_prefix::add(&library.directory.join("prefix"), &self.work.join("prefix"))?;
            }
        }
        // The sandbox has it also where nothing is compiled yet.
        let settings = self.work.join("compiler.conf");
        fs::write(&settings, "").doing("write", &settings)?;
        self.lay_out_files()
    }

    /// Everything that comes after them, until the recipe's own commands.
    fn prepare_tools(&mut self) -> Result<(), BuildError> {
        self.lay_out_extras()?;
        self.step = Some("tools");
        // A patch may change what the source asks for, and a recipe's file may be where it does.
        self.tools = self.resolve_tools()?;
        self.write_compiler_settings()?;
        self.install_tools()?;
        let found = host_package::pkg_config_directories(&self.tool_directory)?;
        self.pkg_config = found.iter().map(|path| format!("{TOOLS}/{}", path.display())).collect();
        self.bring_rust()
    }

    fn write_compiler_settings(&self) -> Result<(), BuildError> {
        let settings = self.work.join("compiler.conf");
        fs::write(&settings, self.compiler_settings()?).doing("write", &settings)
    }

    fn bring_rust(&mut self) -> Result<(), BuildError> {
        let Some(lock_path) = &self.action.recipe().source.crates else { return Ok(()) };
        let begun = self.begin("crates");
        let path = self.work.join("build/source").join(lock_path);
        if fs::symlink_metadata(&path).is_err() {
            let reason = format!("there is no {lock_path} in its source; without it nothing pins the crates");
            return Err(BuildError::Package { package: self.action.label(), reason });
        }
        let lock = String::from_utf8_lossy(&self.read_left_by_the_build(&path)?).into_owned();
        let Workshop { context, toolchain, .. } = self.shop;
        self.rust = Some(Rust::ensure(context, toolchain, &self.action.label(), &self.work, (lock_path, &lock))?);
        self.end(begun.elapsed());
        Ok(())
    }

    fn install_tools(&mut self) -> Result<(), BuildError> {
        self.log.line("### tools")?;
        let begun = self.begin("tools");
        let Workshop { context, toolchain, .. } = self.shop;
        let label = self.action.label();
        self.tool_directory = installed_tools::ensure(context, toolchain, &self.tools, &label, &mut self.log)?;
        let wheels: Vec<PathBuf> = self.host.iter().filter_map(ActionResult::wheel_path).collect();
        if !wheels.is_empty() {
            let own = self.work.join("tools");
            installed_tools::link_all(&self.tool_directory, &own)?;
            for wheel in wheels {
                host_package::lay_over(&wheel, &own)?;
            }
            self.tool_directory = own;
        }
        self.end(begun.elapsed());
        Ok(())
    }

    fn script(&mut self) -> Result<(), BuildError> {
        let script = self.telling_script();
        let sandbox = self.sandbox();
        self.run("script", sandbox, &["/bin/bash", "-e", "-o", "pipefail", "-c", &script])
    }

    fn backend(&mut self) -> Result<(), BuildError> {
        let command = self.backend_command()?;
        let sandbox = self.sandbox();
        self.run("build", sandbox, &command.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// What runs the PEP 517 backend.
    fn backend_command(&self) -> Result<Vec<String>, BuildError> {
        let python = self.shop.toolchain.python();
        let mut command: Vec<String> =
            [&python, "-m", "build", "--wheel", "--no-isolation", "--skip-dependency-check", "--outdir", OUT]
                .map(str::to_owned)
                .into();
        command
            .extend(self.config_settings()?.into_iter().map(|(key, value)| format!("--config-setting={key}={value}")));
        command.push(SOURCE.to_owned());
        Ok(command)
    }

    /// The recipe's settings, and what a backend needs to build for another platform.
    fn config_settings(&self) -> Result<Vec<(String, String)>, BuildError> {
        let mut settings = Vec::new();
        if self.backend_name()?.as_deref() == Some("mesonpy") {
            settings.push(("setup-args".to_owned(), format!("--cross-file={CROSS}/meson-cross.ini")));
            // Else it has a random name, which some packages write into a file that they install.
            if !self.action.recipe().build.config_settings.contains_key("build-dir") {
                settings.push(("build-dir".to_owned(), MESON_BUILD.to_owned()));
            }
        }
        for (key, values) in &self.action.recipe().build.config_settings {
            for value in values {
                settings.push((key.clone(), self.expand(value)?));
            }
        }
        Ok(settings)
    }

    /// `build-system.build-backend` of the source's `pyproject.toml`.
    fn backend_name(&self) -> Result<Option<String>, BuildError> {
        let project = self.pyproject()?;
        let backend = project.as_ref().and_then(|project| project.get("build-system")?.get("build-backend"));
        Ok(backend.and_then(toml::Value::as_str).map(str::to_owned))
    }

    /// The source's `pyproject.toml`, if it has one.
    fn pyproject(&self) -> Result<Option<toml::Table>, BuildError> {
        let path = self.work.join("build/source/pyproject.toml");
        if fs::symlink_metadata(&path).is_err() {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&self.read_left_by_the_build(&path)?).into_owned();
        let project = text.parse().map_err(|error: toml::de::Error| BuildError::Package {
            package: self.action.label(),
            reason: format!("its pyproject.toml cannot be read: {error}"),
        })?;
        Ok(Some(project))
    }

    /// The sandbox of every step that runs the package's own code, in the source's directory.
    fn sandbox(&self) -> Sandbox {
        self.sandbox_in(SOURCE)
    }

    fn sandbox_in(&self, directory: &str) -> Sandbox {
        let Self { shop, action, work, .. } = self;
        let mut sandbox = shop
            .toolchain
            .sandbox()
            .read_only(shop.cross.directory(), CROSS)
            .read_only(&self.tool_directory, TOOLS)
            .read_only(&work.join("compiler.conf"), COMPILER_SETTINGS)
            .writable(&work.join("build"), "/build");
        let mut pkg_config = self.pkg_config.clone();
        let is_shared = action.recipe().build.prefix == Prefix::Shared;
        if is_shared {
            pkg_config.push(format!("{SHARED_PREFIX}/lib/pkgconfig"));
        }
        for library in self.libraries() {
            let mount = format!("{HOST}/{}", library.name);
            sandbox = sandbox.read_only(&library.directory.join("prefix"), &mount);
            pkg_config.push(format!("{mount}/lib/pkgconfig"));
        }
        let prefix = self.prefix();
        if action.recipe().build.kind.is_library() {
            sandbox = sandbox.writable(&work.join("prefix"), &prefix);
        } else if is_shared {
            sandbox = sandbox.read_only(&work.join("prefix"), &prefix);
        }
        sandbox = self.mount_files(sandbox);
        if let Some(rust) = &self.rust {
            sandbox = rust.mount(sandbox);
        }
        if let Some(objects) = &self.objects {
            sandbox = objects.mount(sandbox);
        }
        for (name, value) in shop.cross.variables() {
            sandbox = sandbox.variable(name, &value);
        }
        for (name, value) in &self.environment {
            sandbox = sandbox.variable(name, value);
        }
        sandbox = sandbox
            .directory(directory)
            .variable("JOBS", &shop.tokens.jobs().to_string())
            // make, ninja and cargo share one budget with all that builds beside.
            .writable(shop.tokens.path(), JOBS)
            .variable("MAKEFLAGS", &shop.tokens.make_flags(JOBS, shop.toolchain.make()))
            .variable("PATH", &self.path())
            .variable("PKG_CONFIG_LIBDIR", &pkg_config.join(":"))
            .variable("PREFIX", &prefix)
            // Else the log lags behind by a buffer.
            .variable("PYTHONUNBUFFERED", "1")
            .variable("PYTHONPATH", &format!("{TOOLS}:{CROSS}/sysconfig"))
            .variable("SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH)
            .variable("TZ", "UTC");
        // What the script exported holds over all of it; it saw the same before.
        let exported = self.environment.iter().filter(|_| self.script_has_run);
        exported.fold(sandbox, |sandbox, (name, value)| sandbox.variable(name, value))
    }

    /// Where programs are looked for inside.
    fn path(&self) -> String {
        let has_cython = self.tool_directory.join("bin/cython").exists();
        let own = if has_cython { format!("{CROSS}/bin:{CYTHON}") } else { format!("{CROSS}/bin") };
        format!("{own}:{TOOLS}/bin:{}", self.shop.toolchain.path())
    }

    /// The host requirements that are libraries.
    fn libraries(&self) -> impl Iterator<Item = &ActionResult> {
        self.host.iter().filter(|result| result.wheel.is_none())
    }

    /// Theirs, in the order in which the linker looks through them.
    fn shared_libraries(&self) -> SharedLibraries {
        let build = &self.action.recipe().build;
        // A library's own prefix has what it made, too.
        let laid_together = build.prefix == Prefix::Shared && !build.kind.is_library();
        let together = laid_together.then(|| self.work.join("prefix"));
        let each = self.libraries().map(|library| library.directory.join("prefix"));
        SharedLibraries { package: self.action.label(), prefixes: together.into_iter().chain(each).collect() }
    }

    fn compiler_settings(&self) -> Result<String, BuildError> {
        let build = &self.action.recipe().build;
        let mut text = self.shop.cross.compiler_settings(self.shop.toolchain)?;
        let mut add = |key: &str, value: &str| text.extend([key, " ", value, "\n"]);
        // The recipe's flags come after the package's own, the ABI's after all.
        self.expanded_flags(&build.cflags)?.iter().for_each(|flag| add("package-flag", flag));
        self.expanded_flags(&build.cxxflags)?.iter().for_each(|flag| add("default-cxx-flag", flag));
        if build.prefix == Prefix::Shared {
            add("default-flag", &format!("-I{SHARED_PREFIX}/include"));
            add("link-flag", &format!("-L{SHARED_PREFIX}/lib"));
        }
        for library in self.libraries() {
            add("default-flag", &format!("-I{HOST}/{}/include", library.name));
            add("link-flag", &format!("-L{HOST}/{}/lib", library.name));
        }
        self.expanded_flags(&build.ldflags)?.iter().for_each(|flag| add("link-flag", flag));
        match &build.exports {
            Exports::PyInit => add("export", "pyinit"),
            Exports::WholeArchive => add("export", "whole-archive"),
            Exports::Symbols(symbols) => symbols.iter().for_each(|symbol| add("export", symbol)),
        }
        if self.objects.is_some() {
            let libraries = self.libraries().map(|library| format!("{HOST}/{}", library.name));
            let known = ["/usr", EMSCRIPTEN_CACHE, CROSS, TOOLS].map(str::to_owned).into_iter().chain(libraries);
            text.push_str(&ObjectCache::settings(self.action.read_only(&self.tools), known));
        }
        Ok(text)
    }

    fn run(&mut self, step: &'static str, sandbox: Sandbox, program: &[&str]) -> Result<(), BuildError> {
        let begun = self.begin(step);
        let mut record = BuildStep::new(step, Duration::ZERO);
        record.command = program.iter().map(|&word| word.to_owned()).collect();
        self.log.line(&format!("### {step}\n$ {}", record.command_line()))?;
        let mut command = sandbox.command(program)?;
        let context = self.shop.context;
        let objects = self.objects.as_ref().map(ObjectCache::directory);
        let written: Vec<&Path> = objects.into_iter().chain([self.work.as_path()]).collect();
        let ran = context.run_limited(&self.action.label(), step, &mut command, &written, &mut self.log);
        let counted = self.objects.as_ref().map(|objects| objects.report(&mut self.log)).transpose();
        let (objects, uncounted) = counted.map_or_else(|error| (None, Some(error)), |counts| (counts.flatten(), None));
        record.objects = objects;
        record.took(begun.elapsed());
        let ended = if ran.is_ok() { "done" } else { "failed" };
        self.step.take_if(|_| ran.is_ok());
        let told = self.log.line(&format!("### {step}: {ended} after {} s", record.seconds));
        self.steps.push(record);
        // Of the two, the program's failure is the one to tell.
        let named = ran.map_err(|error| match error {
            BuildError::Step { package, step, status, lines, log, .. } => {
                BuildError::Step { package, step, status, lines, log, again: self.action.loaded.typed.clone() }
            }
            error => error,
        });
        named.and(uncounted.map_or(Ok(()), Err)).and(told)
    }
}
