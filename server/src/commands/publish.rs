//! `pkgsrv publish`.

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use pkgsrv::{ChannelName, DataArgs, FetchArgs, PublishedLine, ToolchainArgs, Upload};
use pkgsrv_builder::Interrupt;
use pkgsrv_index::{Abi, WheelFilename};
use serde_json::json;

use super::admission::{Gate, ImportArgs};
use super::working::interruptible;
use super::{JsonArgs, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct Publish {
    /// Wheels to publish
    #[arg(required = true, value_name = "FILE.whl")]
    wheels: Vec<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    fetch: FetchArgs,
    #[command(flatten)]
    toolchain: ToolchainArgs,
    #[command(flatten)]
    imports: ImportArgs,
    /// Channel to publish to
    #[arg(long, value_name = "NAME", default_value = "main")]
    channel: ChannelName,
    /// ABI to publish for, may be repeated [default: every ABI that a wheel fits]
    #[arg(long = "abi", value_name = "ABI")]
    abis: Vec<Abi>,
    #[command(flatten)]
    output: JsonArgs,
}

impl Publish {
    pub(crate) async fn run(self) -> Result<()> {
        let channel = self.channel.clone();
        let json = self.output.json;
        let lines = interruptible(move |interrupt| self.publish(interrupt)).await?;
        if json {
            let lines: Vec<_> = lines.iter().map(as_json).collect();
            return print_json(&json!({ "channel": channel.to_string(), "lines": lines }));
        }
        for line in lines {
            print!("{}", described(&channel, &line));
        }
        Ok(())
    }

    fn publish(self, interrupt: &Interrupt) -> Result<Vec<PublishedLine>> {
        let uploads: Vec<Upload> = self.wheels.iter().map(|path| Upload::read(path)).collect::<Result<_, _>>()?;
        let paths = uploads.iter().map(|upload| upload.filename.clone()).zip(self.wheels).collect();
        let abis = if self.abis.is_empty() { Abi::known().collect() } else { self.abis };
        let store = self.data.data_dir().store();
        let gate = Gate::new(self.toolchain.context(&self.fetch, interrupt), &store, paths, &self.imports);
        pkgsrv::publish(&store, &self.channel, &abis, &uploads, SystemTime::now(), &|candidate| gate.admit(candidate))
            .with_context(|| format!("nothing was published to {}", store.root().display()))
    }
}

/// One line of a channel for `--json`.
fn as_json(line: &PublishedLine) -> serde_json::Value {
    let names = |files: &[WheelFilename]| files.iter().map(ToString::to_string).collect::<Vec<_>>();
    let PublishedLine { abi, serial, added, already_there } = line;
    json!({ "abi": abi.to_string(), "added": names(added), "already_there": names(already_there), "serial": serial })
}

fn described(channel: &ChannelName, line: &PublishedLine) -> String {
    let PublishedLine { abi, serial, added, already_there } = line;
    let added = added.iter().map(|filename| format!("  added {filename}\n"));
    let there = already_there.iter().map(|filename| format!("  already there: {filename}\n"));
    let files: String = added.chain(there).collect();
    format!("channel {channel}, ABI {abi}, serial {serial}\n{files}")
}
