//! `pkgsrv channel status`.

use std::time::SystemTime;

use anyhow::Result;
use pkgsrv::{ChannelName, DataArgs, set_status};
use pkgsrv_index::{PackageName, ProjectStatus, Status};

use super::super::JsonArgs;
use super::tell;

#[derive(Debug, clap::Args)]
pub(super) struct StatusCommand {
    /// The project
    #[arg(value_name = "NAME")]
    name: PackageName,
    /// active, deprecated, archived or quarantined
    #[arg(value_name = "STATUS")]
    status: Status,
    /// Why, for people; shown on the project's pages
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The channel
    #[arg(long, value_name = "NAME", default_value = "main")]
    channel: ChannelName,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    output: JsonArgs,
}

impl StatusCommand {
    pub(super) fn run(self) -> Result<()> {
        let Self { name, status, reason, channel, data, output } = self;
        let status = ProjectStatus { status, reason };
        let lines = set_status(&data.data_dir().store(), &channel, &name, &status, SystemTime::now())?;
        tell(&channel, &lines, output)
    }
}
