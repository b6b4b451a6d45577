//! Folders of recipes: reading theirs, writing ours.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use pkgsrv_recipe::foreign::Imported;

/// The file that makes a folder a recipe of pyodide-build.
pub(super) const META: &str = "meta.yaml";

/// Bytes; a recipe beyond this is none.
const LARGEST_META: u64 = 1 << 20;

/// Bytes of a file beside a recipe, such as a patch.
const LARGEST_FILE: u64 = 64 << 20;

/// Directories below a recipe's folder that are looked into, and files there.
const DEEPEST: usize = 8;
const MOST_FILES: usize = 10_000;

/// The pinned tools, without which a folder of recipes is not complete.
const BUILD_REQUIREMENTS: &str = "build-requirements.toml";
const NO_REQUIREMENTS: &str =
    "# Every project that `build` of `[requirements]` may name, each pinned to one wheel.\nwheel = []\n";

/// The recipes at `directory`: it is one, or has folders that are, sorted by name.
pub(super) fn recipes(directory: &Path) -> Result<Vec<PathBuf>> {
    if directory.join(META).is_file() {
        return Ok(vec![directory.to_owned()]);
    }
    let entries = fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    let mut folders: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.join(META).is_file()).collect();
    folders.sort();
    if folders.is_empty() {
        bail!(
            "neither {directory} nor a folder in it has a {META}; name the directory that has one folder for each \
             recipe, such as packages/ of a tree for pyodide-build",
            directory = directory.display()
        );
    }
    Ok(folders)
}

/// The text of a recipe.
pub(super) fn read_meta(folder: &Path) -> Result<String> {
    let path = folder.join(META);
    let bytes = read(&path, LARGEST_META, "recipe")?;
    String::from_utf8(bytes).with_context(|| format!("cannot read {}", path.display()))
}

fn read(path: &Path, most: u64, what: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    file.take(most + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {}", path.display()))?;
    if bytes.len() as u64 > most {
        bail!("{} is larger than {most} bytes, which no {what} is", path.display());
    }
    Ok(bytes)
}

/// The files in a folder and below, by path from there, sorted; links are not followed.
pub(super) fn files(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut pending = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((directory, prefix, depth)) = pending.pop() {
        let entries = fs::read_dir(&directory).with_context(|| format!("cannot read {}", directory.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot read {}", directory.display()))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let kind = entry.file_type().with_context(|| format!("cannot read {}", entry.path().display()))?;
            if name.starts_with('.') {
                continue;
            }
            if kind.is_file() {
                found.push(format!("{prefix}{name}"));
            } else if kind.is_dir() && depth < DEEPEST {
                pending.push((entry.path(), format!("{prefix}{name}/"), depth + 1));
            }
        }
        if found.len() > MOST_FILES {
            bail!("{} has more than {MOST_FILES} files, which no recipe has", folder.display());
        }
    }
    found.sort();
    Ok(found)
}

/// Writes a recipe's folder below `out`, whole or not at all; `false` if there is one already, which is kept.
pub(super) fn write(imported: &Imported, from: &Path, out: &Path) -> Result<bool> {
    let place = out.join(imported.recipe.name.as_str());
    if place.exists() {
        return Ok(false);
    }
    fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let work = tempfile::Builder::new().prefix(".importing-").tempdir_in(out);
    let work = work.with_context(|| format!("cannot write below {}", out.display()))?;
    let folder = work.path().join("recipe");
    for (there, here) in &imported.files {
        let path = folder.join(here);
        let parent = path.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        // Not `copy`, which keeps the mode: what is read-only there must not be here.
        let bytes = read(&from.join(there), LARGEST_FILE, "file of a recipe")?;
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join("recipe.toml");
    fs::write(&path, imported.recipe.to_toml()).with_context(|| format!("cannot write {}", path.display()))?;
    fs::rename(&folder, &place).with_context(|| format!("cannot write {}", place.display()))?;
    Ok(true)
}

/// Makes `out` a folder that `pkgsrv build --recipes` opens.
pub(super) fn complete(out: &Path) -> Result<()> {
    let path = out.join(BUILD_REQUIREMENTS);
    if !path.exists() {
        fs::write(&path, NO_REQUIREMENTS).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
