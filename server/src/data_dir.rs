//! The data directory and what lies where in it.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::audit::AuditLog;
use crate::encoding::Search;
use crate::http::assets::encodings_beside;
use crate::{ServerError, Store, Tokens};

/// How the names of directories begin that are being filled.
const WORK: &str = ".work-";

/// Names what [`runtime_encodings`] makes; another number stands for other encoders.
pub const RUNTIME_ENCODINGS: &str = "encodings-1";

/// The encodings of a runtime's file that pages fetch, each by the name that it has beside the file, as small as is bearable:
/// some seconds per MB.
pub fn runtime_encodings(name: &str, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    encodings_beside(name, bytes, Search::Long)
}

/// The data directory: the store of all channels, and the files that are served as they are.
#[derive(Debug, Clone)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// A directory of one's own choice.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The store of all channels.
    pub fn store(&self) -> Store {
        Store::new(self.0.join("store")).with_keys(self.keys())
    }

    /// The keys that channels sign with: beside the store, of which every byte is public.
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// The tokens for uploads.
    pub fn tokens(&self) -> Tokens {
        Tokens::new(self.0.join("tokens"))
    }

    /// Who asked for which change.
    pub(crate) fn audit(&self) -> AuditLog {
        AuditLog::new(self.0.join("audit.jsonl"))
    }

    /// Where uploads lie until they are checked.
    pub(crate) fn staging(&self) -> PathBuf {
        self.0.join("staging")
    }

    /// Runtimes to be served, each in `{name}/{version}`.
    pub fn runtimes(&self) -> PathBuf {
        self.0.join("runtime")
    }

    /// The environments of all channels.
    pub fn all_environments(&self) -> PathBuf {
        self.0.join("environments")
    }

    /// The loader's npm build to be served: a link to one of `loader-builds`.
    pub fn loader(&self) -> PathBuf {
        self.0.join("loader")
    }

    /// Copies a runtime's files, which lie in several directories, to where they are served; nothing is done if they are
    /// there, of the sizes they have.
    pub fn add_runtime(&self, name: &str, version: &str, files: &[&Path]) -> Result<(), ServerError> {
        let place = self.runtimes().join(name).join(version);
        if place.is_dir() && same_sizes(files, &place)? {
            return Ok(());
        }
        let _lock = self.lock()?;
        // Another program may have been faster.
        if place.is_dir() && same_sizes(files, &place)? {
            return Ok(());
        }
        self.copy_anew(files, &place)
    }

    /// Puts a runtime's files in the place of those that are there.
    pub(crate) fn replace_runtime(&self, name: &str, version: &str, files: &Path) -> Result<(), ServerError> {
        let _lock = self.lock()?;
        self.copy_anew(&[files], &self.runtimes().join(name).join(version))
    }

    /// Copies, and takes away what is there in part; what is being read of that stays readable.
    fn copy_anew(&self, files: &[&Path], place: &Path) -> Result<(), ServerError> {
        let (copies, aside) = (self.copies(files)?, self.work_directory()?);
        keep_libraries(place, copies.path())?;
        match fs::rename(place, aside.path().join("damaged")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove the damaged", place)(error)),
            _ => move_to_place(&copies, place),
        }
    }

    /// Whether the npm build that is served is the one called `build`, with files of these sizes.
    pub fn has_loader(&self, build: &str, files: &[(&str, &[u8])]) -> bool {
        let served = files.iter().filter(|(name, _)| !name.starts_with('.'));
        let is_there = |(name, bytes): &(&str, &[u8])| {
            fs::metadata(self.loader().join(name)).is_ok_and(|there| there.len() == bytes.len() as u64)
        };
        self.loader_build().is_some_and(|current| current == build) && served.clone().all(is_there)
    }

    /// What the npm build that is served is called; `None` if there is none.
    pub(crate) fn loader_build(&self) -> Option<String> {
        let build = fs::canonicalize(self.loader()).ok()?;
        Some(build.file_name()?.to_string_lossy().into_owned())
    }

    /// Makes the npm build at `files`, which is called `build`, the one that is served. Readers see the old one or the
    /// new one.
    pub fn set_loader(&self, build: &str, files: &Path) -> Result<(), ServerError> {
        let _lock = self.lock()?;
        let place = self.loader_builds().join(build);
        let is_copied = place.is_dir() && same_sizes(&[files], &place)?;
        if !is_copied {
            self.copy_anew(&[files], &place)?;
        }
        self.serve_loader(build)
    }

    /// The same where what is there of that name may be damaged.
    pub(crate) fn replace_loader(&self, build: &str, files: &Path) -> Result<(), ServerError> {
        let _lock = self.lock()?;
        self.copy_anew(&[files], &self.loader_builds().join(build))?;
        self.serve_loader(build)
    }

    fn loader_builds(&self) -> PathBuf {
        self.0.join("loader-builds")
    }

    /// Under the lock.
    fn serve_loader(&self, build: &str) -> Result<(), ServerError> {
        if self.loader_build().is_some_and(|current| current == build) {
            return Ok(());
        }
        let (work, builds) = (self.work_directory()?, self.loader_builds());
        let link = work.path().join("loader");
        let swap =
            symlink(Path::new("loader-builds").join(build), &link).and_then(|()| fs::rename(&link, self.loader()));
        swap.map_err(failed("set the loader in", &self.0))?;
        // Nothing names the builds before; what is being read of them stays readable.
        for old in fs::read_dir(&builds).map_err(failed("read", &builds))?.flatten() {
            if old.file_name() != build {
                let _kept_then = fs::remove_dir_all(old.path());
            }
        }
        Ok(())
    }

    /// Copies in a directory beside: there is never half of them in their place.
    fn copies(&self, files: &[&Path]) -> Result<TempDir, ServerError> {
        let work = self.work_directory()?;
        for file in served_files(files)? {
            let copy = work.path().join(file.file_name().unwrap_or_default());
            fs::copy(&file, &copy).map_err(failed("copy to", &copy))?;
        }
        Ok(work)
    }

    /// Held until dropped: two commands at once must not remove what the other has just copied. What is half done when
    /// the lock is free was left by a killed program: it is removed.
    pub(crate) fn lock(&self) -> Result<fs::File, ServerError> {
        fs::create_dir_all(&self.0).map_err(failed("create", &self.0))?;
        let path = self.0.join(".lock");
        let file = fs::File::create(&path).map_err(failed("create", &path))?;
        file.lock().map_err(failed("lock", &path))?;
        for entry in fs::read_dir(&self.0).map_err(failed("read", &self.0))?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(WORK) {
                let _kept_then = fs::remove_dir_all(entry.path());
            }
        }
        Ok(file)
    }

    /// Puts a file into a directory, which is made if need be, in one step; under the lock only.
    pub(crate) fn put(&self, directory: &Path, name: &str, bytes: &[u8]) -> Result<(), ServerError> {
        let (work, place) = (self.work_directory()?, directory.join(name));
        let copy = work.path().join(name);
        let put = fs::create_dir_all(directory)
            .and_then(|()| fs::write(&copy, bytes))
            .and_then(|()| fs::rename(&copy, &place));
        put.map_err(|source| ServerError::Write { path: place, source })
    }

    /// Made under the lock only.
    pub(crate) fn work_directory(&self) -> Result<TempDir, ServerError> {
        tempfile::Builder::new().prefix(WORK).tempdir_in(&self.0).map_err(failed("write in", &self.0))
    }
}

