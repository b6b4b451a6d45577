//! Environments of two channels: what they have apart, and taking some from one to the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use pkgsrv_index::{Abi, Digest, PackageName};
use serde::Serialize;
use serde_json::Value;

use super::{EnvironmentFile, EnvironmentName, EnvironmentPackage, bad, indexes, read_index};
use crate::changes::asked;
use crate::channel::{Line, read_line};
use crate::named::own_objects_of_file;
use crate::{ChannelName, DataDir, ServerError};

/// How an environment of a channel differs from the one of this name in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnvironmentChange {
    /// The other has none.
    Added,
    /// Only the other has one.
    Removed,
    /// It was made anew.
    OtherContents,
}

/// An environment that two channels have not alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnvironmentDifference {
    /// The line.
    pub abi: Abi,
    /// Its name.
    pub name: EnvironmentName,
    /// What differs.
    pub change: EnvironmentChange,
}

/// An environment that a promotion was to take along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PromotedEnvironment {
    /// The line.
    pub abi: Abi,
    /// Its name.
    pub name: EnvironmentName,
    /// The wheels that the other channel does not have, for which the environment was left out; none if it was not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lacking: Vec<String>,
}

impl DataDir {
    /// What the environments of two channels have apart.
    pub fn environment_differences(
        &self,
        from: &ChannelName,
        to: &ChannelName,
        abi: Option<Abi>,
    ) -> Result<Vec<EnvironmentDifference>, ServerError> {
        let mut differences = Vec::new();
        for abi in asked(abi) {
            let (before, after) = (self.contents(from, abi)?, self.contents(to, abi)?);
            let names: BTreeSet<&EnvironmentName> = before.keys().chain(after.keys()).collect();
            differences.extend(names.into_iter().filter_map(|name| {
                let change = match (before.get(name), after.get(name)) {
                    (None, _) => EnvironmentChange::Added,
                    (_, None) => EnvironmentChange::Removed,
                    (one, other) if one != other => EnvironmentChange::OtherContents,
                    _ => return None,
                };
                Some(EnvironmentDifference { abi, name: name.clone(), change })
            }));
        }
        Ok(differences)
    }

    /// Copies environments of one channel to another, in the place of those of the same names: all, or those that have one
    /// of these packages. One with a wheel that the other channel does not have is left out. Tells those that were not
    /// there already.
    pub fn promote_environments(
        &self,
        from: &ChannelName,
        to: &ChannelName,
        abi: Option<Abi>,
        names: &[PackageName],
    ) -> Result<Vec<PromotedEnvironment>, ServerError> {
        let mut promoted = Vec::new();
        for abi in asked(abi) {
            let there = self.contents(to, abi)?;
            let line = read_line(&self.store(), to, abi)?;
            for (name, index) in indexes(&self.environments(from, abi))? {
                let packages = &index.environment.packages;
                let is_meant = |package: &EnvironmentPackage| names.iter().any(|name| name.as_str() == package.name);
                let is_there = there.get(&name).is_some_and(|there| *there == digests(&index));
                if !(names.is_empty() || packages.iter().any(is_meant)) || is_there {
                    continue;
                }
                let lacking = lacking(&line, packages)?;
                if lacking.is_empty() {
                    self.copy_environment((from, to), abi, &name)?;
                }
                promoted.push(PromotedEnvironment { abi, name, lacking });
            }
        }
        Ok(promoted)
    }

    /// The digests of the parts of a line's environments.
    fn contents(&self, channel: &ChannelName, abi: Abi) -> Result<BTreeMap<EnvironmentName, [Digest; 3]>, ServerError> {
        let found = indexes(&self.environments(channel, abi))?;
        Ok(found.into_iter().map(|(name, index)| (name, digests(&index))).collect())
    }

    fn copy_environment(
        &self,
        (from, to): (&ChannelName, &ChannelName),
        abi: Abi,
        name: &EnvironmentName,
    ) -> Result<(), ServerError> {
        let source = self.environments(from, abi);
        let path = source.join(format!("{name}.json"));
        let (bytes, index) = read_index(&path)?;
        let bytes = readdressed(&bytes, from, to).map_err(|reason| bad(&path, reason))?;
        let files = self.work_directory()?;
        let copy = |file: &str| {
            let (from, to) = (source.join(file), files.path().join(file));
            fs::copy(&from, to).map(drop).map_err(|source| ServerError::Read { path: from, source })
        };
        index.parts().into_iter().try_for_each(|part| copy(&part.name))?;
        let index = files.path().join(format!("{name}.json"));
        fs::write(&index, bytes).map_err(|source| ServerError::Write { path: index, source })?;
        self.add_environment(to, abi, name, files.path())
    }
}

fn digests(index: &EnvironmentFile) -> [Digest; 3] {
    index.parts().map(|part| part.sha256)
}

/// The wheels of an environment that a line does not have.
fn lacking(line: &Line, packages: &[EnvironmentPackage]) -> Result<Vec<String>, ServerError> {
    let mut lacking = Vec::new();
    for package in packages {
        let is_there = match (package.name.parse::<PackageName>(), package.blob(), &package.filename) {
            (Ok(name), Some(blob), Some(filename)) => {
                let project = line.project(&name)?;
                let entry = project.get(filename.as_str());
                entry.is_some_and(|entry| own_objects_of_file(entry).iter().any(|named| named.object.path() == blob))
            }
            _ => false,
        };
        if !is_there {
            lacking.push(format!("{} {}", package.name, package.version));
        }
    }
    Ok(lacking)
}

/// The index of an environment with the addresses that lead from another channel to blobs and runtime. The error says
/// what is no index.
fn readdressed(index: &[u8], from: &ChannelName, to: &ChannelName) -> Result<Vec<u8>, String> {
    let (before, after) = (from.blobs_from_view(), to.blobs_from_view());
    if before == after {
        return Ok(index.to_vec());
    }
    let mut index: Value = serde_json::from_slice(index).map_err(|error| error.to_string())?;
    for (object, key) in [("environment", "blobs"), ("stdlib", "file")] {
        let found = &mut index[object][key];
        let rest = found.as_str().and_then(|address| address.strip_prefix(before));
        let rest =
            rest.ok_or_else(|| format!("its {object}.{key} is {found}, expected one that begins with {before}"))?;
        *found = Value::String(format!("{after}{rest}"));
    }
    Ok(index.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_from_where_the_environment_is() {
        let (main, next, other): (_, ChannelName, ChannelName) =
            (ChannelName::main(), "next".parse().unwrap(), "other".parse().unwrap());
        let index = |up: &str| {
            format!(r#"{{"environment":{{"blobs":"{up}blobs/"}},"stdlib":{{"file":"{up}blobs/../runtime/a.zip"}}}}"#)
        };
        let (near, far) = (index("../../"), index("../../../../"));
        let told = |index: &str, from, to| {
            readdressed(index.as_bytes(), from, to).map(|bytes| String::from_utf8(bytes).unwrap())
        };
        assert_eq!(told(&near, &main, &next).unwrap(), far);
        assert_eq!(told(&far, &next, &main).unwrap(), near);
        assert_eq!(told(&far, &next, &other).unwrap(), far);
        let refused = "its environment.blobs is \"../../../../blobs/\", expected one that begins with ../../blobs/";
        assert_eq!(told(&far, &main, &next).unwrap_err(), refused);
    }
}
