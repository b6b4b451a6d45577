//! `pkgsrv channel diff`.

use anyhow::Result;
use pkgsrv::{ChannelPoint, EnvironmentChange, EnvironmentDifference, LineDifference, diff};
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
        let data = line.data.data_dir();
        let lines = diff(&data.store(), &from, &to, line.abi)?;
        // Environments have no history.
        let environments = match (from.serial, to.serial) {
            (None, None) => data.environment_differences(&from.channel, &to.channel, line.abi)?,
            _ => Vec::new(),
        };
        if line.output.json {
            return print_json(&json!({ "lines": lines, "environments": environments }));
        }
        for LineDifference { abi, from: before, to: after, difference } in lines {
            println!("ABI {abi}, from serial {before} of {} to serial {after} of {}", from.channel, to.channel);
            print!("{difference}");
            if difference.is_empty() {
                println!("  no difference");
            }
        }
        for EnvironmentDifference { abi, name, change } in environments {
            let change = match change {
                EnvironmentChange::Added => "added",
                EnvironmentChange::Removed => "removed",
                EnvironmentChange::OtherContents => "other contents",
            };
            println!("environment {name}, ABI {abi}: {change}");
        }
        Ok(())
    }
}
