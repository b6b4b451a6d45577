//! Yanking ([PEP 592](https://peps.python.org/pep-0592/)) and taking that back.

use std::time::SystemTime;

use pkgsrv_index::Abi;

use super::{ChangedLine, Projects, ReleaseName, change_lines, locked_lines, require_found};
use crate::{ChannelName, ServerError, Store};

/// Yanks every file of a version for a reason, which may be empty; `None` takes that back. A version that no line has is
/// an error, one that is as asked for changes nothing.
pub fn yank(
    store: &Store,
    channel: &ChannelName,
    abi: Option<Abi>,
    release: &ReleaseName,
    reason: Option<&str>,
    now: SystemTime,
) -> Result<Vec<ChangedLine>, ServerError> {
    let (lock, lines) = locked_lines(store, channel, abi)?;
    let ReleaseName { name, version } = release;
    let mut is_found = false;
    for line in &lines {
        is_found |= line.project(name)?.files().any(|entry| entry.version == *version);
    }
    require_found(is_found, release, channel)?;
    change_lines(store, &lock, &lines, now, |line| {
        let mut project = line.project(name)?;
        project.set_yanked(version, reason);
        Ok(Projects::from([(name.clone(), project)]))
    })
}
