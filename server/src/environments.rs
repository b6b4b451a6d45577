//! Environments: images of interpreters in which packages are imported already, by channel and ABI.

mod between;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use pkgsrv_index::{Abi, Digest, WheelFilename};
use serde::{Deserialize, Serialize};

use crate::encoding::Search;
use crate::file_list::ListedFile;
use crate::http::assets::{encodings_beside, without_encoding};
use crate::store::digest_of;
use crate::{ChannelName, DataDir, ServerError};

pub use between::{EnvironmentChange, EnvironmentDifference, PromotedEnvironment};

/// An environment's name: 1 to 64 lowercase letters, digits and inner dashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct EnvironmentName(Box<str>);

impl EnvironmentName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path and query, from the server's root, that open a prompt which starts with it. The prompt has one ABI; `None`
    /// for an environment of another.
    pub fn prompt(&self, channel: &ChannelName, abi: Abi) -> Option<String> {
        (abi == Abi::preferred()).then(|| format!("/{}?environment={self}", channel.prefix()))
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
    /// Bytes of all its parts, decoded.
    pub size: u64,
    /// Bytes of its memory alone.
    pub memory: u64,
}

/// A package of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    #[serde(skip_serializing, default)]
    filename: Option<WheelFilename>,
    /// Of the wheel, or of the twin of it, that was installed.
    #[serde(skip_serializing, default)]
    sha256: Option<Digest>,
}

impl EnvironmentPackage {
    /// Where its wheel lies in the store; pages that cannot restore the environment install it from there.
    pub(crate) fn blob(&self) -> Option<String> {
        Some(format!("blobs/{}/{}", self.sha256?, self.filename.as_ref()?))
    }
}

/// What of an environment's index is read here; the loader reads all of it.
#[derive(Deserialize)]
struct EnvironmentFile {
    memory: ListedFile,
    environment: Contents,
}

#[derive(Deserialize)]
struct Contents {
    requirements: Vec<String>,
    packages: Vec<EnvironmentPackage>,
    first: ListedFile,
    later: ListedFile,
}

/// The parts that an index names; the error says why it cannot be one of this name.
pub(crate) fn parts_of(name: &EnvironmentName, index: &[u8]) -> Result<Vec<ListedFile>, String> {
    let index: EnvironmentFile = serde_json::from_slice(index).map_err(|error| error.to_string())?;
    let parts = index.parts();
    match parts.iter().find(|part| !is_named_of(part, name)) {
        Some(ListedFile { name: file, sha256, .. }) => {
            Err(format!("{file:?} is not the name of a part of {name} with SHA-256 {sha256}"))
        }
        None => Ok(parts.map(Clone::clone).to_vec()),
    }
}

fn is_named_of(part: &ListedFile, name: &EnvironmentName) -> bool {
    part.name == format!("{name}-{}.bin", &part.sha256.to_string()[..16])
}

impl EnvironmentFile {
    fn parts(&self) -> [&ListedFile; 3] {
        [&self.memory, &self.environment.first, &self.environment.later]
    }

    fn overview(self, name: EnvironmentName) -> EnvironmentOverview {
        let size = self.parts().iter().map(|part| part.size).sum();
        let (memory, Contents { requirements, packages, .. }) = (self.memory.size, self.environment);
        EnvironmentOverview { name, requirements, packages, size, memory }
    }
}

/// The environments in a directory of [`DataDir::environments`], by name. What is damaged is logged and left out.
pub fn environments(directory: &Path) -> Result<Vec<EnvironmentOverview>, ServerError> {
    Ok(indexes(directory)?.into_iter().map(|(name, index)| index.overview(name)).collect())
}

/// Their indexes.
fn indexes(directory: &Path) -> Result<Vec<(EnvironmentName, EnvironmentFile)>, ServerError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ServerError::Read { path: directory.to_owned(), source }),
    };
    let mut found = Vec::new();
    for file in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let Some(Ok(name)) = file.strip_suffix(".json").map(str::parse::<EnvironmentName>) else { continue };
        match read_index(&directory.join(&file)) {
            Ok((_, index)) => found.push((name, index)),
            Err(error) => tracing::warn!("{error}"),
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// The environments in a directory of [`DataDir::all_environments`], with their lines.
pub(crate) fn all_environments(all: &Path) -> Result<Vec<(ChannelName, Abi, EnvironmentOverview)>, ServerError> {
    let entries = match fs::read_dir(all) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ServerError::Read { path: all.to_owned(), source }),
    };
    let mut channels: Vec<ChannelName> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    channels.sort();
    let mut found = Vec::new();
    for channel in channels {
        for abi in Abi::known() {
            let of_line = environments(&environments_of(all, &channel, abi))?;
            found.extend(of_line.into_iter().map(|environment| (channel.clone(), abi, environment)));
        }
    }
    Ok(found)
}

