//! Toolchains: compiler, linker, build Python and build tools for an ABI, installed once and never changed.

mod debian;
mod debian_source;
mod host;
mod manifest;
mod system_libraries;

use std::fs;
use std::path::{Path, PathBuf};

use pkgsrv_index::Abi;

use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::sandbox::Sandbox;
use crate::system_tools::{self, BUBBLEWRAP, SystemTool};
use debian_source::Apt;
use host::Machine;

pub use host::HostSource;
pub use manifest::{FORMAT, HostParts, Manifest, Provider, ToolchainChoice};
pub(crate) use system_libraries::EMSCRIPTEN_CACHE;

/// What a build may start, and the Debian packages that bring it: what every provider has, sorted by package.
const BUILD_TOOLS: &[SystemTool] = &[
    SystemTool { program: "autoconf", package: "autoconf" },
    SystemTool { program: "automake", package: "automake" },
    SystemTool { program: "cmake", package: "cmake" },
    SystemTool { program: "emcc", package: "emscripten" },
    SystemTool { program: "libtoolize", package: "libtool" },
    SystemTool { program: "make", package: "make" },
    SystemTool { program: "ninja", package: "ninja-build" },
    SystemTool { program: "node", package: "nodejs" },
    SystemTool { program: "patch", package: "patch" },
    SystemTool { program: "pkg-config", package: "pkgconf" },
];

/// The packages of the build Python: headers, and pip's wheel.
fn python_packages(abi: Abi) -> [String; 2] {
    ["dev", "venv"].map(|part| format!("python{}-{part}", abi.facts().python))
}

/// An installed toolchain.
#[derive(Clone, Debug)]
pub struct Toolchain {
    directory: PathBuf,
    /// What it consists of.
    pub manifest: Manifest,
    /// Where its parts are on this machine, unless all of it is in its directory.
    machine: Option<Machine>,
}

impl Toolchain {
    /// The toolchain that the context asks for. One that is not there is installed, if its provider can tell from where.
    pub fn ensure(context: &Context, abi: Abi) -> Result<Self, BuildError> {
        let found = match &context.toolchain {
            ToolchainChoice::Of(Provider::Debian) => Self::ensure_debian(context, abi)?,
            ToolchainChoice::Of(provider) => match Self::current(context, abi, *provider)? {
                Some(found) => found,
                None if *provider == Provider::System => host::install(context, abi, &HostSource::system(None))?,
                None => return Err(BuildError::NoEmsdkToolchain { abi: abi.to_string() }),
            },
            ToolchainChoice::Named(name) => Self::named(context, name)?,
        };
        found.check(abi)?;
        system_tools::ensure(context, &[BUBBLEWRAP])?;
        Ok(found)
    }

    fn ensure_debian(context: &Context, abi: Abi) -> Result<Self, BuildError> {
        let name = debian::name(abi);
        let directory = context.cache.toolchains().join(&name);
        if let Some(found) = Self::open(&directory)? {
            return Ok(found);
        }
        let _lock = context.cache.lock(&name, context)?;
        if Self::open(&directory)?.is_none() {
            if directory.is_dir() {
                context.discard("toolchain", &directory, "it has no manifest that can be read")?;
            }
            debian::install(context, abi, &directory)?;
        }
        Self::open_installed(&directory)
    }

    /// Makes a toolchain of what is on the machine already. The result is the same as before if nothing has changed.
    pub fn install_from_host(context: &Context, abi: Abi, source: &HostSource) -> Result<Self, BuildError> {
        host::install(context, abi, source)
    }

    /// The Debian packages that the provider `debian` installs, sorted; `docker/` installs the same.
    pub fn debian_packages(abi: Abi) -> Vec<String> {
        let mut packages = debian::packages(abi);
        packages.sort();
        packages
    }

