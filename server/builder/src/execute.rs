//! Carrying an action out: fetch, unpack, patch, build in the sandbox, and move the result into the cache whole.

use std::fs;
use std::path::{Path, PathBuf};

use pkgsrv_index::{Abi, WheelFilename};
use pkgsrv_recipe::{BuildKind, Exports};

use crate::action::{Action, ActionResult, RESULT_FORMAT, ResultFile, sha256, write_admission};
use crate::admission;
use crate::contents;
use crate::context::Context;
use crate::cross_environment::{CrossEnvironment, MOUNT as CROSS};
use crate::error::{BuildError, IoContext as _};
use crate::host_package;
use crate::object_cache::ObjectCache;
use crate::process::Log;
use crate::repack::repack;
use crate::rust::Rust;
use crate::sandbox::Sandbox;
use crate::source;
use crate::toolchain::{EMSCRIPTEN_CACHE, Toolchain};

const TOOLS: &str = "/pkgsrv/tools";
const HOST: &str = "/pkgsrv/host";
const COMPILER_SETTINGS: &str = "/pkgsrv/compiler.conf";
const SOURCE: &str = "/build/source";
const OUT: &str = "/build/out";
const MESON_BUILD: &str = "/build/meson";

/// 1980-01-01, the first moment that a zip archive can tell.
const SOURCE_DATE_EPOCH: &str = "315532800";

/// Bytes; a wheel beyond this would not be loaded anywhere.
const LARGEST_WHEEL: u64 = 1 << 30;

/// What all actions of one ABI share.
pub(crate) struct Workshop<'a> {
    pub context: &'a Context,
    pub abi: Abi,
    pub toolchain: &'a Toolchain,
    pub cross: &'a CrossEnvironment,
}

/// One build under way: its directories and its log.
struct Site<'a> {
    shop: &'a Workshop<'a>,
    action: &'a Action<'a>,
    /// `tools`, `build/source`, `build/out`, `prefix`, `compiler.conf`, `patches`.
    work: PathBuf,
    log: Log,
    /// Where the source has crates.
    rust: Option<Rust>,
    /// Directories of the tools' and host packages' `.pc` files, as they are called inside.
    pkg_config: Vec<String>,
    /// Objects of the package's earlier builds, where they are wanted.
    objects: Option<ObjectCache>,
}

/// Builds, admits and keeps. `companions` are the wheels of what the package needs at run time.
pub(crate) fn execute(
    shop: &Workshop<'_>,
    action: &Action<'_>,
    companions: &[PathBuf],
) -> Result<ActionResult, BuildError> {
    let context = shop.context;
    let work = context.cache.work_directory(action.recipe.name.as_str())?;
    let log_name = format!("{}-{}", action.recipe.name, action.recipe.version);
    let log = context.log(&log_name)?;
    let objects = ObjectCache::open(context, &action.recipe.name, work.path())?;
    let mut site =
        Site { shop, action, work: work.path().to_owned(), log, rust: None, pkg_config: Vec::new(), objects };
    site.prepare()?;
    let finished = context.cache.work_directory("result")?;
    let mut result = ResultFile { format: RESULT_FORMAT, name: action.recipe.name.clone(), wheel: None, sha256: None };
    match action.recipe.build.kind {
        BuildKind::StaticLibrary => {
            site.script()?;
            let prefix = finished.path().join("prefix");
            fs::rename(site.work.join("prefix"), &prefix).doing("keep the library in", &prefix)?;
            result.sha256 = Some(contents::digest(&prefix)?);
        }
        BuildKind::Package => {
            if action.recipe.build.script.is_some() {
                site.script()?;
            }
            site.backend()?;
            let (filename, bytes) = site.wheel()?;
            let path = finished.path().join(&filename);
            fs::write(&path, &bytes).doing("write", &path)?;
            let report = admission::admit_built(
                shop.context,
                shop.abi,
                action.recipe,
                action.test_script.as_deref(),
                &path,
                companions,
            )?;
            write_admission(finished.path(), &report)?;
            result.sha256 = Some(sha256(&bytes));
            result.wheel = Some(filename);
        }
    }
    let kept_log = finished.path().join("build.log");
    fs::copy(&site.log.path, &kept_log).doing("keep the log in", &kept_log)?;
    ActionResult::write(finished.path(), &result)?;
    finished.move_into_place(&context.cache.actions().join(action.digest.to_string()))?;
    ActionResult::find(context, action.digest)?.ok_or_else(|| BuildError::Cache {
        what: "result",
        path: context.cache.actions(),
        reason: "what was just written is gone".to_owned(),
    })
}

