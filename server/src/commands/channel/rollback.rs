//! `pkgsrv channel rollback`.

use std::time::SystemTime;

use anyhow::Result;
use pkgsrv::{ChannelName, rollback};

use super::{LineArgs, tell};

#[derive(Debug, clap::Args)]
pub(super) struct Rollback {
    /// The channel
    #[arg(value_name = "NAME")]
    channel: ChannelName,
    /// Serial of the head to go back to [default: the one before the last change]
    #[arg(long, value_name = "SERIAL")]
    to: Option<u64>,
    #[command(flatten)]
    line: LineArgs,
}

impl Rollback {
    pub(super) fn run(self) -> Result<()> {
        let Self { channel, to, line } = self;
        let lines = rollback(&line.data.data_dir().store(), &channel, line.abi, to, SystemTime::now())?;
        tell(&channel, &lines, line.output)
    }
}
