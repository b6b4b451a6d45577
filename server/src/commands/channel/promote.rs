//! `pkgsrv channel promote`.

use std::time::SystemTime;

use anyhow::Result;
use pkgsrv::{ChannelName, promote, sign_files};
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
    /// Only these projects, and what they need [default: all]
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
        sign_files(&data, SystemTime::now())?;
        if line.output.json {
            return print_json(&json!({ "channel": to.to_string(), "from": from.to_string(), "lines": promoted }));
        }
        for line in promoted {
            print!("{}", described(&to, &line.line));
            for filename in line.left_out {
                println!("  left out, it was deleted here: {filename}");
            }
        }
        Ok(())
    }
}