/// Copies standard libraries that only the files before have: environments that were made with them name them.
fn keep_libraries(before: &Path, copies: &Path) -> Result<(), ServerError> {
    let files = if before.is_dir() { served_files(&[before])? } else { Vec::new() };
    for file in files {
        let name = file.file_name().unwrap_or_default();
        let copy = copies.join(name);
        if name.as_encoded_bytes().starts_with(b"stdlib-") && !copy.exists() {
            fs::copy(&file, &copy).map_err(failed("copy to", &copy))?;
        }
    }
    Ok(())
}

fn move_to_place(copies: &TempDir, place: &Path) -> Result<(), ServerError> {
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent).map_err(failed("create", parent))?;
    }
    match fs::rename(copies.path(), place) {
        // Another process was faster with the same files.
        Err(_) if place.is_dir() => Ok(()),
        renamed => renamed.map_err(failed("write", place)),
    }
}

/// The files of directories that are served; a hidden one is its maker's.
fn served_files(directories: &[&Path]) -> Result<Vec<PathBuf>, ServerError> {
    let mut files = Vec::new();
    for directory in directories {
        for entry in fs::read_dir(directory).map_err(failed("read", directory))? {
            let entry = entry.map_err(failed("read", directory))?;
            if !entry.file_name().as_encoded_bytes().starts_with(b".") && entry.path().is_file() {
                files.push(entry.path());
            }
        }
    }
    Ok(files)
}