/// One environment of a directory.
pub fn environment(directory: &Path, name: EnvironmentName) -> Result<EnvironmentOverview, ServerError> {
    let (_, index) = read_index(&directory.join(format!("{name}.json")))?;
    Ok(index.overview(name))
}

/// An index, which is a file and no link to one: packages' code may have made it.
fn read_index(path: &Path) -> Result<(Vec<u8>, EnvironmentFile), ServerError> {
    let bytes = read_file(path)?;
    let file = serde_json::from_slice(&bytes).map_err(|error| bad(path, error.to_string()))?;
    Ok((bytes, file))
}

fn read_file(path: &Path) -> Result<Vec<u8>, ServerError> {
    let failed = |source| ServerError::Read { path: path.to_owned(), source };
    if !fs::symlink_metadata(path).map_err(failed)?.is_file() {
        return Err(bad(path, "it is not a file".to_owned()));
    }
    fs::read(path).map_err(failed)
}

/// A part of an environment that was made in `files`, checked against what its index says.
fn read_part(files: &Path, name: &EnvironmentName, part: &ListedFile) -> Result<Vec<u8>, ServerError> {
    let path = files.join(&part.name);
    if !is_named_of(part, name) {
        return Err(bad(&path, "its name is not that of its contents".to_owned()));
    }
    let contents = read_file(&path)?;
    let found = digest_of(&contents);
    if (found, contents.len() as u64) != (part.sha256, part.size) {
        return Err(bad(&path, format!("it has SHA-256 {found}, its index says {}", part.sha256)));
    }
    Ok(contents)
}

fn bad(path: &Path, reason: String) -> ServerError {
    ServerError::BadEnvironment { path: path.to_owned(), reason }
}

impl DataDir {
    /// The environments of a line, each `{name}.json` with the parts that it names.
    pub fn environments(&self, channel: &ChannelName, abi: Abi) -> PathBuf {
        environments_of(&self.all_environments(), channel, abi)
    }

    /// Publishes an environment whose files were made in `files`, in the place of one of the same name. Readers see the
    /// old one or the new one. Parts of the old one stay until the next time, for those who run by it.
    pub fn add_environment(
        &self,
        channel: &ChannelName,
        abi: Abi,
        name: &EnvironmentName,
        files: &Path,
    ) -> Result<(), ServerError> {
        let (index, file) = read_index(&files.join(format!("{name}.json")))?;
        let mut made = Vec::new();
        for part in file.parts() {
            let bytes = read_part(files, name, part)?;
            made.extend(encodings_beside(&part.name, &bytes, Search::Short));
            made.push((part.name.clone(), bytes));
        }
        let mut parts: Vec<String> = file.parts().iter().map(|part| part.name.clone()).collect();
        // The index comes last: it names the parts.
        made.push((format!("{name}.json"), index));
        let directory = self.environments(channel, abi);
        let _lock = self.lock()?;
        // Pages that run may still wait for parts of the one before.
        if let Ok((_, before)) = read_index(&directory.join(format!("{name}.json"))) {
            parts.extend(before.parts().iter().map(|part| part.name.clone()));
        }
        for (file, bytes) in made {
            self.put(&directory, &file, &bytes)?;
        }
        let is_old = |file: &String| !parts.iter().any(|part| part == without_encoding(file));
        for old in parts_in(&directory, name)?.into_iter().filter(is_old) {
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
        for part in parts_in(&directory, name)? {
            let path = directory.join(part);
            fs::remove_file(&path).map_err(|source| ServerError::Write { path, source })?;
        }
        Ok(true)
    }
}

/// The directory of one line in that of all environments.
pub(crate) fn environments_of(all: &Path, channel: &ChannelName, abi: Abi) -> PathBuf {
    all.join(channel.as_str()).join(abi.to_string())
}

/// The files `{name}-{16 hexadecimal digits}.bin` of a directory, and their encodings.
fn parts_in(directory: &Path, name: &EnvironmentName) -> Result<Vec<String>, ServerError> {
    let entries = fs::read_dir(directory).map_err(|source| ServerError::Read { path: directory.to_owned(), source })?;
    let is_part = |file: &String| {
        let digest =
            file.strip_prefix(&format!("{name}-")).and_then(|rest| without_encoding(rest).strip_suffix(".bin"));
        digest.is_some_and(|digest| digest.len() == 16 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    let mut found: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).filter(is_part).collect();
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What baking leaves, and the name of the memory. All environments have the same first part, and an empty later one.
    fn made(name: &str, contents: &str) -> (tempfile::TempDir, String) {
        let directory = tempfile::tempdir().unwrap();
        let part = |contents: &str| {
            let sha256 = digest_of(contents.as_bytes());
            let file = format!("{name}-{}.bin", &sha256.to_string()[..16]);
            fs::write(directory.path().join(&file), contents).unwrap();
            let size = contents.len();
            (format!(r#"{{"file":"{file}","sha256":"{sha256}","size":{size}}}"#), file)
        };
        let ((memory, file), (first, _), (later, _)) = (part(contents), part("modules"), part(""));
        let index = format!(
            r#"{{"format":2,"memory":{memory},"environment":{{"requirements":["{name}"],"first":{first},"later":{later},
               "packages":[{{"name":"{name}","version":"1.0","size":5}}]}}}}"#
        );
        fs::write(directory.path().join(format!("{name}.json")), index).unwrap();
        (directory, file)
    }

