//! The checked recipe.

use std::collections::BTreeMap;
use std::str::FromStr;

use pep440_rs::Version;
use pkgsrv_index::{Digest, PackageName};
use serde::Serialize;
use toml::Spanned;

use crate::error::RecipeError;
use crate::text::{AboutText, BuildText, ExportsText, RecipeText, SourceText};

/// How one package is built. Serialized, it is part of its action's digest: facts for people are left out.
#[derive(Clone, Debug, Serialize)]
pub struct Recipe {
    /// Normalised name; a library's too.
    pub name: PackageName,
    /// The version that the built wheel must have.
    pub version: Version,
    /// Where the source comes from.
    pub source: Source,
    /// How it is built.
    pub build: Build,
    /// What must be there before.
    pub requirements: Requirements,
    /// Modules that must import in the runtime before the wheel is published, beside those at the wheel's top level.
    pub test_imports: Vec<String>,
    /// Modules at the wheel's top level that are not imported, each with the reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub test_left_out: BTreeMap<String, String>,
    /// Python file beside the recipe that must then run there to its end.
    pub test_script: Option<String>,
    /// Home page, summary and licence, as far as given.
    #[serde(skip)]
    pub about: About,
}

/// Facts for people.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Home page.
    pub home: String,
    /// One sentence.
    pub summary: String,
    /// SPDX expression.
    pub license: String,
}

/// A source archive, pinned by hash.
#[derive(Clone, Debug, Serialize)]
pub struct Source {
    /// Where it is looked up.
    pub origin: SourceOrigin,
    /// SHA-256 of the archive.
    pub sha256: Digest,
    /// Patch files beside the recipe, applied in this order with `patch -p1`.
    pub patches: Vec<String>,
    /// The `Cargo.lock` in the source, as a path from its top: the crates that it names are fetched, and the build has
    /// Rust.
    pub crates: Option<String>,
}

/// Where a source archive is looked up. Neither names a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum SourceOrigin {
    /// The sdist of this project and of the recipe's version on the upstream index.
    PyPi(PackageName),
    /// A file of a Debian source package.
    Debian {
        /// Source package name.
        package: String,
        /// File name of the upstream tarball.
        file: String,
    },
}

/// What a recipe makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum BuildKind {
    /// A wheel, by the source's own PEP 517 backend.
    Package,
    /// A directory of headers and archives that other recipes link (`requirements.host`).
    StaticLibrary,
}

/// Which symbols the side modules export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Exports {
    /// `PyInit_<module>`.
    PyInit,
    /// Everything.
    WholeArchive,
    /// These.
    Symbols(Vec<String>),
}

/// The build description.
#[derive(Clone, Debug, Serialize)]
pub struct Build {
    /// What is made.
    pub kind: BuildKind,
    /// `bash -e` script in the source directory: before the backend for packages, the whole build for libraries.
    pub script: Option<String>,
    /// Appended to every C and C++ compile.
    pub cflags: Vec<String>,
    /// Appended to every C++ compile.
    pub cxxflags: Vec<String>,
    /// Appended to every link.
    pub ldflags: Vec<String>,
    /// Exported symbols.
    pub exports: Exports,
    /// Environment variables of the build.
    pub environment: BTreeMap<String, String>,
    /// PEP 517 `config_settings`; a key may have several values.
    pub config_settings: BTreeMap<String, Vec<String>>,
}

/// Dependencies by time of need.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Requirements {
    /// Python projects that run on the build machine; versions and hashes come from `recipes/build-requirements.toml`.
    pub build: Vec<PackageName>,
    /// Recipes whose result is linked or included.
    pub host: Vec<PackageName>,
    /// Recipes that must be there when the package is imported.
    pub run: Vec<PackageName>,
}

