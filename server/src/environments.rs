//! Environments: images of interpreters in which packages are imported already, by channel and ABI.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use pkgsrv_index::Abi;
use serde::{Deserialize, Serialize};

use crate::{ChannelName, DataDir, ServerError};

/// An environment's name: 1 to 64 lowercase letters, digits and inner dashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct EnvironmentName(Box<str>);

impl EnvironmentName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EnvironmentName {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        // The same rules: both are a part of an address and of a path.
        match text.parse::<ChannelName>() {
            Ok(_) => Ok(Self(text.into())),
            Err(_) => Err(ServerError::InvalidEnvironment { found: text.to_owned() }),
        }
    }
}

impl fmt::Display for EnvironmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An environment, as lists tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnvironmentOverview {
    /// Its name.
    pub name: EnvironmentName,
    /// What was asked for.
    pub requirements: Vec<String>,
    /// What is installed in it, dependencies first.
    pub packages: Vec<EnvironmentPackage>,
    /// Bytes of its memory, as they are stored.
    pub size: u64,
}

/// A package of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What of an environment's file is read here; the loader reads all of it.
#[derive(Deserialize)]
struct EnvironmentFile {
    memory: Memory,
    environment: Contents,
}

#[derive(Deserialize)]
struct Memory {
    size: u64,
}

#[derive(Deserialize)]
struct Contents {
    requirements: Vec<String>,
    packages: Vec<EnvironmentPackage>,
}

/// The environments in a directory of [`DataDir::environments`], by name.
pub fn environments(directory: &Path) -> Result<Vec<EnvironmentOverview>, ServerError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ServerError::Read { path: directory.to_owned(), source }),
    };
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let Ok(name) = stem.parse::<EnvironmentName>() else { continue };
        let bytes = fs::read(&path).map_err(|source| ServerError::Read { path: path.clone(), source })?;
        let file: EnvironmentFile = serde_json::from_slice(&bytes)
            .map_err(|error| ServerError::BadEnvironment { path: path.clone(), reason: error.to_string() })?;
        let Contents { requirements, packages } = file.environment;
        found.push(EnvironmentOverview { name, requirements, packages, size: file.memory.size });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

impl DataDir {
    /// The environments of a line, each `{name}.json` with the memory that it names.
    pub fn environments(&self, channel: &ChannelName, abi: Abi) -> PathBuf {
        environments_of(&self.all_environments(), channel, abi)
    }

    /// Publishes an environment whose files were made in `files`, in the place of one of the same name. Readers see the
    /// old one or the new one; who has just read the old one may miss its memory, and starts without it.
    pub fn add_environment(
        &self,
        channel: &ChannelName,
        abi: Abi,
        name: &EnvironmentName,
        files: &Path,
    ) -> Result<(), ServerError> {
        let directory = self.environments(channel, abi);
        let _lock = self.lock()?;
        let work = self.work_directory()?;
        fs::create_dir_all(&directory).map_err(|source| ServerError::Write { path: directory.clone(), source })?;
        let memories = memories(files, name)?;
        // The index comes last: it names the memory.
        for file in memories.iter().cloned().chain([format!("{name}.json")]) {
            let (copy, place) = (work.path().join(&file), directory.join(&file));
            let put = fs::copy(files.join(&file), &copy).and_then(|_| fs::rename(&copy, &place));
            put.map_err(|source| ServerError::Write { path: place, source })?;
        }
        for old in self::memories(&directory, name)?.into_iter().filter(|old| !memories.contains(old)) {
            let _kept_then = fs::remove_file(directory.join(old));
        }
        Ok(())
    }

    /// Removes an environment; whether there was one.
    pub fn remove_environment(
        &self,
        channel: &ChannelName,
        abi: Abi,
        name: &EnvironmentName,
    ) -> Result<bool, ServerError> {
        let directory = self.environments(channel, abi);
        let _lock = self.lock()?;
        let index = directory.join(format!("{name}.json"));
        match fs::remove_file(&index) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            removed => removed.map_err(|source| ServerError::Write { path: index, source })?,
        }
        for memory in memories(&directory, name)? {
            let path = directory.join(memory);
            fs::remove_file(&path).map_err(|source| ServerError::Write { path, source })?;
        }
        Ok(true)
    }
}

/// The directory of one line in that of all environments.
pub(crate) fn environments_of(all: &Path, channel: &ChannelName, abi: Abi) -> PathBuf {
    all.join(channel.as_str()).join(abi.to_string())
}

/// The files `{name}-{16 hexadecimal digits}.bin` of a directory.
fn memories(directory: &Path, name: &EnvironmentName) -> Result<Vec<String>, ServerError> {
    let entries = fs::read_dir(directory).map_err(|source| ServerError::Read { path: directory.to_owned(), source })?;
    let is_memory = |file: &String| {
        let digest = file.strip_prefix(&format!("{name}-")).and_then(|rest| rest.strip_suffix(".bin"));
        digest.is_some_and(|digest| digest.len() == 16 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    let mut found: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).filter(is_memory).collect();
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(name: &str, digest: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let index = format!(
            r#"{{"format":1,"memory":{{"file":"{name}-{digest}.bin","size":3}},"environment":{{"requirements":["{name}"],
               "packages":[{{"name":"{name}","version":"1.0","size":5}}]}}}}"#
        );
        fs::write(directory.path().join(format!("{name}.json")), index).unwrap();
        fs::write(directory.path().join(format!("{name}-{digest}.bin")), "abc").unwrap();
        directory
    }

    #[test]
    fn one_takes_the_place_of_another_and_leaves_those_with_longer_names() {
        let home = tempfile::tempdir().unwrap();
        let (data, channel, abi) = (DataDir::new(home.path()), ChannelName::main(), Abi::preferred());
        let names: [EnvironmentName; 2] = ["demo", "demo-two"].map(|name| name.parse().unwrap());
        for (name, digest) in [(0, "00112233445566aa"), (1, "00112233445566bb"), (0, "00112233445566cc")] {
            let name = &names[name];
            data.add_environment(&channel, abi, name, made(name.as_str(), digest).path()).unwrap();
        }
        let directory = data.environments(&channel, abi);
        let mut files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        files.sort();
        let expected = ["demo-00112233445566cc.bin", "demo-two-00112233445566bb.bin", "demo-two.json", "demo.json"];
        assert_eq!(files, expected);
        let listed = environments(&directory).unwrap();
        assert_eq!(listed.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["demo", "demo-two"]);
        assert_eq!((listed[0].size, &*listed[0].packages[0].version), (3, "1.0"));
        assert!(data.remove_environment(&channel, abi, &names[0]).unwrap());
        assert!(!data.remove_environment(&channel, abi, &names[0]).unwrap());
        assert_eq!(environments(&directory).unwrap().len(), 1);
    }

    #[test]
    fn names() {
        for (text, fits) in [("numpy", true), ("data-science-3", true), ("Numpy", false), ("..", false), ("", false)] {
            assert_eq!(text.parse::<EnvironmentName>().is_ok(), fits, "{text:?}");
        }
    }
}
