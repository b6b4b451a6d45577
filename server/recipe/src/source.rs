//! The source of a recipe: where it is looked up, and what is done to it before the build.

use pkgsrv_index::{Digest, PackageName, WheelFilename};
use serde::Serialize;
use toml::Spanned;

use crate::check::Check;
use crate::error::RecipeError;
use crate::text::SourceText;

/// A source archive, pinned by hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Where it is looked up.
    pub origin: SourceOrigin,
    /// SHA-256 of the archive.
    pub sha256: Digest,
    /// Directory in the archive that is the source, by default the only one at the top.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extract_dir: Option<String>,
    /// Patch files beside the recipe, applied in this order with `patch -p1`.
    pub patches: Vec<String>,
    /// Files beside the recipe that are copied into the source after the patches: path beside the recipe, path from the
    /// source's top.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extras: Vec<(String, String)>,
    /// Files beside the recipe that scripts may read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// The `Cargo.lock` in the source, as a path from its top: the crates that it names are fetched, and the build has
    /// Rust.
    pub crates: Option<String>,
}

/// Where a source archive is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum SourceOrigin {
    /// The sdist of this project and of the recipe's version on the upstream index.
    PyPi(PackageName),
    /// A wheel of this project on the upstream index, which is taken as it is.
    PyPiWheel {
        /// The project.
        project: PackageName,
        /// The wheel's file name.
        filename: String,
    },
    /// A file of a Debian source package.
    Debian {
        /// Source package name.
        package: String,
        /// File name of the upstream tarball.
        file: String,
    },
    /// A file at this address: an archive, or a wheel, which is taken as it is.
    Url(String),
}

/// What an address of a source may end with.
const ARCHIVES: &[&str] = &[".tar.bz2", ".tar.gz", ".tar.xz", ".tgz", ".whl", ".zip"];

impl SourceOrigin {
    /// The wheel that it is; `None` where something is to be built.
    pub fn wheel(&self) -> Option<&str> {
        match self {
            Self::PyPiWheel { filename, .. } => Some(filename),
            Self::Url(url) => Some(url_filename(url)).filter(|name| is_wheel(name)),
            Self::PyPi(_) | Self::Debian { .. } => None,
        }
    }
}

fn is_wheel(filename: &str) -> bool {
    filename.strip_suffix(".whl").is_some()
}

/// The last part of an address's path.
pub fn url_filename(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    path.rsplit('/').next().unwrap_or(path)
}

