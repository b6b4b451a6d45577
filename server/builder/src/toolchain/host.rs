//! The providers `emsdk` and `system`: an Emscripten that is on the machine already, with the machine's build tools.
//! Installing checks what is there, compiles Emscripten's system libraries into a cache of our own, and writes down what
//! decides results.

mod build_python;
mod contents;
mod em_config;
mod find;
mod machine;

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use pkgsrv_index::Abi;

use super::manifest::{FORMAT, HostParts, Manifest, Provider};
use super::system_libraries::{self, SCRIPT_NAME};
use super::{Toolchain, check_emscripten};
use crate::action::sha256;
use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::process::{self, Log};
use crate::sandbox::{Sandbox, write_made_up_files};
use find::Found;

pub(super) use machine::Machine;

/// Where the toolchain's own files are inside: links to the programs, and Emscripten's settings.
const INSIDE: &str = "/pkgsrv/toolchain";

/// `PATH` inside: the programs that were found come first.
pub(super) const PATH: &str = "/pkgsrv/toolchain/bin:/usr/bin:/bin";

/// Where an emsdk directory is inside, whatever it is called on the machine.
const EMSDK: &str = "/pkgsrv/emsdk";

/// Raised by one whenever the same parts make another directory.
const LAYOUT: &str = "1";

/// What to make a toolchain of.
#[derive(Clone, Debug)]
pub struct HostSource {
    /// The emsdk directory; `None` for the `emcc` on `PATH`.
    emsdk: Option<PathBuf>,
    /// The build Python; `None` for `python3.N` on `PATH`.
    python: Option<PathBuf>,
}

impl HostSource {
    /// The `emcc` on `PATH`; `python` is the build Python, if it is not the one on `PATH`.
    pub fn system(python: Option<PathBuf>) -> Self {
        Self { emsdk: None, python }
    }

    /// An installed emsdk directory.
    pub fn emsdk(directory: PathBuf, python: Option<PathBuf>) -> Self {
        Self { emsdk: Some(directory), python }
    }

    /// Which provider this is.
    pub fn provider(&self) -> Provider {
        if self.emsdk.is_some() { Provider::Emsdk } else { Provider::System }
    }
}

/// Checks, compiles, and moves the result into its place. What is there already and the same is kept.
pub(super) fn install(context: &Context, abi: Abi, source: &HostSource) -> Result<Toolchain, BuildError> {
    let provider = source.provider();
    let found = find::find(context, abi, source)?;
    check_emscripten(&format!("of provider `{provider}`"), &found.emscripten_version, abi)?;
    let stage = context.progress.stage("toolchain", "reading what it consists of");
    let manifest = manifest(abi, provider, &found)?;
    let machine = found.machine()?;
    stage.done(&format!("is {}", manifest.name));
    let _lock = context.cache.lock(&manifest.name, context)?;
    let place = context.cache.toolchains().join(&manifest.name);
    if Toolchain::open(&place)?.is_some_and(|there| there.manifest == manifest) {
        // The same bytes, perhaps in another place or touched since.
        machine.replace(context, &place)?;
        return Toolchain::open_installed(&place);
    }
    let work = context.cache.work_directory("toolchain")?;
    let inside = work.path().join("inside");
    write_links(&inside.join("bin"), &found)?;
    write_emscripten_settings(&inside.join("emscripten.conf"), &found, |path| found.inside(path))?;
    write_made_up_files(&inside.join("etc"))?;
    let mut log = context.log(&manifest.name)?;
    compile_system_libraries(context, work.path(), &found, &mut log)?;
    machine.write(work.path())?;
    let text = serde_json::to_string_pretty(&manifest).expect("strings and maps of strings");
    let path = work.path().join("manifest.json");
    fs::write(&path, text).doing("write", &path)?;
    work.move_into_place(&place)?;
    Toolchain::open_installed(&place)
}

fn manifest(abi: Abi, provider: Provider, found: &Found) -> Result<Manifest, BuildError> {
    let host = HostParts {
        contents: contents::digest(found)?,
        emscripten: found.inside(&found.emscripten),
        node: found.inside(&found.node),
        python: found.inside(&found.python.program),
        python_include: found.inside(&found.python_include),
        pip: found.inside(&found.pip),
    };
    let mut manifest = Manifest {
        format: FORMAT,
        provider,
        name: String::new(),
        emscripten: found.emscripten_version.clone(),
        python: abi.facts().python.to_owned(),
        packages: found.versions.clone(),
        host: Some(host),
    };
    // Other parts or flags are another toolchain.
    let text = serde_json::to_string(&manifest).expect("strings and maps of strings");
    let programs =
        [LAYOUT, &text, system_libraries::PROGRAM_C, system_libraries::PROGRAM_CXX, &system_libraries::script()];
    let digest = sha256(programs.join("\n").as_bytes()).to_string();
    manifest.name = format!("{provider}-{}-python{}-{}", manifest.emscripten, manifest.python, &digest[..8]);
    Ok(manifest)
}

