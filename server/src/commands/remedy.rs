//! What to do about errors of the disk, which can come at any step: one line below the error.

use std::io;
use std::path::Path;

use anyhow::Error;
use pkgsrv::ServerError;
use pkgsrv_builder::{BuildError, Space};

/// The options that choose where things are written.
const OPTIONS: &str = "--cache (toolchains, sources, results), --data (what is published) and --out (wheels)";

/// What to do, for the errors of the system that a user can do something about.
pub(super) fn remedy(error: &Error) -> Option<String> {
    let path = error.chain().find_map(path_of);
    let cause = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>())?;
    let place = path.map_or_else(|| "the disk".to_owned(), |path| format!("the disk of {}", path.display()));
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            let space =
                path.and_then(|path| Space::of(path).ok()).map_or_else(String::new, |space| format!(" ({space})"));
            Some(format!(
                "{place} is full{space}: free some space, or choose another disk with {OPTIONS}; then run the same command again"
            ))
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            Some(format!("{place} can only be read: choose another directory with {OPTIONS}"))
        }
        io::ErrorKind::PermissionDenied => Some(format!(
            "this user may not do that: change the owner of the directory, or choose another one with {OPTIONS}"
        )),
        _ => None,
    }
}

fn path_of<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a Path> {
    if let Some(BuildError::Io { path, .. }) = cause.downcast_ref::<BuildError>() {
        return Some(path);
    }
    match cause.downcast_ref::<ServerError>()? {
        ServerError::DataDirectory { path, .. } | ServerError::Read { path, .. } | ServerError::Write { path, .. } => {
            Some(path)
        }
        _ => None,
    }
}
