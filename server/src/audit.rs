//! The audit log: who asked for which change by HTTP, and what became of it.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::SystemTime;

use pkgsrv_index::{Digest, UploadTime};
use serde::Serialize;

use crate::ServerError;
use crate::changes::time_of;

/// A file of one JSON object per line, to which lines are only added. What cannot be noted is not done.
#[derive(Debug, Clone)]
pub(crate) struct AuditLog(PathBuf);

/// What happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event<'a> {
    /// A token was made.
    TokenCreated { token: &'a str },
    /// A token was taken away.
    TokenRevoked { token: &'a str },
    /// A file has arrived, and is to be checked.
    UploadReceived { token: &'a str, channel: &'a str, filename: &'a str, sha256: Digest },
    /// It was published, or was there already.
    UploadPublished { token: &'a str, channel: &'a str, filename: &'a str, sha256: Digest },
    /// It was not: `code` is that of the answer.
    UploadRefused { token: &'a str, channel: &'a str, filename: &'a str, sha256: Digest, code: &'a str },
}

#[derive(Serialize)]
struct Line<'a> {
    time: UploadTime,
    #[serde(flatten)]
    event: &'a Event<'a>,
}

impl AuditLog {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Adds a line, which is on the disk when this returns.
    pub(crate) fn add(&self, event: &Event<'_>) -> Result<(), ServerError> {
        let write = || {
            let mut line = serde_json::to_vec(&Line { time: time_of(SystemTime::now()), event })?;
            line.push(b'\n');
            let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.0)?;
            // In one write: lines of several programs do not mix.
            file.write_all(&line)?;
            file.sync_data()
        };
        write().map_err(|source| ServerError::Write { path: self.0.clone(), source })
    }
}
