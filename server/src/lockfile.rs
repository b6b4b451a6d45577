//! The lockfile of a head, and the name under which its bytes stay.

use pkgsrv_index::{Digest, PyodideLock};

use crate::ServerError;
use crate::channel::Line;
use crate::store::digest_of;

/// A lockfile and its name for good, beside `pyodide-lock.json`: relative addresses in it mean the same at both.
#[derive(Debug)]
pub(crate) struct LockfileAt {
    pub(crate) bytes: Vec<u8>,
    /// `{serial}-{sha256}.json`.
    pub(crate) name: String,
}

impl LockfileAt {
    /// That of a line as of its head.
    pub(crate) fn of(line: &Line) -> Result<Self, ServerError> {
        let lock = PyodideLock::new(line.abi(), &line.newest()?, line.channel().blobs_from_view());
        let bytes = lock.to_bytes();
        let name = format!("{}-{}.json", line.serial(), digest_of(&bytes));
        Ok(Self { bytes, name })
    }

    /// Serial and digest of a name; `None` if it is none, or spells the serial in another way.
    pub(crate) fn parse_name(name: &str) -> Option<(u64, Digest)> {
        let (serial, sha256) = name.strip_suffix(".json")?.split_once('-')?;
        let parsed = serial.parse().ok().filter(|parsed: &u64| parsed.to_string() == serial)?;
        Some((parsed, sha256.parse().ok()?))
    }
}
