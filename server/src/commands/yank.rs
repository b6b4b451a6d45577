//! `pkgsrv yank` and `pkgsrv unyank`.

use std::time::SystemTime;

use anyhow::Result;
use pkgsrv::{ChannelName, ReleaseName, yank};

use super::channel::{LineArgs, tell};

#[derive(Debug, clap::Args)]
pub(crate) struct Yank {
    #[command(flatten)]
    release: ReleaseArgs,
    /// Why, for people; installers show it
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Unyank {
    #[command(flatten)]
    release: ReleaseArgs,
}

#[derive(Debug, clap::Args)]
struct ReleaseArgs {
    /// The version, all of whose files are meant
    #[arg(value_name = "NAME==VERSION")]
    release: ReleaseName,
    /// The channel
    #[arg(long, value_name = "NAME", default_value = "main")]
    channel: ChannelName,
    #[command(flatten)]
    line: LineArgs,
}

impl Yank {
    pub(crate) fn run(self) -> Result<()> {
        self.release.set(Some(&self.reason))
    }
}

impl Unyank {
    pub(crate) fn run(self) -> Result<()> {
        self.release.set(None)
    }
}

impl ReleaseArgs {
    fn set(&self, reason: Option<&str>) -> Result<()> {
        let Self { release, channel, line } = self;
        let lines = yank(&line.data.data_dir().store(), channel, line.abi, release, reason, SystemTime::now())?;
        tell(channel, &lines, line.output)
    }
}