impl Recipe {
    /// Reads and checks the text of the recipe file called `file`.
    pub fn parse(file: &str, text: &str) -> Result<Self, RecipeError> {
        let parsed: RecipeText = toml::from_str(text).map_err(|error| RecipeError::from_toml(file, text, &error))?;
        let check = Check { file, text };
        let RecipeText { package, source, build, requirements, test, about, .. } = parsed;
        let name: PackageName = check.value(&package.name, "package name")?;
        check.crates(&source, &requirements.build)?;
        let build = check.build(build)?;
        Ok(Self {
            version: check.value(&package.version, "PEP 440 version")?,
            source: check.source(source)?,
            requirements: Requirements {
                build: check.values(&requirements.build, "project name")?,
                host: check.values(&requirements.host, "recipe name")?,
                run: check.values(&requirements.run, "recipe name")?,
            },
            test_imports: test.imports,
            test_left_out: check.left_out(test.leave_out)?,
            test_script: check.test_script(&build, test.script)?,
            about: about.into(),
            build,
            name,
        })
    }
}

impl From<AboutText> for About {
    fn from(AboutText { home, summary, license }: AboutText) -> Self {
        Self { home, summary, license }
    }
}

/// The text that errors point into.
struct Check<'a> {
    file: &'a str,
    text: &'a str,
}

