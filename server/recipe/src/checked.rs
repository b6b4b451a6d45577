//! The checked recipe.

use std::collections::BTreeMap;

use pep440_rs::Version;
use pkgsrv_index::PackageName;
use serde::Serialize;
use toml::Spanned;

use crate::check::Check;
use crate::constraint::Constraint;
use crate::error::RecipeError;
use crate::requirements_lock::LockedWheel;
use crate::source::{PackageVersion, Source};
use crate::text::{AboutText, BuildText, ExportsText, RecipeText};

/// How one package is built. Serialized, it is part of its action's digest: facts for people are left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    /// The recipe's authors' own.
    #[serde(skip)]
    pub extra: toml::Table,
}

/// Facts for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Home page.
    pub home: String,
    /// One sentence.
    pub summary: String,
    /// SPDX expression.
    pub license: String,
}

/// What a recipe makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum BuildKind {
    /// A wheel, by the source's own PEP 517 backend.
    Package,
    /// A directory of headers and archives that other recipes link (`requirements.host`).
    StaticLibrary,
    /// The same with side modules (`lib*.so`), which travel inside the wheels of the packages that link them.
    SharedLibrary,
    /// The wheel that the source is, written anew.
    Wheel,
}

impl BuildKind {
    /// Whether a directory is made for other recipes, rather than a wheel.
    pub fn is_library(self) -> bool {
        matches!(self, Self::StaticLibrary | Self::SharedLibrary)
    }
}

/// Where a library installs and where the libraries in `requirements.host` are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Prefix {
    /// Each library in a directory of its own.
    #[default]
    Own,
    /// One directory with everything of all of them; a library's result has what it was built with, too.
    Shared,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Build {
    /// What is made.
    pub kind: BuildKind,
    /// `bash -e` script in the source directory: before the backend for packages, the whole build for libraries.
    pub script: Option<String>,
    /// `bash -e` script in the unpacked wheel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post: Option<String>,
    /// Where libraries are.
    #[serde(skip_serializing_if = "is_default")]
    pub prefix: Prefix,
    /// Whether tests are left out of the wheel.
    #[serde(skip_serializing_if = "is_default")]
    pub unvendor_tests: bool,
    /// File names, with `*` and `?`, of tests that stay all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retain_test_patterns: Vec<String>,
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Requirements {
    /// Python projects that run on the build machine; versions and hashes come from `recipes/build-requirements.toml`.
    pub build: Vec<PackageName>,
    /// Whether the build requirements that the source's `pyproject.toml` names are needed too.
    #[serde(skip_serializing_if = "is_default")]
    pub build_system: bool,
    /// Versions of build requirements that will do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub constraint: Vec<Constraint>,
    /// Recipes whose result is linked or included.
    pub host: Vec<PackageName>,
    /// Recipes that must be there when the package is imported.
    pub run: Vec<PackageName>,
    /// Wheels that are installed for the build Python, instead of the pinned ones of the same projects; sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<LockedWheel>,
}

impl Recipe {
    /// Reads and checks the text of the recipe file called `file`.
    pub fn parse(file: &str, text: &str) -> Result<Self, RecipeError> {
        let parsed: RecipeText = toml::from_str(text).map_err(|error| RecipeError::from_toml(file, text, &error))?;
        Check { file, text }.recipe(parsed)
    }
}

/// What is the default is left out of a digest's input: a recipe that does not use a field has the digest that it had
/// before there was that field.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl From<AboutText> for About {
    fn from(AboutText { home, summary, license }: AboutText) -> Self {
        Self { home, summary, license }
    }
}

