//! Cross environments: headers, sysconfig data, compiler settings and what the build systems need to know for one ABI,
//! derived from its runtime and the toolchain's build Python.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pkgsrv_index::{Abi, Digest};
use sha2::{Digest as _, Sha256};

use crate::abi_flags::{ABI_FLAGS, DEFAULT_FLAGS, PROGRAM_FLAGS, SIDE_MODULE_FLAGS};
use crate::cache;
use crate::contents;
use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::runtime::Runtime;
use crate::toolchain::Toolchain;

/// Where it is mounted in a build.
pub(crate) const MOUNT: &str = "/pkgsrv/cross";

/// Where the wrapper stands for Cython; on `PATH` only where that is among the tools, else a build would find it.
pub(crate) const CYTHON: &str = "/pkgsrv/cross/cython";

/// Raised when other files are kept of the same environment.
const LAYOUT: u32 = 1;

/// Reads the target's sysconfig data, which is Python code, and writes what is derived from it.
const SCRIPT: &str = include_str!("cross_environment/derive.py");

/// Asks Emscripten what the compiler wrapper must know to do without it.
const QUESTIONS: &str = include_str!("cross_environment/ask.py");

/// Runs Cython for the compiler wrapper, which wants to know what it reads.
const TRACER: &str = include_str!("cross_environment/trace.py");

/// Preloaded into clang and the linker, so that they are loaded once and not for every file.
const FORK_SERVER: &str = include_str!("cross_environment/fork-server.c");

/// Compiles it for the machine. Where that does not go, builds are only slower; the log tells why.
const COMPILE_FORK_SERVER: &str =
    "gcc -O2 -Wall -Wextra -shared -fPIC -o fork-server.so fork-server.c || rm -f fork-server.so";

/// The answers: settings of the compiler wrapper.
const ANSWERS: &str = "compiler.conf";

/// What meson cannot find out without running target programs.
const MESON_CROSS_FILE: &str = include_str!("cross_environment/meson-cross.ini");

/// The same for `CMake`.
const CMAKE_TOOLCHAIN_FILE: &str = include_str!("cross_environment/cmake-toolchain.cmake");

/// The wrapper program, statically linked.
static COMPILER: &[u8] = include_bytes!(env!("PKGSRV_COMPILER"));

/// The names under which builds look for their tools.
pub(crate) const TOOL_NAMES: &[&str] = &[
    "ar",
    "c++",
    "cc",
    "clang",
    "clang++",
    "g++",
    "gcc",
    "gcc-ar",
    "gcc-nm",
    "gcc-ranlib",
    "ld",
    "lld",
    "llvm-ar",
    "llvm-nm",
    "llvm-ranlib",
    "llvm-strip",
    "nm",
    "ranlib",
    "strip",
];

/// A finished cross environment.
#[derive(Clone, Debug)]
pub struct CrossEnvironment {
    directory: PathBuf,
    /// Digest of all that it was made from.
    pub digest: Digest,
    abi: Abi,
}

impl CrossEnvironment {
    /// The one of an ABI; made if it is not there.
    pub fn ensure(context: &Context, abi: Abi, toolchain: &Toolchain, runtime: &Runtime) -> Result<Self, BuildError> {
        let digest = digest(abi, toolchain, runtime);
        let directory = context.cache.cross_environments().join(directory_name(digest));
        let environment = Self { directory, digest, abi };
        let derive = || environment.derive(context, toolchain, runtime);
        let lock = lock_name(&digest.to_string());
        contents::ensure(context, "cross environment", &environment.directory, &lock, derive)?;
        cache::mark_used(&environment.directory);
        Ok(environment)
    }

    /// Directory names of all that the installed toolchains make, be they there or not.
    pub(crate) fn of_installed(context: &Context) -> Result<BTreeSet<String>, BuildError> {
        let installed = Toolchain::installed(context)?;
        let of = |abi: Abi| {
            let runtime = Runtime::of(context, abi);
            let name = move |toolchain| directory_name(digest(abi, toolchain, &runtime));
            installed.iter().map(name).collect::<Vec<_>>()
        };
        Ok(Abi::known().flat_map(of).collect())
    }

