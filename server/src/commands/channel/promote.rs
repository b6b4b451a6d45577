//! `pkgsrv channel promote`.

use std::time::SystemTime;

use anyhow::Result;
use pkgsrv::{ChannelName, PromotedEnvironment, promote, sign_files};
use pkgsrv_index::PackageName;
use serde_json::json;

use super::super::print_json;
use super::{LineArgs, described};

#[derive(Debug, clap::Args)]
pub(super) struct Promote {
    /// Channel that has the files
    #[arg(value_name = "FROM")]
    from: ChannelName,
    /// Channel that gets them
    #[arg(value_name = "TO")]
    to: ChannelName,
    /// Only these projects with what they need, and environments that have them [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<PackageName>,
    #[command(flatten)]
    line: LineArgs,
}

impl Promote {
    pub(super) fn run(self) -> Result<()> {
        let Self { from, to, names, line } = self;
        let data = line.data.data_dir();
        let promoted = promote(&data.store(), &from, &to, line.abi, &names, SystemTime::now())?;
        let environments = data.promote_environments(&from, &to, line.abi, &names)?;
        sign_files(&data, SystemTime::now())?;
        if line.output.json {
            let (channel, from) = (to.to_string(), from.to_string());
            let told = json!({ "channel": channel, "from": from, "lines": promoted, "environments": environments });
            return print_json(&told);
        }
        for line in promoted {
            print!("{}", described(&to, &line.line));
            for filename in line.left_out {
                println!("  left out, it was deleted here: {filename}");
            }
        }
        for PromotedEnvironment { abi, name, lacking } in environments {
            if lacking.is_empty() {
                println!("environment {name}, ABI {abi}: copied");
            } else {
                println!("environment {name}, ABI {abi}: left out, {to} does not have {}", lacking.join(", "));
            }
        }
        Ok(())
    }
}
