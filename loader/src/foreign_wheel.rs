//! A wheel that no repodata describes: what repodata would say of it.

use std::collections::BTreeSet;

use pkgsrv_index::{
    Abi, Dependencies, Digest, ExtraName, Release, Version, VersionSpecifiers, WheelFilename, evaluate,
};
use pkgsrv_wheel::{Metadata, Wheel};

use crate::installation::check_identity;
use crate::{CoreError, Expected};

/// Reads a wheel that came from an address; `sha256` is that of its bytes, `size` their number.
pub fn read_foreign_wheel(
    filename: &str,
    sha256: Digest,
    size: u64,
    wheel: &Wheel<'_>,
    abi: Abi,
) -> Result<Release, CoreError> {
    let named = |source| CoreError::WheelName { source };
    let filename: WheelFilename = filename.parse().map_err(named)?;
    filename.require_fit(abi).map_err(named)?;
    let bad = |source| CoreError::Wheel { filename: filename.to_string(), source };
    let metadata = wheel.metadata().map_err(bad)?;
    check_identity(
        &metadata,
        &Expected {
            filename: filename.to_string(),
            name: filename.name().to_string(),
            version: filename.version().to_string(),
            ..Expected::default()
        },
    )?;
    check_python(&filename, &metadata, abi)?;
    let Dependencies { depends, extras } = dependencies(&filename.to_string(), &metadata, abi)?;
    Ok(Release {
        version: filename.version().clone(),
        sha256,
        size,
        compiled: None,
        depends,
        extras,
        imports: wheel.top_level_modules().map_err(bad)?,
        yanked: None,
        filename,
    })
}

/// The projects that METADATA's text says are needed without extras, by normalised name.
pub fn needed_projects(path: &str, metadata: &str, abi: Abi) -> Result<Vec<String>, CoreError> {
    let metadata =
        Metadata::parse(path, metadata).map_err(|source| CoreError::Wheel { filename: path.to_owned(), source })?;
    Ok(dependencies(path, &metadata, abi)?.depends.into_iter().map(|needed| needed.name.to_string()).collect())
}

fn dependencies(filename: &str, metadata: &Metadata, abi: Abi) -> Result<Dependencies, CoreError> {
    let mut extras: BTreeSet<ExtraName> = BTreeSet::new();
    extras.extend(metadata.provides_extra.iter().filter_map(|extra| extra.parse().ok()));
    evaluate(metadata.requires_dist.iter().map(String::as_str), &extras, abi)
        .map_err(|source| CoreError::WheelNeeds { filename: filename.to_owned(), source })
}

fn check_python(filename: &WheelFilename, metadata: &Metadata, abi: Abi) -> Result<(), CoreError> {
    let Some(required) = &metadata.requires_python else { return Ok(()) };
    let python = abi.facts().python_full;
    let admits =
        |specifiers: VersionSpecifiers| python.parse().is_ok_and(|python: Version| specifiers.contains(&python));
    if required.parse().is_ok_and(admits) {
        return Ok(());
    }
    Err(CoreError::WheelPython { filename: filename.to_string(), required: required.clone(), python })
}