    /// The Debian suite that they come from.
    pub fn debian_suite() -> &'static str {
        debian::SUITE
    }

    /// Every installed toolchain, sorted by name.
    pub fn installed(context: &Context) -> Result<Vec<Self>, BuildError> {
        let directory = context.cache.toolchains();
        let Ok(entries) = fs::read_dir(&directory) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for entry in entries {
            found.extend(Self::open(&entry.doing("read", &directory)?.path())?);
        }
        found.sort_by(|a, b| a.manifest.name.cmp(&b.manifest.name));
        Ok(found)
    }

    /// The installed toolchain of a name; the error names those that there are.
    pub fn named(context: &Context, name: &str) -> Result<Self, BuildError> {
        let mut installed = Self::installed(context)?;
        if let Some(found) = installed.iter().position(|toolchain| toolchain.manifest.name == name) {
            return Ok(installed.swap_remove(found));
        }
        let names: Vec<&str> = installed.iter().map(|toolchain| toolchain.manifest.name.as_str()).collect();
        let there = if names.is_empty() { "none is".to_owned() } else { format!("{} are", names.join(", ")) };
        Err(BuildError::UnknownToolchain { name: name.to_owned(), there })
    }

    /// The one of a provider whose parts are still what they were when it was installed, and fit the ABI.
    fn current(context: &Context, abi: Abi, provider: Provider) -> Result<Option<Self>, BuildError> {
        let mut found = Self::installed(context)?;
        found.retain(|toolchain| toolchain.manifest.provider == provider && toolchain.check(abi).is_ok());
        if found.len() > 1 {
            let names: Vec<&str> = found.iter().map(|toolchain| toolchain.manifest.name.as_str()).collect();
            return Err(BuildError::AmbiguousToolchain { provider, names: names.join(", ") });
        }
        Ok(found.pop())
    }

    fn open_installed(directory: &Path) -> Result<Self, BuildError> {
        Self::open(directory)?.ok_or_else(|| BuildError::Cache {
            what: "toolchain",
            path: directory.to_owned(),
            reason: "it has no manifest although it was just installed".to_owned(),
        })
    }

    fn open(directory: &Path) -> Result<Option<Self>, BuildError> {
        let path = directory.join("manifest.json");
        let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
        let damaged = |reason: String| BuildError::Cache { what: "toolchain", path: directory.to_owned(), reason };
        let manifest: Manifest = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(damaged(format!("its format is {}, expected {}", manifest.format, FORMAT)));
        }
        let machine = match manifest.host {
            Some(_) => Some(Machine::read(directory).map_err(damaged)?),
            None => None,
        };
        Ok(Some(Self { directory: directory.to_owned(), manifest, machine }))
    }

    /// Refuses an Emscripten that the ABI's table does not name, another Python, and parts that are not what they were.
    fn check(&self, abi: Abi) -> Result<(), BuildError> {
        let Manifest { name, emscripten, python, .. } = &self.manifest;
        check_emscripten(name, emscripten, abi)?;
        let expected = abi.facts().python;
        if python != expected {
            let (toolchain, found) = (name.clone(), python.clone());
            return Err(BuildError::BuildPython { toolchain, found, abi: abi.to_string(), expected });
        }
        match self.changed() {
            None => Ok(()),
            Some(path) => Err(BuildError::ToolchainChanged {
                name: name.clone(),
                provider: self.manifest.provider,
                path: path.to_owned(),
            }),
        }
    }

    /// A part of the machine's that is not what it was at the installation; `None` if there is none.
    pub fn changed(&self) -> Option<&Path> {
        self.machine.as_ref().and_then(Machine::changed)
    }

    /// Where it is installed.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A sandbox over its programs, with the system libraries that Emscripten links.
    pub fn sandbox(&self) -> Sandbox {
        match &self.machine {
            None => debian::sandbox(&self.directory),
            Some(machine) => host::sandbox(&self.directory, machine),
        }
    }

    /// `PATH` inside, but for what a build puts before it.
    pub fn path(&self) -> &'static str {
        if self.machine.is_some() { host::PATH } else { "/usr/bin:/bin" }
    }

    /// Path of the build Python inside.
    pub fn python(&self) -> String {
        let in_root = || format!("/usr/bin/python{}", self.manifest.python);
        self.manifest.host.as_ref().map_or_else(in_root, |host| host.python.clone())
    }

    /// Directory of its headers inside.
    pub fn python_include(&self) -> String {
        let in_root = || format!("/usr/include/python{}", self.manifest.python);
        self.manifest.host.as_ref().map_or_else(in_root, |host| host.python_include.clone())
    }

    /// The wheel of pip inside, as a shell finds it.
    fn pip_wheel(&self) -> &str {
        self.manifest.host.as_ref().map_or("/usr/share/python-wheels/pip-*.whl", |host| &host.pip)
    }

    /// pip with these arguments, as a shell reads them.
    pub(crate) fn pip(&self, arguments: &str) -> [String; 4] {
        let script = format!("export PYTHONPATH=$(echo {}); exec \"$0\" -m pip {arguments}", self.pip_wheel());
        ["/bin/bash".to_owned(), "-c".to_owned(), script, self.python()]
    }

    /// Version of GNU make inside, major and minor; `None` where it is not known.
    pub(crate) fn make(&self) -> Option<(u32, u32)> {
        make_version(self.manifest.packages.get("make")?)
    }

    /// Directory of Emscripten's programs inside.
    pub fn emscripten(&self) -> &str {
        self.manifest.host.as_ref().map_or("/usr/bin", |host| &host.emscripten)
    }

    /// Path of Node inside.
    pub fn node(&self) -> &str {
        self.manifest.host.as_ref().map_or("/usr/bin/node", |host| &host.node)
    }

    /// Fetches one file of a Debian source package into `directory`: by its own apt, else by the machine's if its sandbox
    /// shows one, else by that of an installed Debian root directory. Returns the file's path.
    pub fn fetch_debian_source(
        &self,
        context: &Context,
        package: &str,
        file: &str,
        directory: &Path,
    ) -> Result<PathBuf, BuildError> {
        let apt = match self.apt() {
            Some(apt) => Some(apt),
            None => Self::installed(context)?.iter().filter(|other| other.machine.is_none()).find_map(Self::apt),
        };
        let Some(apt) = apt else {
            let (toolchain, package) = (self.manifest.name.clone(), package.to_owned());
            return Err(BuildError::NoDebianSources { toolchain, package, file: file.to_owned() });
        };
        apt.fetch(context, package, file, directory)
    }

    fn apt(&self) -> Option<Apt> {
        let apt = if self.machine.is_some() {
            system_tools::find_program("apt-get")?;
            let etc = Path::new("/etc/apt");
            Apt { sandbox: self.sandbox().read_only(etc, "/etc/apt"), etc: etc.to_owned() }
        } else {
            let root = self.directory.join("root");
            Apt { sandbox: Sandbox::over_root(&root), etc: root.join("etc/apt") }
        };
        apt.is_there().then_some(apt)
    }
}