impl Site<'_> {
    fn prepare(&mut self) -> Result<(), BuildError> {
        for directory in ["tools", "build/out", "build/unpacked", "patches", "prefix"] {
            let path = self.work.join(directory);
            fs::create_dir_all(&path).doing("create", &path)?;
        }
        let archive = source::fetch_source(self.shop.context, self.shop.toolchain, self.action.recipe)?;
        let top = source::unpack(&archive, &self.work.join("build/unpacked"))?;
        let place = self.work.join("build/source");
        fs::rename(&top, &place).doing("move the source to", &place)?;
        let settings = self.work.join("compiler.conf");
        fs::write(&settings, self.compiler_settings()?).doing("write", &settings)?;
        self.install_tools()?;
        let tools = self.work.join("tools");
        for result in &self.action.host {
            if let Some(wheel) = result.wheel_path() {
                host_package::lay_over(&wheel, &tools)?;
            }
        }
        let found = host_package::pkg_config_directories(&tools)?;
        self.pkg_config = found.iter().map(|path| format!("{TOOLS}/{}", path.display())).collect();
        self.patch()?;
        self.bring_rust()
    }

    fn bring_rust(&mut self) -> Result<(), BuildError> {
        let Some(lock_path) = &self.action.recipe.source.crates else { return Ok(()) };
        let path = self.work.join("build/source").join(lock_path);
        if fs::symlink_metadata(&path).is_err() {
            let reason = format!("there is no {lock_path} in its source; without it nothing pins the crates");
            return Err(BuildError::Package { package: self.action.label(), reason });
        }
        let lock = String::from_utf8_lossy(&self.read_left_by_the_build(&path)?).into_owned();
        let Workshop { context, toolchain, .. } = self.shop;
        self.rust = Some(Rust::ensure(context, toolchain, &self.action.label(), &self.work, (lock_path, &lock))?);
        Ok(())
    }

    fn install_tools(&mut self) -> Result<(), BuildError> {
        if self.action.tools.is_empty() {
            return Ok(());
        }
        let mut sandbox = self.shop.toolchain.sandbox().writable(&self.work.join("tools"), TOOLS);
        for wheel in &self.action.tools {
            let fetched = source::fetch_wheel(self.shop.context, wheel)?;
            sandbox = sandbox.read_only(&fetched.path, &format!("/wheels/{}", wheel.filename.as_str()));
        }
        let toolchain = self.shop.toolchain;
        let script = format!(
            "export PYTHONPATH=$(echo {}); exec \"$0\" -m pip install --quiet --no-index --no-deps \
             --disable-pip-version-check --target \"$1\" /wheels/*.whl",
            toolchain.pip_wheel()
        );
        self.run("tools", sandbox, &["/bin/bash", "-c", &script, &toolchain.python(), TOOLS])
    }

    fn patch(&mut self) -> Result<(), BuildError> {
        let patches = self.work.join("patches");
        for (name, bytes) in &self.action.patches {
            let path = patches.join(name);
            fs::write(&path, bytes).doing("write", &path)?;
        }
        for (name, _) in &self.action.patches {
            let sandbox = self.sandbox().read_only(&patches, "/pkgsrv/patches");
            let path = format!("/pkgsrv/patches/{name}");
            self.run("patch", sandbox, &["patch", "-p1", "--binary", "--forward", "--input", &path])?;
        }
        Ok(())
    }

    fn script(&mut self) -> Result<(), BuildError> {
        let script = self.action.recipe.build.script.clone().unwrap_or_default();
        let sandbox = self.sandbox();
        self.run("script", sandbox, &["/bin/bash", "-e", "-o", "pipefail", "-c", &script])
    }

    fn backend(&mut self) -> Result<(), BuildError> {
        let python = self.shop.toolchain.python();
        let mut command: Vec<String> =
            [&python, "-m", "build", "--wheel", "--no-isolation", "--skip-dependency-check", "--outdir", OUT]
                .map(str::to_owned)
                .into();
        command
            .extend(self.config_settings()?.into_iter().map(|(key, value)| format!("--config-setting={key}={value}")));
        command.push(SOURCE.to_owned());
        let sandbox = self.sandbox();
        self.run("build", sandbox, &command.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The recipe's settings, and what a backend needs to build for another platform.
    fn config_settings(&self) -> Result<Vec<(String, String)>, BuildError> {
        let mut settings = Vec::new();
        if self.backend_name()?.as_deref() == Some("mesonpy") {
            settings.push(("setup-args".to_owned(), format!("--cross-file={CROSS}/meson-cross.ini")));
            // Else it has a random name, which some packages write into a file that they install.
            if !self.action.recipe.build.config_settings.contains_key("build-dir") {
                settings.push(("build-dir".to_owned(), MESON_BUILD.to_owned()));
            }
        }
        for (key, values) in &self.action.recipe.build.config_settings {
            settings.extend(values.iter().map(|value| (key.clone(), value.clone())));
        }
        Ok(settings)
    }

    /// `build-system.build-backend` of the source's `pyproject.toml`.
    fn backend_name(&self) -> Result<Option<String>, BuildError> {
        let path = self.work.join("build/source/pyproject.toml");
        if fs::symlink_metadata(&path).is_err() {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&self.read_left_by_the_build(&path)?).into_owned();
        let project: toml::Table = text.parse().map_err(|error: toml::de::Error| BuildError::Package {
            package: self.action.label(),
            reason: format!("its pyproject.toml cannot be read: {error}"),
        })?;
        let backend = project.get("build-system").and_then(|system| system.get("build-backend"));
        Ok(backend.and_then(toml::Value::as_str).map(str::to_owned))
    }

    /// The sandbox of every step that runs the package's own code.
    fn sandbox(&self) -> Sandbox {
        let Self { shop, action, work, .. } = self;
        let mut sandbox = shop
            .toolchain
            .sandbox()
            .read_only(shop.cross.directory(), CROSS)
            .read_only(&work.join("tools"), TOOLS)
            .read_only(&work.join("compiler.conf"), COMPILER_SETTINGS)
            .writable(&work.join("build"), "/build");
        let mut pkg_config = self.pkg_config.clone();
        for library in self.libraries() {
            let mount = format!("{HOST}/{}", library.name);
            sandbox = sandbox.read_only(&library.directory.join("prefix"), &mount);
            pkg_config.push(format!("{mount}/lib/pkgconfig"));
        }
        let prefix = format!("{HOST}/{}", action.recipe.name);
        if action.recipe.build.kind == BuildKind::StaticLibrary {
            sandbox = sandbox.writable(&work.join("prefix"), &prefix);
        }
        if let Some(rust) = &self.rust {
            sandbox = rust.mount(sandbox);
        }
        if let Some(objects) = &self.objects {
            sandbox = objects.mount(sandbox);
        }
        let jobs = std::thread::available_parallelism().map_or(1, usize::from).to_string();
        for (name, value) in shop.cross.variables() {
            sandbox = sandbox.variable(name, &value);
        }
        for (name, value) in &action.recipe.build.environment {
            sandbox = sandbox.variable(name, value);
        }
        sandbox
            .directory(SOURCE)
            .variable("JOBS", &jobs)
            .variable("PATH", &format!("{CROSS}/bin:{TOOLS}/bin:{}", shop.toolchain.path()))
            .variable("PKG_CONFIG_LIBDIR", &pkg_config.join(":"))
            .variable("PREFIX", &prefix)
            // Else the log lags behind by a buffer.
            .variable("PYTHONUNBUFFERED", "1")
            .variable("PYTHONPATH", &format!("{TOOLS}:{CROSS}/sysconfig"))
            .variable("SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH)
            .variable("TZ", "UTC")
    }

    /// The host requirements that are libraries.
    fn libraries(&self) -> impl Iterator<Item = &ActionResult> {
        self.action.host.iter().filter(|result| result.wheel.is_none())
    }

    fn compiler_settings(&self) -> Result<String, BuildError> {
        let build = &self.action.recipe.build;
        let mut text = self.shop.cross.compiler_settings(self.shop.toolchain)?;
        let mut add = |key: &str, value: &str| text.extend([key, " ", value, "\n"]);
        // The recipe's flags come after the package's own, the ABI's after all.
        build.cflags.iter().for_each(|flag| add("package-flag", flag));
        build.cxxflags.iter().for_each(|flag| add("default-cxx-flag", flag));
        for library in self.libraries() {
            add("default-flag", &format!("-I{HOST}/{}/include", library.name));
            add("link-flag", &format!("-L{HOST}/{}/lib", library.name));
        }
        build.ldflags.iter().for_each(|flag| add("link-flag", flag));
        match &build.exports {
            Exports::PyInit => add("export", "pyinit"),
            Exports::WholeArchive => add("export", "whole-archive"),
            Exports::Symbols(symbols) => symbols.iter().for_each(|symbol| add("export", symbol)),
        }
        if self.objects.is_some() {
            let libraries = self.libraries().map(|library| format!("{HOST}/{}", library.name));
            let known = ["/usr", EMSCRIPTEN_CACHE, CROSS, TOOLS].map(str::to_owned).into_iter().chain(libraries);
            text.push_str(&ObjectCache::settings(self.action.read_only(self.shop.cross), known));
        }
        Ok(text)
    }

    fn run(&mut self, step: &'static str, sandbox: Sandbox, program: &[&str]) -> Result<(), BuildError> {
        self.log.line(&format!("### {step}"))?;
        let ran = self.shop.context.run_step(&self.action.label(), step, &mut sandbox.command(program), &mut self.log);
        if let Some(objects) = &self.objects {
            objects.report(&mut self.log)?;
        }
        ran
    }

    /// The one wheel that the backend wrote, repacked.
    fn wheel(&self) -> Result<(String, Vec<u8>), BuildError> {
        let out = self.work.join("build/out");
        let wheels: Vec<PathBuf> = fs::read_dir(&out)
            .doing("read", &out)?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| is_wheel(path))
            .collect();
        let [path] = wheels.as_slice() else {
            let reason = format!("its build wrote {} wheels, expected one", wheels.len());
            return Err(BuildError::Package { package: self.action.label(), reason });
        };
        let bytes = self.read_left_by_the_build(path)?;
        let filename = path.file_name().unwrap_or_default().to_string_lossy();
        let (filename, bytes) = repack(&filename, &bytes, self.shop.abi)?;
        self.check_name(&filename)?;
        Ok((filename, bytes))
    }

    /// Reads a file that the package's own code may have put there: it must be a file, in its place, of a sane size, and
    /// no link to something of the machine's.
    fn read_left_by_the_build(&self, path: &Path) -> Result<Vec<u8>, BuildError> {
        let metadata = fs::symlink_metadata(path).doing("read", path)?;
        let real = path.canonicalize().doing("read", path)?;
        let work = self.work.canonicalize().doing("read", &self.work)?;
        if !metadata.is_file() || path.strip_prefix(&self.work).ok() != real.strip_prefix(&work).ok() {
            let reason = format!("its build left {} that is no regular file", path.display());
            return Err(BuildError::Package { package: self.action.label(), reason });
        }
        if metadata.len() > LARGEST_WHEEL {
            let reason = format!("its build left {} of {} bytes", path.display(), metadata.len());
            return Err(BuildError::Package { package: self.action.label(), reason });
        }
        fs::read(path).doing("read", path)
    }

    fn check_name(&self, filename: &str) -> Result<(), BuildError> {
        let recipe = self.action.recipe;
        let parsed = filename.parse::<WheelFilename>();
        if parsed.is_ok_and(|parsed| *parsed.name() == recipe.name && *parsed.version() == recipe.version) {
            return Ok(());
        }
        let reason = format!("its build wrote {filename}; name and version must be the recipe's");
        Err(BuildError::Package { package: self.action.label(), reason })
    }
}

fn is_wheel(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "whl")
}
