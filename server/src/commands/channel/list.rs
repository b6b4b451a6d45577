//! `pkgsrv channel list`.

use std::fmt::Write as _;

use anyhow::Result;
use pkgsrv::{ChannelOverview, DataArgs, LineOverview, PublicKey, overview};
use serde_json::json;

use super::super::{JsonArgs, print_json};

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    output: JsonArgs,
}

impl List {
    pub(super) fn run(self) -> Result<()> {
        let channels = overview(&self.data.data_dir().store())?;
        if self.output.json {
            return print_json(&json!({ "channels": channels }));
        }
        print!("{}", described(&channels));
        Ok(())
    }
}

fn described(channels: &[ChannelOverview]) -> String {
    if channels.is_empty() {
        return "there are no channels: `pkgsrv publish FILE.whl` makes one\n".to_owned();
    }
    let mut text = String::new();
    for ChannelOverview { channel, public_keys, lines } in channels {
        let _infallible = writeln!(text, "channel {channel}");
        for PublicKey { public_key, .. } in public_keys {
            let _infallible = writeln!(text, "  public key {public_key}");
        }
        for LineOverview { abi, serial, projects, files, changed, expires } in lines {
            let changed = changed.as_ref().map(|time| format!(", changed {time}")).unwrap_or_default();
            let expires = expires.as_ref().map(|time| format!(", signed until {time}")).unwrap_or_default();
            let _infallible =
                writeln!(text, "  ABI {abi}, serial {serial}: projects {projects}, files {files}{changed}{expires}");
        }
    }
    text
}
