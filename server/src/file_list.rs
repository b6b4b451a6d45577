//! Lists of files that are served as they are, for whoever copies them: of a runtime, of the loader, of environments.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use pkgsrv_index::Digest;
use serde::{Deserialize, Serialize};

use crate::ServerError;
use crate::environments::{EnvironmentName, environment};
use crate::http::assets::AssetPath;
use crate::store::digest_of;

/// The list's own name, in the directory that it lists. No environment can have it: their names have no underscores.
pub(crate) const FILE_LIST: &str = "file_list.json";

const FORMAT: u32 = 1;
const MOST_FILES: usize = 4096;
/// Of one file, in bytes. Whoever copies it holds it in memory.
pub(crate) const LARGEST_FILE: u64 = 512 << 20;
/// Of all files of a list together, in bytes.
const LARGEST_LIST: u64 = 4 << 30;

/// The files of a directory, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileList {
    format: u32,
    files: Vec<ListedFile>,
}

/// A file of a list, or one that an index of an image names; its name is called `file` there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListedFile {
    #[serde(alias = "file")]
    pub(crate) name: String,
    pub(crate) sha256: Digest,
    /// In bytes.
    pub(crate) size: u64,
}

/// Which files of a directory are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    /// All that have an address.
    Served,
    /// The indexes of environments that are not damaged; they name the rest, by digest.
    Environments,
}

impl FileList {
    /// Lists what lies in a directory now; `None` if it is not there. `digest` hashes a file.
    pub(crate) fn of(
        directory: &Path,
        listed: Listed,
        mut digest: impl FnMut(&Path) -> Result<Digest, ServerError>,
    ) -> Result<Option<Self>, ServerError> {
        let failed = |source| ServerError::Read { path: directory.to_owned(), source };
        let entries = match fs::read_dir(directory) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            entries => entries.map_err(failed)?,
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        let mut files = Vec::new();
        for path in paths {
            let name = path.file_name().and_then(|name| name.to_str()).filter(|name| is_file_name(name));
            let Some(name) = name else { continue };
            // What is replaced meanwhile may be gone.
            let Ok(there) = fs::metadata(&path) else { continue };
            if there.is_file() && listed.has(directory, name) {
                files.push(ListedFile { name: name.to_owned(), sha256: digest(&path)?, size: there.len() });
            }
        }
        Ok(Some(Self { format: FORMAT, files }))
    }

    /// Reads a list that somebody else has written. Each file can then be kept under its name; the error says what is
    /// wrong.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let list: Self = serde_json::from_slice(bytes).map_err(|error| format!("it is no list of files: {error}"))?;
        if list.format != FORMAT {
            return Err(format!("its format is {}, this pkgsrv knows {FORMAT}", list.format));
        }
        if list.files.len() > MOST_FILES {
            return Err(format!("it has {} files, expected at most {MOST_FILES}", list.files.len()));
        }
        let (mut names, mut rest) = (BTreeSet::new(), LARGEST_LIST);
        for ListedFile { name, size, .. } in &list.files {
            if !is_file_name(name) {
                return Err(format!(
                    "{name:?} is no name of a file: expected letters, digits and `._-+@`, no dot at the start"
                ));
            }
            if !names.insert(name.as_str()) {
                return Err(format!("it has {name} twice"));
            }
            if *size > LARGEST_FILE {
                return Err(format!("{name} has {size} bytes, expected at most {LARGEST_FILE}"));
            }
            rest = rest.checked_sub(*size).ok_or_else(|| format!("its files have more than {LARGEST_LIST} bytes"))?;
        }
        Ok(list)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers")
    }

    pub(crate) fn files(&self) -> &[ListedFile] {
        &self.files
    }

    pub(crate) fn into_files(self) -> Vec<ListedFile> {
        self.files
    }

    pub(crate) fn get(&self, name: &str) -> Option<&ListedFile> {
        self.files.iter().find(|file| file.name == name)
    }
}

impl Listed {
    fn has(self, directory: &Path, name: &str) -> bool {
        let environment_of = |name: &str| environment(directory, name.parse::<EnvironmentName>().ok()?).ok();
        match self {
            Self::Served => true,
            Self::Environments => name.strip_suffix(".json").is_some_and(|name| environment_of(name).is_some()),
        }
    }
}

impl ListedFile {
    /// Whether the file at `path` has these bytes; a link has not.
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        let is_like = fs::symlink_metadata(path).is_ok_and(|there| there.is_file() && there.len() == self.size);
        is_like && fs::read(path).is_ok_and(|bytes| digest_of(&bytes) == self.sha256)
    }
}

fn is_file_name(name: &str) -> bool {
    name != FILE_LIST && name.len() <= 200 && !name.contains('/') && name.parse::<AssetPath>().is_ok()
}

/// Hashes a file.
pub(crate) fn digest_at(path: &Path) -> Result<Digest, ServerError> {
    let bytes = fs::read(path).map_err(|source| ServerError::Read { path: path.to_owned(), source })?;
    Ok(digest_of(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a.wasm", ".stamp", FILE_LIST] {
            fs::write(directory.path().join(name), name).unwrap();
        }
        fs::create_dir(directory.path().join("below")).unwrap();
        let list = FileList::of(directory.path(), Listed::Served, digest_at).unwrap().unwrap();
        assert_eq!(list.files().iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["a.wasm"]);
        assert_eq!(FileList::from_bytes(&list.to_bytes()), Ok(list.clone()));
        assert!(list.files()[0].is_at(&directory.path().join("a.wasm")));
        assert_eq!(FileList::of(&directory.path().join("none"), Listed::Served, digest_at).unwrap(), None);
    }

    #[test]
    fn a_list_that_leads_elsewhere_is_refused() {
        let sha256 = digest_of(b"");
        for (name, size, reason) in [
            ("../head.json", 1, "is no name of a file"),
            ("..", 1, "is no name of a file"),
            ("/etc/passwd", 1, "is no name of a file"),
            ("a/b", 1, "is no name of a file"),
            (".lock", 1, "is no name of a file"),
            ("a\\\\b", 1, "is no name of a file"),
            ("", 1, "is no name of a file"),
            (FILE_LIST, 1, "is no name of a file"),
            ("a.wasm", LARGEST_FILE + 1, "expected at most"),
        ] {
            let list = format!(r#"{{"format":1,"files":[{{"name":"{name}","sha256":"{sha256}","size":{size}}}]}}"#);
            let error = FileList::from_bytes(list.as_bytes()).unwrap_err();
            assert!(error.contains(reason), "{name}: {error}");
        }
        let file = format!(r#"{{"name":"a","sha256":"{sha256}","size":{LARGEST_FILE}}}"#);
        let twice = FileList::from_bytes(format!(r#"{{"format":1,"files":[{file},{file}]}}"#).as_bytes());
        assert_eq!(twice.unwrap_err(), "it has a twice");
        assert!(FileList::from_bytes(br#"{"format":2,"files":[]}"#).unwrap_err().contains("format is 2"));
        let many: Vec<String> = (0..9).map(|number| file.replace("\"a\"", &format!("\"a{number}\""))).collect();
        let many = FileList::from_bytes(format!(r#"{{"format":1,"files":[{}]}}"#, many.join(",")).as_bytes());
        assert!(many.unwrap_err().contains("more than"));
    }
}