fn same_sizes(files: &[&Path], copies: &Path) -> Result<bool, ServerError> {
    let size = |path: &Path| fs::metadata(path).ok().map(|metadata| metadata.len());
    let is_copied = |file: &PathBuf| size(file) == size(&copies.join(file.file_name().unwrap_or_default()));
    Ok(served_files(files)?.iter().all(is_copied))
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ServerError {
    move |source| ServerError::DataDirectory { doing, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(directory.path().join(name), name).unwrap();
        }
        directory
    }

    #[test]
    fn a_new_loader_takes_the_place_of_the_old_one() {
        let home = tempfile::tempdir().unwrap();
        let data = DataDir::new(home.path().join("data"));
        data.set_loader("one", files(&["a.js"]).path()).unwrap();
        assert_eq!(fs::read_to_string(data.loader().join("a.js")).unwrap(), "a.js");
        data.set_loader("two", files(&["b.js"]).path()).unwrap();
        assert_eq!(fs::read_to_string(data.loader().join("b.js")).unwrap(), "b.js");
        assert!(!data.loader().join("a.js").exists());
        let builds: Vec<_> = fs::read_dir(data.path().join("loader-builds")).unwrap().collect();
        assert_eq!(builds.len(), 1);
    }

    #[test]
    fn a_runtime_is_copied_once() {
        let home = tempfile::tempdir().unwrap();
        let data = DataDir::new(home.path());
        data.add_runtime("pyodide", "1", &[files(&["a.wasm"]).path()]).unwrap();
        let place = data.runtimes().join("pyodide/1");
        let copied = || fs::metadata(place.join("a.wasm")).unwrap().modified().unwrap();
        let before = copied();
        data.add_runtime("pyodide", "1", &[files(&["a.wasm"]).path()]).unwrap();
        assert_eq!(copied(), before);
    }

    #[test]
    fn another_image_leaves_the_standard_library_of_environments() {
        let home = tempfile::tempdir().unwrap();
        let data = DataDir::new(home.path());
        for image in ["one", "two"] {
            let [library, memory] = ["stdlib", "memory"].map(|name| format!("{name}-{image}.zip"));
            data.add_runtime("pyodide", "1", &[files(&["a.wasm"]).path(), files(&[&library, &memory]).path()]).unwrap();
        }
        let there = |name: &str| data.runtimes().join("pyodide/1").join(name).exists();
        assert!(there("stdlib-one.zip") && there("stdlib-two.zip") && there("memory-two.zip") && there("a.wasm"));
        assert!(!there("memory-one.zip"));
    }

    #[test]
    fn a_runtime_with_half_a_file_is_copied_again() {
        let home = tempfile::tempdir().unwrap();
        let data = DataDir::new(home.path());
        data.add_runtime("pyodide", "1", &[files(&["a.wasm"]).path()]).unwrap();
        let copy = data.runtimes().join("pyodide/1/a.wasm");
        fs::write(&copy, "a").unwrap();
        data.add_runtime("pyodide", "1", &[files(&["a.wasm"]).path()]).unwrap();
        assert_eq!(fs::read_to_string(copy).unwrap(), "a.wasm");
    }

    #[test]
    fn what_a_killed_program_left_is_removed() {
        let home = tempfile::tempdir().unwrap();
        let data = DataDir::new(home.path());
        let left = home.path().join(".work-left");
        fs::create_dir_all(&left).unwrap();
        data.add_runtime("pyodide", "1", &[files(&["a.wasm"]).path()]).unwrap();
        assert!(!left.exists());
    }
}
