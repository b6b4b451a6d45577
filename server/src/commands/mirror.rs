//! `pkgsrv mirror`.

use std::time::Duration;

use anyhow::Result;
use pkgsrv::{ChannelName, DataArgs, Mirror, Mirrored, MirroredLine, Place, Source};
use pkgsrv_builder::{Interrupt, Progress};
use pkgsrv_index::{Abi, Requirement};
use serde_json::json;
use tokio::runtime::Handle;

use super::export::ended;
use super::working::interruptible;
use super::{JsonArgs, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct MirrorCommand {
    #[arg(
        value_name = "PLACE",
        help = "Where to copy from: a server, http(s)://HOST, or an export, file:///DIRECTORY or s3://BUCKET/PREFIX"
    )]
    from: Place,
    /// Packages to copy, with what they need [default: the whole channel]
    #[arg(value_name = "NAME")]
    names: Vec<Requirement>,
    #[command(flatten)]
    data: DataArgs,
    /// Channel, there and here
    #[arg(long, value_name = "NAME", default_value = "main")]
    channel: ChannelName,
    /// ABI to copy; may be repeated [default: all that are there; of named packages the newest with a released runtime]
    #[arg(long = "abi", value_name = "ABI")]
    abis: Vec<Abi>,
    /// Copy packages only: no runtime, no loader, no environments
    #[arg(long)]
    packages_only: bool,
    /// Copy also where that takes the channel here back, or replaces another runtime or loader
    #[arg(long)]
    force: bool,
    /// How long the server may send nothing before it is given up
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    #[command(flatten)]
    output: JsonArgs,
}

impl MirrorCommand {
    pub(crate) async fn run(self) -> Result<()> {
        let (json, channel) = (self.output.json, self.channel.clone());
        let Mirrored { lines, files } = interruptible(move |interrupt| self.mirror(interrupt)).await?;
        if json {
            let lines: Vec<_> = lines.iter().map(as_json).collect();
            return print_json(&json!({ "channel": channel.to_string(), "files": files, "lines": lines }));
        }
        for line in lines {
            print!("{}", described(&channel, &line));
        }
        if files > 0 {
            println!("runtimes, loader and environments: {files} files fetched");
        }
        Ok(())
    }

    fn mirror(self, interrupt: &Interrupt) -> Result<Mirrored> {
        let source = Source::open(&self.from, Duration::from_secs(self.timeout), Handle::current())?;
        let (data, progress) = (self.data.data_dir(), Progress::stderr());
        let mirror = Mirror {
            data: &data,
            channel: &self.channel,
            abis: &self.abis,
            names: &self.names,
            packages_only: self.packages_only,
            force: self.force,
            interrupt,
            progress: &progress,
        };
        pkgsrv::mirror(&mirror, &source).map_err(ended)
    }
}

fn as_json(line: &MirroredLine) -> serde_json::Value {
    let added: Vec<String> = line.added.iter().map(ToString::to_string).collect();
    json!({ "abi": line.abi.to_string(), "added": added, "fetched": line.fetched, "serial": line.serial })
}

fn described(channel: &ChannelName, line: &MirroredLine) -> String {
    let MirroredLine { abi, serial, added, fetched } = line;
    let added = added.iter().map(|filename| format!("  added {filename}\n"));
    let added: String = added.collect();
    format!("channel {channel}, ABI {abi}, serial {serial}: {fetched} objects fetched\n{added}")
}
