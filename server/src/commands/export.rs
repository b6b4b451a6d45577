//! `pkgsrv export`.

use anyhow::Result;
use pkgsrv::{BaseUrl, ChannelName, DataArgs, DataDir, Export, ExportedLine, Place, Target, TransferError};
use pkgsrv_builder::{BuildError, Interrupt, Progress};
use serde_json::json;
use tokio::runtime::Handle;

use super::working::interruptible;
use super::{JsonArgs, print_json};
use crate::loader_build;

#[derive(Debug, clap::Args)]
pub(crate) struct ExportCommand {
    #[command(flatten)]
    data: DataArgs,
    #[arg(
        long,
        value_name = "PLACE",
        help = "Directory or bucket to write to: file:///DIRECTORY or s3://BUCKET/PREFIX"
    )]
    to: Place,
    /// The address that the target is served at
    #[arg(long, value_name = "URL", env = "PKGSRV_BASE_URL")]
    base_url: BaseUrl,
    /// Channel to export; may be repeated
    #[arg(long = "channel", value_name = "NAME", default_value = "main")]
    channels: Vec<ChannelName>,
    /// Write also where that takes the target back, and make every page anew
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    output: JsonArgs,
}

/// `--to` and what belongs to it, for a command that exports what it has published.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ExportArgs {
    #[arg(
        long,
        value_name = "PLACE",
        requires = "base_url",
        help = "Then export the channel to file:///DIRECTORY or s3://BUCKET/PREFIX, which is served at --base-url"
    )]
    to: Option<Place>,
    /// The address that the target of --to is served at
    #[arg(long, value_name = "URL", env = "PKGSRV_BASE_URL")]
    base_url: Option<BaseUrl>,
}

/// What was exported, for people and scripts.
pub(crate) struct Exported {
    channel: ChannelName,
    lines: Vec<ExportedLine>,
    objects: u64,
    bytes: u64,
}

impl ExportCommand {
    pub(crate) async fn run(self) -> Result<()> {
        let (json, to) = (self.output.json, self.to.to_string());
        let exported = interruptible(move |interrupt| {
            let data = self.data.data_dir();
            loader_build::bring_carried(&data);
            let target = Target::open(&self.to, Handle::current())?;
            let each = |channel: &ChannelName| exported(&data, channel, &self.base_url, self.force, &target, interrupt);
            self.channels.iter().map(each).collect::<Result<Vec<_>>>()
        })
        .await?;
        if json {
            let channels: Vec<_> = exported.iter().map(Exported::as_json).collect();
            return print_json(&json!({ "to": to, "channels": channels }));
        }
        for exported in exported {
            print!("{}", exported.described());
        }
        Ok(())
    }
}

impl ExportArgs {
    /// Exports a channel, if that is asked for.
    pub(crate) fn run(&self, data: &DataDir, channel: &ChannelName, interrupt: &Interrupt) -> Result<Option<Exported>> {
        let (Some(to), Some(base)) = (&self.to, &self.base_url) else { return Ok(None) };
        loader_build::bring_carried(data);
        let target = Target::open(to, Handle::current())?;
        exported(data, channel, base, false, &target, interrupt).map(Some)
    }
}

fn exported(
    data: &DataDir,
    channel: &ChannelName,
    base: &BaseUrl,
    force: bool,
    target: &Target,
    interrupt: &Interrupt,
) -> Result<Exported> {
    let progress = Progress::stderr();
    let export = Export { data, channel, base, force, interrupt, progress: &progress };
    let (lines, objects, bytes) = pkgsrv::export(&export, target).map_err(ended)?;
    Ok(Exported { channel: channel.clone(), lines, objects, bytes })
}

/// Ctrl-C ends every command with the same words and code.
pub(crate) fn ended(error: TransferError) -> anyhow::Error {
    match error {
        TransferError::Interrupted => BuildError::Interrupted.into(),
        error => error.into(),
    }
}

impl Exported {
    pub(crate) fn described(&self) -> String {
        let Self { channel, lines, objects, bytes } = self;
        let state = |line: &ExportedLine| if line.changed { "exported" } else { "was there already" };
        let described = |line: &ExportedLine| {
            format!("channel {channel}, ABI {}, serial {}: {}\n", line.abi, line.serial, state(line))
        };
        let lines: String = lines.iter().map(described).collect();
        format!("{lines}{objects} objects sent, {bytes} bytes\n")
    }

    pub(crate) fn as_json(&self) -> serde_json::Value {
        let line = |line: &ExportedLine| json!({ "abi": line.abi.to_string(), "changed": line.changed, "serial": line.serial });
        let lines: Vec<_> = self.lines.iter().map(line).collect();
        json!({ "bytes": self.bytes, "channel": self.channel.to_string(), "lines": lines, "objects": self.objects })
    }
}