impl Check<'_> {
    /// Checks what the fields say together, whichever format they were read from.
    pub fn recipe(&self, parsed: RecipeText) -> Result<Recipe, RecipeError> {
        let RecipeText { package, source, build, requirements, test, about, extra } = parsed;
        let name: PackageName = self.value(&package.name, "package name")?;
        let version: Version = self.value(&package.version, "PEP 440 version")?;
        self.crates(&source, &requirements.build)?;
        let place = source.sha256.span();
        let source = self.source(source, &PackageVersion { name: &name, version: &version })?;
        let wheel = source.origin.wheel().map(|_| Spanned::new(place, ()));
        let build = self.build(build, wheel.as_ref())?;
        Ok(Recipe {
            requirements: Requirements {
                build: self.values(&requirements.build, "project name")?,
                build_system: requirements.build_system,
                constraint: self.values(&requirements.constraint, "constraint such as \"cython<3.1\"")?,
                host: self.values(&requirements.host, "recipe name")?,
                run: self.values(&requirements.run, "recipe name")?,
                tools: self.tools(&requirements.tools)?,
            },
            test_imports: test.imports,
            test_left_out: self.left_out(test.leave_out)?,
            test_script: self.test_script(&build, test.script)?,
            about: about.into(),
            name,
            version,
            source,
            build,
            extra,
        })
    }

    /// Of a project there is one wheel for each kind of machine.
    fn tools(&self, listed: &BTreeMap<Spanned<String>, Spanned<String>>) -> Result<Vec<LockedWheel>, RecipeError> {
        let mut tools: Vec<LockedWheel> = Vec::new();
        for (filename, sha256) in listed {
            let tool = LockedWheel {
                filename: self.value(filename, "wheel's file name")?,
                sha256: self.value(sha256, "SHA-256 in hexadecimal")?,
                requires: Vec::new(),
            };
            if let Some(other) =
                tools.iter().find(|other| other.filename.name() == tool.filename.name() && other.rivals(&tool))
            {
                let message = format!("a second wheel of {} for the same machines", tool.filename.name());
                return Err(self.error(filename, &message, "here", &format!("the other one is {}", other.filename)));
            }
            tools.push(tool);
        }
        Ok(tools)
    }

    /// `wheel` is the place of a source that is one.
    fn build(&self, build: BuildText, wheel: Option<&Spanned<()>>) -> Result<Build, RecipeError> {
        let kind = self.kind(build.kind.as_ref(), wheel)?;
        if let (true, None, Some(at)) = (kind.is_library(), &build.script, &build.kind) {
            return Err(self.error(at, "a library is built by its `script`", "and there is none", SCRIPT_HELP));
        }
        if let Some(at) = wheel {
            self.nothing_built(&build, at)?;
        }
        if let (true, Some(post)) = (kind.is_library(), &build.post) {
            return Err(self.error(
                post,
                "`post` is for wheels",
                "a library has none",
                "put it at the end of `script`",
            ));
        }
        for pattern in &build.retain_test_patterns {
            if pattern.get_ref().contains(['/', '[', ']']) {
                return Err(self.error(pattern, "not a pattern of a file name", "here", PATTERN_HELP));
            }
        }
        Ok(Build {
            kind,
            prefix: self.prefix(build.prefix.as_ref())?,
            script: build.script.map(Spanned::into_inner),
            post: build.post.map(Spanned::into_inner),
            unvendor_tests: build.unvendor_tests,
            retain_test_patterns: build.retain_test_patterns.into_iter().map(Spanned::into_inner).collect(),
            cflags: build.cflags,
            cxxflags: build.cxxflags,
            ldflags: build.ldflags,
            exports: self.exports(build.exports, kind)?,
            environment: build.environment,
            config_settings: build.config_settings,
        })
    }

    fn kind(&self, kind: Option<&Spanned<String>>, wheel: Option<&Spanned<()>>) -> Result<BuildKind, RecipeError> {
        let Some(at) = kind else { return Ok(if wheel.is_some() { BuildKind::Wheel } else { BuildKind::Package }) };
        match (at.get_ref().as_str(), wheel) {
            ("package", None) => Ok(BuildKind::Package),
            ("static-library", None) => Ok(BuildKind::StaticLibrary),
            ("shared-library", None) => Ok(BuildKind::SharedLibrary),
            ("wheel", Some(_)) => Ok(BuildKind::Wheel),
            ("wheel", None) => Err(self.error(at, "the source is no wheel", "here", WHEEL_HELP)),
            ("package" | "static-library" | "shared-library", Some(_)) => {
                Err(self.error(at, "the source is a wheel, which is not built", "here", WHEEL_HELP))
            }
            _ => Err(self.error(at, "unknown build type", "here", KIND_HELP)),
        }
    }

    fn prefix(&self, prefix: Option<&Spanned<String>>) -> Result<Prefix, RecipeError> {
        match prefix.map(|prefix| (prefix, prefix.get_ref().as_str())) {
            None | Some((_, "own")) => Ok(Prefix::Own),
            Some((_, "shared")) => Ok(Prefix::Shared),
            Some((at, _)) => Err(self.error(at, "unknown word for `prefix`", "here", "known: \"own\", \"shared\"")),
        }
    }

    fn nothing_built(&self, build: &BuildText, at: &Spanned<()>) -> Result<(), RecipeError> {
        let span = at.span();
        let given = [
            ("script", build.script.as_ref().map(Spanned::span)),
            ("prefix", build.prefix.as_ref().map(Spanned::span)),
            ("exports", build.exports.as_ref().map(Spanned::span)),
            ("cflags", (!build.cflags.is_empty()).then(|| span.clone())),
            ("cxxflags", (!build.cxxflags.is_empty()).then(|| span.clone())),
            ("ldflags", (!build.ldflags.is_empty()).then(|| span.clone())),
            ("config-settings", (!build.config_settings.is_empty()).then_some(span)),
        ];
        match given.into_iter().find_map(|(name, span)| Some((name, span?))) {
            Some((name, span)) => {
                let message = format!("`{name}` has no meaning for a wheel, which is not built");
                Err(self.error(
                    &Spanned::new(span, ()),
                    &message,
                    "the source is a wheel",
                    "remove it, or name the sdist",
                ))
            }
            None => Ok(()),
        }
    }

    fn exports(&self, exports: Option<Spanned<ExportsText>>, kind: BuildKind) -> Result<Exports, RecipeError> {
        let is_shared = kind == BuildKind::SharedLibrary;
        let Some(exports) = exports else {
            return Ok(if is_shared { Exports::WholeArchive } else { Exports::PyInit });
        };
        match exports.get_ref() {
            ExportsText::Word(word) if word == "pyinit" && is_shared => {
                Err(self.error(&exports, "a shared library is no Python module", "here", SHARED_EXPORTS_HELP))
            }
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
        if build.kind.is_library() {
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

const KIND_HELP: &str = "known: \"package\", \"static-library\", \"shared-library\", \"wheel\"";
const SHARED_EXPORTS_HELP: &str = "it exports everything (\"whole-archive\"), or a list of symbols";
const WHEEL_HELP: &str = "a wheel is named by `wheel` beside `pypi`, or by `url`; `type` need not be given";
const PATTERN_HELP: &str = "`*` stands for any characters and `?` for one, as in \"*_data_test.py\"";
const SCRIPT_HELP: &str = "add `script`, which installs into \"$PREFIX\"";
const LEAVE_OUT_HELP: &str = "such as `leave-out = { package_tests = \"needs pytest\" }`";
const TEST_HELP: &str = "test it in a package that links it";