impl Check<'_> {
    pub fn source(&self, source: SourceText, package: &PackageVersion<'_>) -> Result<Source, RecipeError> {
        let origin = self.origin(&source, package)?;
        if origin.wheel().is_some() {
            self.nothing_done_to_a_wheel(&source)?;
        }
        for patch in &source.patches {
            self.file_name(patch)?;
        }
        let extra = |(from, to)| Ok((self.relative_path(from)?, self.relative_path(to)?));
        Ok(Source {
            origin,
            sha256: self.value(&source.sha256, "SHA-256 in hexadecimal")?,
            extract_dir: source.extract_dir.map(|path| self.relative_path(path)).transpose()?,
            patches: source.patches.into_iter().map(Spanned::into_inner).collect(),
            extras: source.extras.into_iter().map(extra).collect::<Result<_, _>>()?,
            files: self.relative_paths(source.files)?,
            crates: source.crates.map(|path| self.lock_path(path)).transpose()?,
        })
    }

    fn origin(&self, source: &SourceText, package: &PackageVersion<'_>) -> Result<SourceOrigin, RecipeError> {
        let SourceText { pypi, wheel, debian, file, url, sha256, .. } = source;
        if let (Some(at), None) = (file, debian) {
            return Err(self.error(at, "`file` goes with `debian`", "and there is none", SOURCE_HELP));
        }
        if let (Some(at), None) = (wheel, pypi) {
            return Err(self.error(at, "`wheel` goes with `pypi`", "and there is none", SOURCE_HELP));
        }
        match (pypi, debian, url) {
            (Some(pypi), None, None) => {
                let project = self.value(pypi, "project name")?;
                let Some(wheel) = wheel else { return Ok(SourceOrigin::PyPi(project)) };
                self.wheel_of(wheel, wheel.get_ref(), package)?;
                Ok(SourceOrigin::PyPiWheel { project, filename: wheel.get_ref().clone() })
            }
            (None, Some(debian), None) => {
                let Some(file) = file else {
                    return Err(self.error(debian, "a Debian source needs `file`", "of this package", FILE_HELP));
                };
                self.file_name(file)?;
                self.debian_name(debian)?;
                Ok(SourceOrigin::Debian { package: debian.get_ref().clone(), file: file.get_ref().clone() })
            }
            (None, None, Some(url)) => self.url(url, package),
            (None, None, None) => Err(self.error(sha256, "no source is named", "the hash of what?", SOURCE_HELP)),
            (Some(_), Some(second), _) | (Some(_), None, Some(second)) => {
                Err(self.error(second, "two sources", "beside `pypi`", SOURCE_HELP))
            }
            (None, Some(_), Some(second)) => Err(self.error(second, "two sources", "beside `debian`", SOURCE_HELP)),
        }
    }

    fn url(&self, url: &Spanned<String>, package: &PackageVersion<'_>) -> Result<SourceOrigin, RecipeError> {
        let text = url.get_ref();
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
        let host = rest.split('/').next().unwrap_or_default();
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"\\<>".contains(&byte);
        if host.is_empty() || host.contains('@') || !text.bytes().all(is_plain) {
            return Err(self.error(url, "not the address of a file", "here", URL_HELP));
        }
        let filename = url_filename(text);
        if filename.starts_with('.') || !rest.contains('/') || !ARCHIVES.iter().any(|end| filename.ends_with(end)) {
            let help = format!("what can be unpacked ends with {}", ARCHIVES.join(", "));
            return Err(self.error(url, "not the address of an archive", "here", &help));
        }
        if is_wheel(filename) {
            self.wheel_of(url, filename, package)?;
        }
        Ok(SourceOrigin::Url(text.clone()))
    }

    /// A wheel is published under its own name and version, so they must be the recipe's.
    fn wheel_of(&self, at: &Spanned<String>, filename: &str, package: &PackageVersion<'_>) -> Result<(), RecipeError> {
        let wheel: WheelFilename = filename
            .parse()
            .map_err(|error: pkgsrv_index::IndexError| self.error(at, &error.to_string(), "expected a wheel", ""))?;
        if wheel.name() == package.name && wheel.version() == package.version {
            return Ok(());
        }
        let message = format!("{filename} is not of {} {}", package.name, package.version);
        Err(self.error(at, &message, "here", "`name` and `version` of `[package]` must be the wheel's"))
    }

    fn nothing_done_to_a_wheel(&self, source: &SourceText) -> Result<(), RecipeError> {
        let fields = [
            ("extract-dir", source.extract_dir.as_ref()),
            ("patches", source.patches.first()),
            ("extras", source.extras.first().map(|(from, _)| from)),
            ("crates", source.crates.as_ref()),
        ];
        match fields.into_iter().find_map(|(name, at)| Some((name, at?))) {
            Some((name, at)) => {
                let message = format!("`{name}` has no meaning for a wheel, which is taken as it is");
                Err(self.error(at, &message, "here", "name the sdist instead, or change the wheel in `post`"))
            }
            None => Ok(()),
        }
    }

    fn lock_path(&self, path: Spanned<String>) -> Result<String, RecipeError> {
        let mut parts = path.get_ref().split('/').rev();
        if parts.next() != Some("Cargo.lock") || parts.any(|part| part.is_empty() || part.starts_with('.')) {
            return Err(self.error(&path, "not the path of a Cargo.lock in the source", "here", LOCK_HELP));
        }
        Ok(path.into_inner())
    }

    /// What builds Rust needs the crates.
    pub fn crates(&self, source: &SourceText, tools: &[Spanned<String>]) -> Result<(), RecipeError> {
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
}

/// What a wheel's file name must say.
pub struct PackageVersion<'a> {
    pub name: &'a PackageName,
    pub version: &'a pep440_rs::Version,
}

/// Build requirements that call cargo.
pub const RUST_TOOLS: &[&str] = &["maturin", "setuptools-rust"];

const SOURCE_HELP: &str = "a source is `pypi = \"PROJECT\"` (with `wheel = \"FILE.whl\"` if it is not the sdist), or \
                           `debian = \"SOURCE PACKAGE\"` with `file = \"TARBALL\"`, or `url = \"ADDRESS\"`";
const FILE_HELP: &str = "name the upstream tarball, as in `file = \"libyaml_0.2.5.orig.tar.gz\"`";
const URL_HELP: &str = "it begins with https:// or http://, has no user name and no spaces";
const LOCK_HELP: &str = "a path from the top of the source, such as \"Cargo.lock\" or \"rust/Cargo.lock\"";
const RUST_HELP: &str =
    "add `crates = \"Cargo.lock\"` to `[source]`: a build has no network, so its crates come before";
