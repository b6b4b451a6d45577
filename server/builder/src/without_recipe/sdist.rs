//! What a source distribution says of itself: metadata, build requirements, the lock of its crates.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use pkgsrv_index::{Digest, PackageName, Requirement};
use pkgsrv_recipe::{RUST_TOOLS, Recipe};
use pkgsrv_wheel::Metadata;

use crate::build_requirements::listed;
use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::source::{self, Fetched};
use crate::work_directory::WorkDirectory;

/// Bytes of a file that is read whole.
const LONGEST_TEXT: u64 = 16 << 20;

/// Where the lock of a source's crates may be, the first that is there.
const CARGO_LOCKS: &[&str] = &["Cargo.lock", "rust/Cargo.lock", "src/rust/Cargo.lock", "python/Cargo.lock"];

/// Directories of a source that are no part of it.
const NOT_SOURCE: &[&str] = &[".git", ".hg", ".tox", ".venv", "__pycache__", "build", "dist", "node_modules", "target"];

/// A source distribution, read.
#[derive(Debug)]
pub(super) struct Sdist {
    /// Its PKG-INFO.
    pub metadata: Metadata,
    /// The lines of `build-system.requires`.
    pub requires: Vec<String>,
    /// The lock of its crates, where it is built with Rust.
    pub cargo_lock: Option<String>,
    /// Its top directory, unpacked.
    pub top: PathBuf,
    /// Where that is; it is gone with this.
    _work: WorkDirectory,
}

impl Sdist {
    pub(super) fn open(context: &Context, fetched: &Fetched) -> Result<Self, BuildError> {
        let work = context.cache.work_directory("sdist")?;
        let top = source::unpack(fetched, work.path(), None)?;
        let bad = |reason: String| BuildError::Archive { filename: fetched.filename.clone(), reason };
        let info = read(&top.join("PKG-INFO"))
            .ok_or_else(|| bad("it has no PKG-INFO, and so is no source distribution".to_owned()))?;
        let metadata = Metadata::parse("PKG-INFO", &info).map_err(|error| bad(error.to_string()))?;
        let requires = requires_of(&top).map_err(bad)?;
        let is_rust = names(&requires).any(|name| RUST_TOOLS.contains(&name.as_str()));
        let lock = CARGO_LOCKS.iter().find(|lock| is_file(&top.join(lock)));
        let cargo_lock = lock.filter(|_| is_rust).map(|lock| (*lock).to_owned());
        if is_rust && cargo_lock.is_none() {
            return Err(bad(format!(
                "it is built with Rust and has no Cargo.lock (looked for {}), so nothing pins its crates; write a recipe \
                 with a patch that brings one",
                CARGO_LOCKS.join(", ")
            )));
        }
        Ok(Self { metadata, requires, cargo_lock, top, _work: work })
    }

    /// Whether it is what the index said: else something else would be built than was asked for.
    pub(super) fn check_is(&self, recipe: &Recipe) -> Result<(), BuildError> {
        let Metadata { name, version, .. } = &self.metadata;
        let is_name = name.parse::<PackageName>().is_ok_and(|name| name == recipe.name);
        if is_name && version.parse::<pep440_rs::Version>().is_ok_and(|version| version == recipe.version) {
            return Ok(());
        }
        let reason = format!("its PKG-INFO says that it is of {name} {version}; it was not built");
        Err(BuildError::Package { package: format!("{} {}", recipe.name, recipe.version), reason })
    }
}

fn requires_of(top: &Path) -> Result<Vec<String>, String> {
    let Some(text) = read(&top.join("pyproject.toml")) else { return listed(None) };
    let project: toml::Table = text.parse().map_err(|error| format!("pyproject.toml: {error}"))?;
    listed(Some(&project)).map_err(|reason| format!("pyproject.toml: {reason}"))
}

/// The projects that lines name. Markers decide when one is needed; here a name too many does no harm.
fn names(lines: &[String]) -> impl Iterator<Item = PackageName> {
    lines.iter().filter_map(|line| Some(line.split(';').next()?.parse::<Requirement>().ok()?.name))
}

fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// A text file of a sane size; an archive may have brought a link instead.
fn read(path: &Path) -> Option<String> {
    let fits = fs::symlink_metadata(path).is_ok_and(|it| it.is_file() && it.len() <= LONGEST_TEXT);
    fits.then(|| fs::read(path).ok()).flatten().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Packs a directory with a source as an sdist, the same bytes for the same files, and keeps it.
pub(super) fn pack(context: &Context, directory: &Path) -> Result<(Fetched, Digest), BuildError> {
    let bad = |reason: String| BuildError::Archive { filename: directory.display().to_string(), reason };
    let (name, version) = name_and_version(directory).map_err(bad)?;
    let top = format!("{}-{version}", name.as_str().replace('-', "_"));
    let work = context.cache.work_directory("sdist")?;
    let path = work.path().join(format!("{top}.tar.gz"));
    let file = File::create(&path).doing("create", &path)?;
    let mut tar = tar::Builder::new(GzBuilder::new().mtime(0).write(file, Compression::fast()));
    tar.mode(tar::HeaderMode::Deterministic);
    tar.follow_symlinks(false);
    let mut files = Vec::new();
    list(directory, Path::new(""), &mut files)?;
    files.sort();
    for file in &files {
        tar.append_path_with_name(directory.join(file), Path::new(&top).join(file))
            .doing("pack", &directory.join(file))?;
    }
    if !files.iter().any(|file| file == Path::new("PKG-INFO")) {
        let info =
            format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{}", requires(directory).map_err(bad)?);
        let mut header = tar::Header::new_gnu();
        header.set_size(info.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, Path::new(&top).join("PKG-INFO"), info.as_bytes()).doing("pack", &path)?;
    }
    tar.into_inner().and_then(flate2::write::GzEncoder::finish).doing("write", &path)?;
    let sha256 = source::hash_file(&path)?;
    Ok((source::keep_copy(context, &path, &sha256)?, sha256))
}

fn list(top: &Path, relative: &Path, files: &mut Vec<PathBuf>) -> Result<(), BuildError> {
    let directory = top.join(relative);
    for entry in fs::read_dir(&directory).doing("read", &directory)? {
        let entry = entry.doing("read", &directory)?;
        let path = relative.join(entry.file_name());
        let kind = entry.file_type().doing("read", &entry.path())?;
        if !kind.is_dir() {
            files.push(path);
        } else if !NOT_SOURCE.contains(&entry.file_name().to_string_lossy().as_ref()) {
            list(top, &path, files)?;
        }
    }
    Ok(())
}

/// `[project]` of a directory's `pyproject.toml`.
fn project_table(directory: &Path) -> Result<toml::Table, String> {
    let text = read(&directory.join("pyproject.toml")).ok_or_else(no_facts)?;
    let table: toml::Table = text.parse().map_err(|error| format!("pyproject.toml: {error}"))?;
    table.get("project").and_then(toml::Value::as_table).cloned().ok_or_else(no_facts)
}

fn name_and_version(directory: &Path) -> Result<(PackageName, String), String> {
    if let Some(info) = read(&directory.join("PKG-INFO")) {
        let metadata = Metadata::parse("PKG-INFO", &info).map_err(|error| error.to_string())?;
        return Ok((metadata.name.parse().map_err(|error| format!("PKG-INFO: {error}"))?, metadata.version));
    }
    let project = project_table(directory)?;
    let text = |key: &str| project.get(key).and_then(toml::Value::as_str).ok_or_else(no_facts);
    let name = text("name")?.parse().map_err(|error| format!("pyproject.toml: {error}"))?;
    Ok((name, text("version")?.to_owned()))
}

/// `Requires-Dist` lines of what `[project]` depends on.
fn requires(directory: &Path) -> Result<String, String> {
    let project = project_table(directory)?;
    let listed = project.get("dependencies").and_then(toml::Value::as_array);
    let lines = listed.into_iter().flatten().filter_map(toml::Value::as_str);
    Ok(lines.flat_map(|line| ["Requires-Dist: ", line, "\n"]).collect())
}

fn no_facts() -> String {
    "neither a PKG-INFO nor `name` and `version` in [project] of a pyproject.toml tell what it is; where its backend \
     computes them, make an sdist (`python3 -m build --sdist`) and name that"
        .to_owned()
}
