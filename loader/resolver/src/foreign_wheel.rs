//! What is there without repodata: wheels from addresses, and what is installed.

use std::collections::BTreeSet;

use pkgsrv_index::{
    Abi, Dependencies, Digest, ExtraName, Release, Version, VersionSpecifiers, WheelFilename, evaluate, is_release,
};
use pkgsrv_wheel::Metadata;
use serde::Deserialize;

use crate::ResolverError;

/// A wheel that came from an address, and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ForeignWheel {
    /// Its filename.
    pub filename: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Its size, bytes.
    pub size: u64,
    /// The text of METADATA.
    pub metadata: String,
    /// Top-level import names.
    pub imports: Vec<String>,
}

impl ForeignWheel {
    /// The release that it is, for an interpreter of this ABI.
    pub fn release(self, abi: Abi) -> Result<Release, ResolverError> {
        let named = |source| ResolverError::WheelName { source };
        let filename: WheelFilename = self.filename.parse().map_err(named)?;
        filename.require_fit(abi).map_err(named)?;
        let metadata = parsed(&self.filename, &self.metadata)?;
        let (name, version) = (filename.name().to_string(), filename.version().to_string());
        if !is_release((&metadata.name, &metadata.version), (&name, &version)) {
            return Err(ResolverError::OtherWheel {
                filename: self.filename,
                found: format!("{} {}", metadata.name, metadata.version),
                expected: format!("{name} {version}"),
            });
        }
        check_python(&filename, &metadata, abi)?;
        let Dependencies { depends, extras } = dependencies(&self.filename, &metadata, abi)?;
        Ok(Release {
            version: filename.version().clone(),
            sha256: self.sha256,
            size: self.size,
            compiled: None,
            depends,
            extras,
            imports: self.imports,
            yanked: None,
            filename,
        })
    }
}

fn parsed(filename: &str, metadata: &str) -> Result<Metadata, ResolverError> {
    let bad = |source| ResolverError::Wheel { filename: filename.to_owned(), source };
    Metadata::parse("METADATA", metadata).map_err(bad)
}

/// The projects that METADATA's text says are needed without extras, by normalised name.
pub fn needed_projects(path: &str, metadata: &str, abi: Abi) -> Result<Vec<String>, ResolverError> {
    Ok(dependencies(path, &parsed(path, metadata)?, abi)?
        .depends
        .into_iter()
        .map(|needed| needed.name.to_string())
        .collect())
}

fn dependencies(filename: &str, metadata: &Metadata, abi: Abi) -> Result<Dependencies, ResolverError> {
    let mut extras: BTreeSet<ExtraName> = BTreeSet::new();
    extras.extend(metadata.provides_extra.iter().filter_map(|extra| extra.parse().ok()));
    evaluate(metadata.requires_dist.iter().map(String::as_str), &extras, abi)
        .map_err(|source| ResolverError::WheelNeeds { filename: filename.to_owned(), source })
}

fn check_python(filename: &WheelFilename, metadata: &Metadata, abi: Abi) -> Result<(), ResolverError> {
    let Some(required) = &metadata.requires_python else { return Ok(()) };
    let python = abi.facts().python_full;
    let admits =
        |specifiers: VersionSpecifiers| python.parse().is_ok_and(|python: Version| specifiers.contains(&python));
    if required.parse().is_ok_and(admits) {
        return Ok(());
    }
    Err(ResolverError::WheelPython { filename: filename.to_string(), required: required.clone(), python })
}
