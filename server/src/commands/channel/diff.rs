//! `pkgsrv channel diff`.

use anyhow::Result;
use pkgsrv::{ChannelPoint, LineDifference, diff};
use serde_json::json;

use super::super::print_json;
use super::LineArgs;

#[derive(Debug, clap::Args)]
pub(super) struct Diff {
    /// A channel, or a state of it by the serial of its head: main@5
    #[arg(value_name = "FROM")]
    from: ChannelPoint,
    /// What it is compared with
    #[arg(value_name = "TO")]
    to: ChannelPoint,
    #[command(flatten)]
    line: LineArgs,
}

impl Diff {
    pub(super) fn run(self) -> Result<()> {
        let Self { from, to, line } = self;
        let lines = diff(&line.data.data_dir().store(), &from, &to, line.abi)?;
        if line.output.json {
            return print_json(&json!({ "lines": lines }));
        }
        for LineDifference { abi, from: before, to: after, difference } in lines {
            println!("ABI {abi}, from serial {before} of {} to serial {after} of {}", from.channel, to.channel);
            print!("{difference}");
            if difference.is_empty() {
                println!("  no difference");
            }
        }
        Ok(())
    }
}
