//! The data directory and what lies where in it.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{ServerError, Store};

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
        Store::new(self.0.join("store"))
    }

    /// Runtimes to be served, each in `{name}/{version}`.
    pub fn runtimes(&self) -> PathBuf {
        self.0.join("runtime")
    }

    /// The loader's npm build to be served: a link to one of `loader-builds`.
    pub fn loader(&self) -> PathBuf {
        self.0.join("loader")
    }

    /// Copies a runtime's files to where they are served; nothing is done if they are there.
    pub fn add_runtime(&self, name: &str, version: &str, files: &Path) -> Result<(), ServerError> {
        let place = self.runtimes().join(name).join(version);
        if place.is_dir() {
            return Ok(());
        }
        let lock = self.lock()?;
        self.copy_to_place(&lock, files, &place)
    }

    /// Makes the npm build at `files`, which is called `build`, the one that is served. Readers see the old one or the
    /// new one.
    pub fn set_loader(&self, build: &str, files: &Path) -> Result<(), ServerError> {
        let builds = self.0.join("loader-builds");
        let lock = self.lock()?;
        let place = builds.join(build);
        if fs::read_link(self.loader()).is_ok_and(|current| current.ends_with(build)) && place.is_dir() {
            return Ok(());
        }
        if !place.is_dir() {
            self.copy_to_place(&lock, files, &place)?;
        }
        let work = self.work_directory(&lock)?;
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

    /// Copies into a directory beside, then renames: there is never half of it at `place`.
    fn copy_to_place(&self, lock: &fs::File, files: &Path, place: &Path) -> Result<(), ServerError> {
        let work = self.work_directory(lock)?;
        for entry in fs::read_dir(files).map_err(failed("read", files))? {
            let entry = entry.map_err(failed("read", files))?;
            if entry.path().is_file() {
                let copy = work.path().join(entry.file_name());
                fs::copy(entry.path(), &copy).map_err(failed("copy to", &copy))?;
            }
        }
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent).map_err(failed("create", parent))?;
        }
        match fs::rename(work.path(), place) {
            // Another process was faster with the same files.
            Err(_) if place.is_dir() => Ok(()),
            renamed => renamed.map_err(failed("write", place)),
        }
    }

    /// Held until dropped: two commands at once must not remove what the other has just copied.
    fn lock(&self) -> Result<fs::File, ServerError> {
        fs::create_dir_all(&self.0).map_err(failed("create", &self.0))?;
        let path = self.0.join(".lock");
        let file = fs::File::create(&path).map_err(failed("create", &path))?;
        file.lock().map_err(failed("lock", &path))?;
        Ok(file)
    }

    /// Made under the lock, so that one which is there already was left by a killed program: it is removed.
    fn work_directory(&self, _lock: &fs::File) -> Result<TempDir, ServerError> {
        const PREFIX: &str = ".work-";
        for entry in fs::read_dir(&self.0).map_err(failed("read", &self.0))?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(PREFIX) {
                let _kept_then = fs::remove_dir_all(entry.path());
            }
        }
        tempfile::Builder::new().prefix(PREFIX).tempdir_in(&self.0).map_err(failed("write in", &self.0))
    }
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
        data.add_runtime("pyodide", "1", files(&["a.wasm"]).path()).unwrap();
        data.add_runtime("pyodide", "1", files(&["b.wasm"]).path()).unwrap();
        let place = data.runtimes().join("pyodide/1");
        assert!(place.join("a.wasm").exists() && !place.join("b.wasm").exists());
    }

    #[test]
    fn what_a_killed_program_left_is_removed() {
        let home = tempfile::tempdir().unwrap();
        let data = DataDir::new(home.path());
        let left = home.path().join(".work-left");
        fs::create_dir_all(&left).unwrap();
        data.add_runtime("pyodide", "1", files(&["a.wasm"]).path()).unwrap();
        assert!(!left.exists());
    }
}
