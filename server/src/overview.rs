//! Which channels there are, and how much they have.

use pkgsrv_index::{Abi, Project, UploadTime};
use serde::Serialize;

use crate::changes::published_lines;
use crate::{PublicKey, ServerError, Store};

/// One channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelOverview {
    /// Its name.
    pub channel: String,
    /// What its heads are signed with, the newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub public_keys: Vec<PublicKey>,
    /// Its lines.
    pub lines: Vec<LineOverview>,
}

/// One line of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineOverview {
    /// The line.
    pub abi: Abi,
    /// The serial of its head.
    pub serial: u64,
    /// Projects that have files.
    pub projects: usize,
    /// Files, yanked ones too.
    pub files: usize,
    /// When its head was made; heads of earlier versions do not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<UploadTime>,
    /// When its signature expires, if it is signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<UploadTime>,
}

/// All channels of a store that something was published to, main first. Reads every index.
pub fn overview(store: &Store) -> Result<Vec<ChannelOverview>, ServerError> {
    let mut channels = Vec::new();
    for channel in store.channels()? {
        let mut lines = Vec::new();
        for line in published_lines(store, &channel, None)? {
            let index = line.index()?;
            let counts: Vec<usize> = index.projects().values().map(|it: &Project| it.files().count()).collect();
            lines.push(LineOverview {
                abi: line.abi(),
                serial: line.serial(),
                projects: counts.iter().filter(|files| **files > 0).count(),
                files: counts.iter().sum(),
                changed: line.changed_at().cloned(),
                expires: line.expires().cloned(),
            });
        }
        let keys = store.keys().map(|keys| keys.of(&channel)).transpose()?.flatten();
        let public_keys = keys.map(|keys| keys.public()).unwrap_or_default();
        channels.push(ChannelOverview { channel: channel.to_string(), public_keys, lines });
    }
    Ok(channels)
}
