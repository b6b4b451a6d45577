//! What the page must know: addresses of the main origin, and sizes for its progress bar.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pkgsrv_index::Abi;
use serde_json::json;

use crate::{BaseUrl, ChannelName};

/// The configuration of one channel's prompt, as JSON with sorted keys.
pub(super) fn config(main: &BaseUrl, channel: &ChannelName, runtimes: &Path) -> Vec<u8> {
    let abi = Abi::preferred();
    let facts = abi.facts();
    let (name, version) = (facts.runtime, facts.runtime_version);
    let root = format!("{main}/{}", channel.prefix());
    let config = json!({
        "abi": abi.to_string(),
        "channel": channel.as_str(),
        "environments": format!("{root}environments/{abi}/"),
        "loader": format!("{main}/loader/index.js"),
        "lockfile": format!("{root}pyodide/{abi}/pyodide-lock.json"),
        "packages": format!("{root}packages/"),
        "python": facts.python_full,
        "repodata": format!("{root}repodata/{abi}/"),
        "runtime": {
            "address": format!("{main}/runtime/{name}/{version}/"),
            "name": name,
            "sizes": sizes(&runtimes.join(name).join(version)),
            "version": version,
        },
    });
    config.to_string().into_bytes()
}

/// The files of a directory with their sizes in bytes. Responses that are encoded do not tell how large they will be.
fn sizes(directory: &Path) -> BTreeMap<String, u64> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| Some((entry.file_name().into_string().ok()?, entry.metadata().ok()?.len()));
    entries.filter_map(size).collect()
}
