//! Statuses of projects ([PEP 792](https://peps.python.org/pep-0792/)).

use std::collections::BTreeSet;
use std::time::SystemTime;

use pkgsrv_index::{Abi, PackageName, Project, ProjectStatus, Status};

use super::{ChangedLine, Projects, change_lines, locked_lines, require_found};
use crate::channel::read_line;
use crate::{ChannelName, ServerError, Store};

/// Gives a project a status in every line that has it; a project that none has is an error.
pub fn set_status(
    store: &Store,
    channel: &ChannelName,
    name: &PackageName,
    status: &ProjectStatus,
    now: SystemTime,
) -> Result<Vec<ChangedLine>, ServerError> {
    let (lock, lines) = locked_lines(store, channel, None)?;
    let mut is_found = false;
    for line in &lines {
        is_found |= !line.project(name)?.is_empty();
    }
    require_found(is_found, name, channel)?;
    change_lines(store, &lock, &lines, now, |line| {
        let mut project = line.project(name)?;
        if project.is_empty() {
            return Ok(Projects::new());
        }
        // An active project is a plain one; why it is active again is nobody's business.
        let is_active = status.status == Status::Active;
        project.set_status(if is_active { ProjectStatus::default() } else { status.clone() });
        Ok(Projects::from([(name.clone(), project)]))
    })
}

/// That a channel takes files of these projects. One that is closed in a single line is closed: the status is the
/// project's, and a line that did not have it yet knows nothing of it.
pub(crate) fn refuse_closed(
    store: &Store,
    channel: &ChannelName,
    names: &BTreeSet<&PackageName>,
) -> Result<(), ServerError> {
    for abi in Abi::known() {
        let line = read_line(store, channel, abi)?;
        for name in names {
            refuse(&line.project(name)?, name, channel)?;
        }
    }
    Ok(())
}

fn refuse(project: &Project, name: &PackageName, channel: &ChannelName) -> Result<(), ServerError> {
    let ProjectStatus { status, reason } = project.status();
    if status.takes_files() {
        return Ok(());
    }
    Err(ServerError::ProjectClosed {
        name: name.to_string(),
        channel: channel.to_string(),
        status: *status,
        reason: reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default(),
    })
}
