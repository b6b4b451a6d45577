//! Going back to an earlier state of a line.

use std::time::SystemTime;

use pkgsrv_index::{Abi, Project};

use super::{ChangedLine, Projects, change_lines, locked_lines};
use crate::channel::{Line, read_line_at};
use crate::named::own_objects_of_file;
use crate::{ChannelName, ServerError, Store};

/// Gives the lines of a channel new heads with what they had at a serial; without one, with what they had before their
/// last change. A line that never changed stays as it is. Files that go are not forgotten: their names stay taken.
///
/// An earlier state that names a wheel which was purged is an error.
pub fn rollback(
    store: &Store,
    channel: &ChannelName,
    abi: Option<Abi>,
    to: Option<u64>,
    now: SystemTime,
) -> Result<Vec<ChangedLine>, ServerError> {
    let (lock, lines) = locked_lines(store, channel, abi)?;
    change_lines(store, &lock, &lines, now, |line| {
        let earlier = match to {
            Some(serial) => Some(read_line_at(line, serial)?),
            None => before_last_change(line)?,
        };
        let Some(earlier) = earlier else { return Ok(Projects::new()) };
        let mut projects = Projects::new();
        for (name, (now, then)) in Line::differences(Some(line), Some(&earlier))? {
            let (now, mut then) = (now.unwrap_or_default(), then.unwrap_or_default());
            keep_names(&now, &mut then);
            require_bytes(store, &earlier, &now, &then)?;
            projects.insert(name, then);
        }
        Ok(projects)
    })
}

/// The newest head whose trees are others. A head that only renews a signature counts as no change.
fn before_last_change(line: &Line) -> Result<Option<Line>, ServerError> {
    for serial in (1..line.serial()).rev() {
        let earlier = read_line_at(line, serial)?;
        if earlier.trees() != line.trees() {
            return Ok(Some(earlier));
        }
    }
    Ok(None)
}

/// Names that were published since, or deleted before, stay taken.
fn keep_names(now: &Project, then: &mut Project) {
    for entry in now.files() {
        then.reserve(entry.filename.as_str(), entry.sha256);
    }
    for (filename, sha256) in now.deleted() {
        then.reserve(filename, sha256);
    }
}

/// An index names only what is stored.
fn require_bytes(store: &Store, earlier: &Line, now: &Project, then: &Project) -> Result<(), ServerError> {
    for entry in then.files().filter(|entry| now.get(entry.filename.as_str()).is_none()) {
        if !own_objects_of_file(entry).iter().all(|named| store.file(&named.object).is_file()) {
            return Err(ServerError::PurgedSince {
                filename: entry.filename.to_string(),
                channel: earlier.channel().to_string(),
                abi: earlier.abi(),
                serial: earlier.serial(),
            });
        }
    }
    Ok(())
}
