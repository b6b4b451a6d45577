//! `pkgsrv channel`.

mod diff;
mod list;
mod promote;
mod rollback;
mod sign;
mod status;

use std::fmt::Write as _;

use anyhow::Result;
use pkgsrv::{ChangedLine, ChannelName, DataArgs};
use pkgsrv_index::Abi;
use serde_json::json;

use super::{JsonArgs, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct ChannelCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show channels and their lines: serials, projects, files, last change
    List(list::List),
    /// Tell which files two channels, or two states of one, have apart
    Diff(diff::Diff),
    /// Add the files of one channel to another
    Promote(promote::Promote),
    /// Go back to what a channel had before
    Rollback(rollback::Rollback),
    /// Make a key for a channel, and sign its heads from then on
    Init(sign::Init),
    /// Sign a channel's heads anew, for when they expire; a running `pkgsrv serve` does that by itself
    Refresh(sign::Refresh),
    /// Make another key for a channel, and sign with both until the old one is retired
    RotateKey(sign::RotateKey),
    /// Give a project a status: active, deprecated, archived (takes no files), quarantined (shows none either)
    Status(status::StatusCommand),
}

impl ChannelCommand {
    pub(crate) fn run(self) -> Result<()> {
        match self.action {
            Action::List(command) => command.run(),
            Action::Diff(command) => command.run(),
            Action::Promote(command) => command.run(),
            Action::Rollback(command) => command.run(),
            Action::Init(command) => command.run(),
            Action::Refresh(command) => command.run(),
            Action::RotateKey(command) => command.run(),
            Action::Status(command) => command.run(),
        }
    }
}

/// What every command has that changes or compares lines.
#[derive(Debug, clap::Args)]
pub(crate) struct LineArgs {
    /// Only the line of this ABI [default: every line of the channel]
    #[arg(long, value_name = "ABI")]
    pub abi: Option<Abi>,
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub output: JsonArgs,
}

/// Tells what was done to the lines of a channel.
pub(crate) fn tell(channel: &ChannelName, lines: &[ChangedLine], output: JsonArgs) -> Result<()> {
    if output.json {
        return print_json(&json!({ "channel": channel.to_string(), "lines": lines }));
    }
    for line in lines {
        print!("{}", described(channel, line));
    }
    Ok(())
}

/// One line and what it has become, as `pkgsrv publish` tells it.
pub(crate) fn described(channel: &ChannelName, line: &ChangedLine) -> String {
    let ChangedLine { abi, serial, difference } = line;
    let mut text = format!("channel {channel}, ABI {abi}, serial {serial}\n");
    let unchanged = if difference.is_empty() { "  nothing changed\n" } else { "" };
    let _infallible = write!(text, "{difference}{unchanged}");
    text
}
