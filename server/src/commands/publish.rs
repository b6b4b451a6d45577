//! `pkgsrv publish`.

use std::time::SystemTime;

use anyhow::{Context as _, Result};
use pkgsrv::PublishedLine;
use pkgsrv_builder::Interrupt;
use pkgsrv_index::WheelFilename;
use serde_json::json;

use super::admission::WheelArgs;
use super::export::{ExportArgs, Exported};
use super::working::interruptible;
use super::{JsonArgs, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct Publish {
    #[command(flatten)]
    wheels: WheelArgs,
    #[command(flatten)]
    export: ExportArgs,
    #[command(flatten)]
    output: JsonArgs,
}

impl Publish {
    pub(crate) async fn run(self) -> Result<()> {
        let channel = self.wheels.channel.clone();
        let json = self.output.json;
        let (lines, exported) = interruptible(move |interrupt| self.publish_and_export(interrupt)).await?;
        if json {
            let lines: Vec<_> = lines.iter().map(as_json).collect();
            let mut result = json!({ "channel": channel.to_string(), "lines": lines });
            if let Some(exported) = exported {
                result["exported"] = exported.as_json();
            }
            return print_json(&result);
        }
        for line in lines {
            print!("{}", line.described(&channel));
        }
        if let Some(exported) = exported {
            print!("{}", exported.described());
        }
        Ok(())
    }

    fn publish_and_export(self, interrupt: &Interrupt) -> Result<(Vec<PublishedLine>, Option<Exported>)> {
        let (data, channel, export) = (self.wheels.data.data_dir(), self.wheels.channel.clone(), self.export.clone());
        let lines = self.publish(interrupt)?;
        pkgsrv::sign_files(&data, SystemTime::now())?;
        let exported = export.run(&data, &channel, interrupt).context("published here, but not exported")?;
        Ok((lines, exported))
    }

    fn publish(self, interrupt: &Interrupt) -> Result<Vec<PublishedLine>> {
        let Self { wheels, .. } = self;
        let uploads = wheels.uploads()?;
        let abis = wheels.abis_for(&uploads);
        let store = wheels.data.data_dir().store();
        let examination = wheels.examination(interrupt);
        let gate = wheels.gate(&examination, &store, &uploads);
        pkgsrv::publish(&store, &wheels.channel, &abis, &uploads, SystemTime::now(), &|candidate| gate.admit(candidate))
            .with_context(|| format!("nothing was published to {}", store.root().display()))
    }
}

/// One line of a channel for `--json`.
fn as_json(line: &PublishedLine) -> serde_json::Value {
    let names = |files: &[WheelFilename]| files.iter().map(ToString::to_string).collect::<Vec<_>>();
    let PublishedLine { abi, serial, added, already_there } = line;
    json!({ "abi": abi.to_string(), "added": names(added), "already_there": names(already_there), "serial": serial })
}