    #[test]
    fn one_takes_the_place_of_another_and_leaves_those_with_longer_names() {
        let home = tempfile::tempdir().unwrap();
        let (data, channel, abi) = (DataDir::new(home.path()), ChannelName::main(), Abi::preferred());
        let names: [EnvironmentName; 2] = ["demo", "demo-two"].map(|name| name.parse().unwrap());
        let mut memories = Vec::new();
        for (name, contents) in [(0, "one"), (1, "two"), (0, "three"), (0, "four")] {
            let (files, memory) = made(names[name].as_str(), contents);
            data.add_environment(&channel, abi, &names[name], files.path()).unwrap();
            memories.push(memory);
        }
        let directory = data.environments(&channel, abi);
        let mut files: Vec<_> =
            fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        let shared =
            |name: &str, contents: &str| format!("{name}-{}.bin", &digest_of(contents.as_bytes()).to_string()[..16]);
        // Of one before the last, nothing is left.
        let mut expected = memories[1..].to_vec();
        expected.extend(["demo", "demo-two"].iter().flat_map(|name| [shared(name, "modules"), shared(name, "")]));
        expected.extend(["demo-two.json", "demo.json"].map(str::to_owned));
        expected.sort_unstable();
        assert_eq!(files, expected);
        fs::write(directory.join("damaged.json"), "{").unwrap();
        let listed = environments(&directory).unwrap();
        assert_eq!(listed.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["demo", "demo-two"]);
        assert_eq!((listed[0].size, &*listed[0].packages[0].version), (11, "1.0"));
        assert!(data.remove_environment(&channel, abi, &names[0]).unwrap());
        assert!(!data.remove_environment(&channel, abi, &names[0]).unwrap());
        assert_eq!(environments(&directory).unwrap().len(), 1);
    }

    #[test]
    fn only_files_that_the_index_names_are_published() {
        let home = tempfile::tempdir().unwrap();
        let (data, channel, abi) = (DataDir::new(home.path()), ChannelName::main(), Abi::preferred());
        let name: EnvironmentName = "demo".parse().unwrap();
        let secret = home.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        let refused = |files: &Path| data.add_environment(&channel, abi, &name, files).unwrap_err().to_string();
        let (files, memory) = made("demo", "secret");
        fs::remove_file(files.path().join(&memory)).unwrap();
        std::os::unix::fs::symlink(&secret, files.path().join(&memory)).unwrap();
        assert!(refused(files.path()).contains("it is not a file"));
        let (files, memory) = made("demo", "memory");
        fs::write(files.path().join(&memory), "MEMORY").unwrap();
        assert!(refused(files.path()).contains("its index says"));
        let (files, _) = made("demo", "memory");
        std::os::unix::fs::symlink(&secret, files.path().join("demo-0011223344556677.bin")).unwrap();
        data.add_environment(&channel, abi, &name, files.path()).unwrap();
        assert!(!data.environments(&channel, abi).join("demo-0011223344556677.bin").exists());
    }

    #[test]
    fn names() {
        for (text, fits) in [("numpy", true), ("data-science-3", true), ("Numpy", false), ("..", false), ("", false)] {
            assert_eq!(text.parse::<EnvironmentName>().is_ok(), fits, "{text:?}");
        }
    }
}
