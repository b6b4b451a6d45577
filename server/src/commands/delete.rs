//! `pkgsrv delete`.

use std::time::SystemTime;

use anyhow::Result;
use pkgsrv::{ChannelName, DeleteTarget, Deletion, KeptFor, Purged, delete};
use serde_json::json;

use super::channel::{LineArgs, tell};
use super::print_json;

#[derive(Debug, clap::Args)]
pub(crate) struct Delete {
    /// What to delete: all files of a project, of a version, or one file
    #[arg(value_name = "NAME[==VERSION]|FILENAME")]
    target: DeleteTarget,
    /// The channel
    #[arg(long, value_name = "NAME", default_value = "main")]
    channel: ChannelName,
    /// Remove the bytes too, where no line of any channel names them now and no environment was made of them; earlier
    /// states that name them cannot be rolled back to any more
    #[arg(long)]
    purge: bool,
    #[command(flatten)]
    line: LineArgs,
}

impl Delete {
    pub(crate) fn run(self) -> Result<()> {
        let Self { target, channel, purge, line } = self;
        let data = line.data.data_dir();
        let but_for = purge.then(|| data.all_environments());
        let deletion = delete(&data.store(), &channel, line.abi, &target, but_for.as_deref(), SystemTime::now())?;
        let Deletion { lines, purged } = deletion;
        if line.output.json {
            return print_json(&json!({ "channel": channel.to_string(), "lines": lines, "purged": purged }));
        }
        tell(&channel, &lines, line.output)?;
        for file in &purged {
            println!("{}", told(file));
        }
        Ok(())
    }
}

fn told(purged: &Purged) -> String {
    let Purged { filename, removed, kept_for, .. } = purged;
    if !kept_for.is_empty() {
        let name = |KeptFor { channel, abi, environment }: &KeptFor| {
            let environment = environment.as_ref().map(|name| format!(" environment {name}")).unwrap_or_default();
            format!("{channel} {abi}{environment}")
        };
        let names: Vec<String> = kept_for.iter().map(name).collect();
        return format!("kept the bytes of {filename}, which is in {}", names.join(", "));
    }
    if removed.is_empty() {
        return format!("the bytes of {filename} were removed before");
    }
    format!("removed the bytes of {filename}; earlier states that have it cannot be rolled back to any more")
}