    /// Its files.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn derive(&self, context: &Context, toolchain: &Toolchain, runtime: &Runtime) -> Result<(), BuildError> {
        let work = context.cache.work_directory("cross")?;
        write_tools(work.path())?;
        for (name, text) in [
            ("derive.py", SCRIPT),
            ("ask.py", QUESTIONS),
            ("fork-server.c", FORK_SERVER),
            ("trace.py", TRACER),
            ("meson-cross.ini", MESON_CROSS_FILE),
            ("cmake-toolchain.cmake", CMAKE_TOOLCHAIN_FILE),
        ] {
            let path = work.path().join(name);
            fs::write(&path, text).doing("write", &path)?;
        }
        let (python, python3) = (&toolchain.manifest.python, toolchain.python());
        let derive = [python3.as_str(), "derive.py", "/runtime/python_stdlib.zip", python];
        let ask =
            [&[python3.as_str(), "ask.py"], ABI_FLAGS, &["--"], PROGRAM_FLAGS, &["--"], SIDE_MODULE_FLAGS].concat();
        let mut log = context.log("cross-environment")?;
        for (step, command) in [
            ("deriving headers and sysconfig data", &derive[..]),
            ("asking Emscripten how it compiles and links", &ask),
            ("compiling the fork server", &["/bin/sh", "-c", COMPILE_FORK_SERVER]),
        ] {
            let sandbox = toolchain
                .sandbox()
                .read_only(&runtime.directory, "/runtime")
                .writable(work.path(), MOUNT)
                .directory(MOUNT);
            context.run_step("cross environment", step, &mut sandbox.command(command)?, &mut log)?;
        }
        contents::record(work.path())?;
        work.move_into_place(&self.directory)
    }

    /// The variables that make Python build tools work for the target.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let facts = self.abi.facts();
        let emscripten = facts.emscripten.replace('.', "_");
        vec![
            ("_PYTHON_HOST_PLATFORM", format!("emscripten_{emscripten}_wasm32")),
            ("_PYTHON_SYSCONFIGDATA_NAME", "_sysconfigdata__emscripten_wasm32-emscripten".to_owned()),
            ("AR", "ar".to_owned()),
            ("CC", "cc".to_owned()),
            ("CMAKE_TOOLCHAIN_FILE", format!("{MOUNT}/cmake-toolchain.cmake")),
            ("CXX", "c++".to_owned()),
            ("HOST_TRIPLET", "wasm32-unknown-emscripten".to_owned()),
            ("RANLIB", "ranlib".to_owned()),
        ]
    }

    /// Settings of the compiler wrapper that are the same for every package of this ABI, in the wrapper's own form.
    pub(crate) fn compiler_settings(&self, toolchain: &Toolchain) -> Result<String, BuildError> {
        let python = self.abi.facts().python;
        let path = self.directory.join(ANSWERS);
        let mut settings = fs::read_to_string(&path).doing("read", &path)?;
        let mut add = |key: &str, value: &str| settings.extend([key, " ", value, "\n"]);
        add("emscripten", toolchain.emscripten());
        add("build-python-include", &toolchain.python_include());
        add("target-python-include", &format!("{MOUNT}/include/python{python}"));
        for (key, flags) in [
            ("default-flag", DEFAULT_FLAGS),
            ("abi-flag", ABI_FLAGS),
            ("side-module-flag", SIDE_MODULE_FLAGS),
            ("program-flag", PROGRAM_FLAGS),
        ] {
            for flag in flags {
                add(key, flag);
            }
        }
        Ok(settings)
    }
}

fn directory_name(digest: Digest) -> String {
    format!("{digest}-{LAYOUT}")
}

/// The lock of who makes it or takes it out.
pub(crate) fn lock_name(digest: &str) -> String {
    format!("cross-{digest}")
}

fn digest(abi: Abi, toolchain: &Toolchain, runtime: &Runtime) -> Digest {
    let mut hasher = Sha256::new();
    let manifest = serde_json::to_vec(&toolchain.manifest).expect("strings and maps of strings");
    let parts: [&[u8]; 11] = [
        abi.as_str().as_bytes(),
        &manifest,
        runtime.archive.as_bytes(),
        SCRIPT.as_bytes(),
        QUESTIONS.as_bytes(),
        FORK_SERVER.as_bytes(),
        COMPILE_FORK_SERVER.as_bytes(),
        TRACER.as_bytes(),
        MESON_CROSS_FILE.as_bytes(),
        CMAKE_TOOLCHAIN_FILE.as_bytes(),
        COMPILER,
    ];
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    for flag in [DEFAULT_FLAGS, ABI_FLAGS, SIDE_MODULE_FLAGS, PROGRAM_FLAGS, TOOL_NAMES].concat() {
        hasher.update(flag);
        hasher.update([0]);
    }
    Digest::from_bytes(hasher.finalize().into())
}

fn write_tools(work: &Path) -> Result<(), BuildError> {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let bin = work.join("bin");
    fs::create_dir(&bin).doing("create", &bin)?;
    let program = bin.join("pkgsrv-compiler");
    fs::write(&program, COMPILER).doing("write", &program)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).doing("make executable", &program)?;
    for name in TOOL_NAMES {
        let link = bin.join(name);
        symlink("pkgsrv-compiler", &link).doing("link", &link)?;
    }
    let cython = work.join("cython");
    fs::create_dir(&cython).doing("create", &cython)?;
    symlink("../bin/pkgsrv-compiler", cython.join("cython")).doing("link", &cython)
}