impl Check<'_> {
    fn error<T>(&self, at: &Spanned<T>, message: &str, label: &str, help: &str) -> RecipeError {
        let help = (!help.is_empty()).then(|| help.to_owned());
        RecipeError::at(self.file, self.text, Some(at.span()), format!("{}: {message}", self.file), label, help)
    }

    fn value<T: FromStr<Err: std::fmt::Display>>(&self, text: &Spanned<String>, what: &str) -> Result<T, RecipeError> {
        let parsed = text.get_ref().parse();
        parsed.map_err(|error: T::Err| self.error(text, &error.to_string(), &format!("expected a {what}"), ""))
    }

    fn values<T: FromStr<Err: std::fmt::Display>>(
        &self,
        texts: &[Spanned<String>],
        what: &str,
    ) -> Result<Vec<T>, RecipeError> {
        texts.iter().map(|text| self.value(text, what)).collect()
    }

    fn source(&self, source: SourceText) -> Result<Source, RecipeError> {
        let origin = match (&source.pypi, &source.debian, &source.file) {
            (Some(pypi), None, None) => SourceOrigin::PyPi(self.value(pypi, "project name")?),
            (None, Some(debian), Some(file)) => {
                self.file_name(file)?;
                self.debian_name(debian)?;
                SourceOrigin::Debian { package: debian.get_ref().clone(), file: file.get_ref().clone() }
            }
            (None, Some(debian), None) => {
                return Err(self.error(debian, "a Debian source needs `file`", "of this package", FILE_HELP));
            }
            (Some(_), _, Some(file)) => {
                return Err(self.error(file, "`file` goes with `debian`", "not with `pypi`", SOURCE_HELP));
            }
            (Some(_), Some(debian), None) => {
                return Err(self.error(debian, "two sources", "beside `pypi`", SOURCE_HELP));
            }
            (None, None, _) => {
                return Err(self.error(&source.sha256, "no source is named", "the hash of what?", SOURCE_HELP));
            }
        };
        for patch in &source.patches {
            self.file_name(patch)?;
        }
        let patches = source.patches.into_iter().map(Spanned::into_inner).collect();
        let crates = source.crates.map(|path| self.lock_path(path)).transpose()?;
        Ok(Source { origin, sha256: self.value(&source.sha256, "SHA-256 in hexadecimal")?, patches, crates })
    }

    fn lock_path(&self, path: Spanned<String>) -> Result<String, RecipeError> {
        let mut parts = path.get_ref().split('/').rev();
        if parts.next() != Some("Cargo.lock") || parts.any(|part| part.is_empty() || part.starts_with('.')) {
            return Err(self.error(&path, "not the path of a Cargo.lock in the source", "here", LOCK_HELP));
        }
        Ok(path.into_inner())
    }

    /// What builds Rust needs the crates.
    fn crates(&self, source: &SourceText, tools: &[Spanned<String>]) -> Result<(), RecipeError> {
        match tools.iter().find(|tool| RUST_TOOLS.contains(&tool.get_ref().as_str())) {
            Some(tool) if source.crates.is_none() => {
                Err(self.error(tool, "a build with Rust needs the source's `Cargo.lock`", "builds Rust", RUST_HELP))
            }
            _ => Ok(()),
        }
    }

    /// Names as in section 5.6.1 of the Debian policy.
    fn debian_name(&self, name: &Spanned<String>) -> Result<(), RecipeError> {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
        let text = name.get_ref();
        if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(inner) {
            return Ok(());
        }
        Err(self.error(name, "not the name of a Debian source package", "here", "such as \"libyaml\""))
    }

    fn file_name(&self, name: &Spanned<String>) -> Result<(), RecipeError> {
        let text = name.get_ref();
        if text.is_empty() || text.starts_with('.') || text.contains(['/', '\\', '\0']) {
            return Err(self.error(name, "not a plain file name", "expected a name without directories", ""));
        }
        Ok(())
    }

    fn build(&self, build: BuildText) -> Result<Build, RecipeError> {
        let kind = match build.kind.as_ref().map(|kind| kind.get_ref().as_str()) {
            None | Some("package") => BuildKind::Package,
            Some("static-library") => BuildKind::StaticLibrary,
            Some(_) => {
                let at = build.kind.as_ref().expect("matched above");
                return Err(self.error(at, "unknown build type", "here", "known: \"package\", \"static-library\""));
            }
        };
        if let (BuildKind::StaticLibrary, None, Some(at)) = (kind, &build.script, &build.kind) {
            return Err(self.error(at, "a library is built by its `script`", "and there is none", SCRIPT_HELP));
        }
        Ok(Build {
            kind,
            script: build.script.map(Spanned::into_inner),
            cflags: build.cflags,
            cxxflags: build.cxxflags,
            ldflags: build.ldflags,
            exports: self.exports(build.exports)?,
            environment: build.environment,
            config_settings: build.config_settings,
        })
    }

    fn exports(&self, exports: Option<Spanned<ExportsText>>) -> Result<Exports, RecipeError> {
        let Some(exports) = exports else { return Ok(Exports::PyInit) };
        match exports.get_ref() {
            ExportsText::Word(word) if word == "pyinit" => Ok(Exports::PyInit),
            ExportsText::Word(word) if word == "whole-archive" => Ok(Exports::WholeArchive),
            ExportsText::Word(_) => {
                let help = "known: \"pyinit\", \"whole-archive\", or a list of symbols";
                Err(self.error(&exports, "unknown word for `exports`", "here", help))
            }
            ExportsText::Symbols(symbols) => Ok(Exports::Symbols(symbols.clone())),
        }
    }

    fn test_script(&self, build: &Build, script: Option<Spanned<String>>) -> Result<Option<String>, RecipeError> {
        let Some(script) = script else { return Ok(None) };
        self.file_name(&script)?;
        if build.kind != BuildKind::Package {
            return Err(self.error(&script, "a library has no test", "nothing of it can be imported", TEST_HELP));
        }
        Ok(Some(script.into_inner()))
    }

    /// Modules that are not imported; what is left out must be explained.
    fn left_out(&self, modules: BTreeMap<String, Spanned<String>>) -> Result<BTreeMap<String, String>, RecipeError> {
        if let Some((name, reason)) = modules.iter().find(|(_, reason)| reason.get_ref().trim().is_empty()) {
            let message = format!("`leave-out` gives no reason for {name}");
            return Err(self.error(reason, &message, "expected a sentence", LEAVE_OUT_HELP));
        }
        Ok(modules.into_iter().map(|(name, reason)| (name, reason.into_inner())).collect())
    }
}

/// Build requirements that call cargo.
const RUST_TOOLS: &[&str] = &["maturin", "setuptools-rust"];

const SOURCE_HELP: &str =
    "a source is either `pypi = \"PROJECT\"`, or `debian = \"SOURCE PACKAGE\"` with `file = \"TARBALL\"`";
const FILE_HELP: &str = "name the upstream tarball, as in `file = \"libyaml_0.2.5.orig.tar.gz\"`";
const SCRIPT_HELP: &str = "add `script`, which installs into \"$PREFIX\"";
const LEAVE_OUT_HELP: &str = "such as `leave-out = { package_tests = \"needs pytest\" }`";
const LOCK_HELP: &str = "a path from the top of the source, such as \"Cargo.lock\" or \"rust/Cargo.lock\"";
const RUST_HELP: &str =
    "add `crates = \"Cargo.lock\"` to `[source]`: a build has no network, so its crates come before";
const TEST_HELP: &str = "test it in a package that links it";