fn check_emscripten(toolchain: &str, found: &str, abi: Abi) -> Result<(), BuildError> {
    let facts = abi.facts();
    if found == facts.emscripten || facts.admitted_emscripten.contains(&found) {
        return Ok(());
    }
    Err(BuildError::Emscripten {
        toolchain: toolchain.to_owned(),
        found: found.to_owned(),
        abi: abi.to_string(),
        exact: facts.emscripten.to_owned(),
        admitted: facts.admitted_emscripten.join(", "),
    })
}

/// Of a Debian version, or of what the program says of itself.
fn make_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_make_are_read_as_debian_and_as_make_write_them() {
        for (text, expected) in [("4.4.1-3", Some((4, 4))), ("GNU Make 4.3", Some((4, 3))), ("make", None)] {
            assert_eq!(make_version(text), expected, "{text}");
        }
    }

    #[test]
    fn an_emscripten_that_the_abi_does_not_admit_is_refused_with_both_versions() {
        let abi: Abi = "2026_0".parse().unwrap();
        assert!(check_emscripten("t", "5.0.3", abi).is_ok());
        assert!(check_emscripten("t", "6.0.5", abi).is_ok());
        let error = check_emscripten("debian-forky", "6.0.6", abi).unwrap_err();
        assert_eq!(
            error.to_string(),
            "toolchain debian-forky has Emscripten 6.0.6; ABI 2026_0 needs 5.0.3 or one of the admitted versions: 6.0.5"
        );
    }
}
