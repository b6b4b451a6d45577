//! Changing lines: one plan of writes for whatever changes them, and what can be asked for beside publishing.
//!
//! Everything here reads a line, decides how some of its projects are to be, and has [`Plan`] find the writes. All lines
//! of one command change under one lock; readers see each line before or after.

mod delete;
mod difference;
mod plan;
mod promote;
mod purge;
mod release_name;
mod rollback;
mod sign;
mod status;
mod yank;

use std::collections::BTreeMap;
use std::time::SystemTime;

use pkgsrv_index::{Abi, PackageName, Project};

use crate::channel::{Line, read_line};
use crate::store::PublishLock;
use crate::{ChannelName, ServerError, Store};

pub use delete::{DeleteTarget, Deletion, delete};
pub use difference::{ChannelPoint, Difference, LineDifference, diff};
pub use promote::{PromotedLine, promote};
pub use purge::{KeptFor, Purged};
pub use release_name::ReleaseName;
pub use rollback::rollback;
pub use sign::{SignedChannel, SignedLine, init_signing, refresh, refresh_due, retire_old_keys, rotate_key};
pub use status::set_status;
pub use yank::yank;

pub(crate) use plan::{Plan, time_of};
pub(crate) use status::refuse_closed;

/// Projects of a line as they are to be.
pub(crate) type Projects = BTreeMap<PackageName, Project>;

/// What a command did to one line.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ChangedLine {
    /// The line.
    pub abi: Abi,
    /// The serial of its head now.
    pub serial: u64,
    /// What has become of its files.
    #[serde(flatten)]
    pub difference: Difference,
}

/// Changes lines under one lock: all of them or, where `decide` refuses one, none.
fn change_lines(
    store: &Store,
    lock: &PublishLock,
    lines: &[Line],
    now: SystemTime,
    mut decide: impl FnMut(&Line) -> Result<Projects, ServerError>,
) -> Result<Vec<ChangedLine>, ServerError> {
    let mut plan = Plan::default();
    let mut changed = Vec::new();
    for line in lines {
        let projects = decide(line)?;
        let mut difference = Difference::default();
        for (name, after) in &projects {
            difference.add(name, &line.project(name)?, after);
        }
        let serial = plan.change(line, &projects, now)?;
        changed.push(ChangedLine { abi: line.abi(), serial, difference });
    }
    plan.carry_out(store, lock)?;
    Ok(changed)
}

/// The lines of a channel that something was published to; of one ABI, if it is named.
pub(crate) fn published_lines(
    store: &Store,
    channel: &ChannelName,
    abi: Option<Abi>,
) -> Result<Vec<Line>, ServerError> {
    let lines = lines_with_heads(store, channel, abi)?;
    if lines.is_empty() {
        let (channel, store) = (channel.to_string(), store.root().to_owned());
        return Err(match abi {
            Some(abi) => ServerError::UnknownLine { channel, abi },
            None => ServerError::UnknownChannel { channel, store },
        });
    }
    Ok(lines)
}

/// The line that is asked for, or all.
pub(crate) fn asked(abi: Option<Abi>) -> impl Iterator<Item = Abi> {
    Abi::known().filter(move |known| abi.is_none_or(|abi| abi == *known))
}

/// The same, of a channel that may have none.
pub(crate) fn lines_with_heads(
    store: &Store,
    channel: &ChannelName,
    abi: Option<Abi>,
) -> Result<Vec<Line>, ServerError> {
    let mut lines: Vec<Line> = asked(abi).map(|abi| read_line(store, channel, abi)).collect::<Result<_, _>>()?;
    lines.retain(|line| line.head_bytes().is_some());
    Ok(lines)
}

/// The lock of a store, and under it the lines of a channel. Where there are none, nothing is written, not even the lock.
fn locked_lines(
    store: &Store,
    channel: &ChannelName,
    abi: Option<Abi>,
) -> Result<(PublishLock, Vec<Line>), ServerError> {
    published_lines(store, channel, abi)?;
    let lock = store.lock()?;
    let lines = published_lines(store, channel, abi)?;
    Ok((lock, lines))
}

/// That at least one line has something under a name that was asked for.
fn require_found(is_found: bool, what: &impl ToString, channel: &ChannelName) -> Result<(), ServerError> {
    if is_found {
        Ok(())
    } else {
        Err(ServerError::NotInChannel { what: what.to_string(), channel: channel.to_string() })
    }
}