/// Links to the programs that were found and to Emscripten's, so that a build starts these, whatever else the machine
/// has.
fn write_links(bin: &Path, found: &Found) -> Result<(), BuildError> {
    fs::create_dir_all(bin).doing("create", bin)?;
    for (name, program) in found.links.iter().chain(&found.emscripten_programs()?) {
        let link = bin.join(name);
        symlink(found.inside(program), &link).doing("link", &link)?;
    }
    Ok(())
}

/// Writes Emscripten's configuration file, with paths as `shown`.
fn write_emscripten_settings(path: &Path, found: &Found, shown: impl Fn(&Path) -> String) -> Result<(), BuildError> {
    let mut file = fs::File::create(path).doing("create", path)?;
    let roots = [("LLVM_ROOT", &found.llvm), ("BINARYEN_ROOT", &found.binaryen), ("NODE_JS", &found.node)];
    for (key, value) in roots {
        writeln!(file, "{key} = {}", python_text(&shown(value))).doing("write", path)?;
    }
    for (key, value) in &found.emscripten_settings {
        writeln!(file, "{key} = {}", python_text(value)).doing("write", path)?;
    }
    Ok(())
}

/// A string literal of Python.
fn python_text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Runs Emscripten as it is on the machine: its own code, none of a package's. So an image for containers can be made
/// where no sandbox can be.
fn compile_system_libraries(context: &Context, work: &Path, found: &Found, log: &mut Log) -> Result<(), BuildError> {
    let (programs, cache) = (work.join("programs"), work.join("emscripten-cache"));
    copy_compiled(context, &found.emscripten.join("cache"), &cache, log)?;
    system_libraries::write_programs(&programs)?;
    let settings = programs.join("emscripten.conf");
    write_emscripten_settings(&settings, found, |path| path.display().to_string())?;
    let bin = |path: &Path| path.parent().unwrap_or(path).display().to_string();
    let path = [found.emscripten.display().to_string(), bin(&found.node), "/usr/bin".to_owned(), "/bin".to_owned()];
    let mut command = process::command("/bin/bash");
    command
        .args(["-eux", SCRIPT_NAME])
        .current_dir(&programs)
        .env_clear()
        .env("PATH", path.join(":"))
        .env("HOME", &programs)
        .env("LC_ALL", "C.UTF-8")
        .env("EM_CONFIG", &settings)
        .env("EM_CACHE", &cache)
        .env("EMSDK_PYTHON", &found.python.program);
    context.run_step("toolchain", "compiling Emscripten's system libraries", &mut command, log)?;
    fs::remove_dir_all(&programs).doing("remove", &programs)
}

/// Begins the cache with what Emscripten came with, as emsdk's does: its own libraries need no second compilation.
fn copy_compiled(context: &Context, shipped: &Path, cache: &Path, log: &mut Log) -> Result<(), BuildError> {
    if !shipped.is_dir() {
        return fs::create_dir(cache).doing("create", cache);
    }
    let mut command = process::command("cp");
    command.args(["--recursive", "--no-dereference", "--"]).args([shipped, cache]);
    context.run_step("toolchain", "copying the system libraries that Emscripten came with", &mut command, log)?;
    // It names the settings that the cache was made with; Emscripten would empty the cache because of ours.
    match fs::remove_file(cache.join("sanity.txt")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).doing("write", cache),
        _ => Ok(()),
    }
}

/// A sandbox over the machine's programs.
pub(super) fn sandbox(directory: &Path, machine: &Machine) -> Sandbox {
    let inside = directory.join("inside");
    let mut sandbox = Sandbox::over_machine(&inside.join("etc"));
    for mount in &machine.mounts {
        sandbox = sandbox.read_only(&mount.from, &mount.to);
    }
    for path in machine.hidden.iter().filter(|path| Path::new(path).is_dir()) {
        sandbox = sandbox.hidden(path);
    }
    system_libraries::mounted(sandbox, &directory.join("emscripten-cache"))
        .read_only(&inside, INSIDE)
        .variable("PATH", PATH)
        .variable("EM_CONFIG", &format!("{INSIDE}/emscripten.conf"))
        .variable("EMSDK_PYTHON", &format!("{INSIDE}/bin/python3"))
}
