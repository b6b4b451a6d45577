//! `pkgsrv admit`.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{Result, bail};
use pkgsrv::{ChannelName, DataArgs, FetchArgs, ToolchainArgs, Upload};
use pkgsrv_builder::{AdmissionReport, Interrupt};
use pkgsrv_index::{Abi, WheelFilename};

use super::admission::{Gate, ImportArgs};
use super::working::interruptible;
use super::{JsonArgs, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct Admit {
    /// Wheels to check
    #[arg(required = true, value_name = "FILE.whl")]
    wheels: Vec<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    fetch: FetchArgs,
    #[command(flatten)]
    toolchain: ToolchainArgs,
    #[command(flatten)]
    imports: ImportArgs,
    /// Channel that has what the wheels need
    #[arg(long, value_name = "NAME", default_value = "main")]
    channel: ChannelName,
    /// ABI to check for, may be repeated [default: every ABI that a wheel fits]
    #[arg(long = "abi", value_name = "ABI")]
    abis: Vec<Abi>,
    #[command(flatten)]
    output: JsonArgs,
}

impl Admit {
    pub(crate) async fn run(self) -> Result<()> {
        let json = self.output.json;
        let reports = interruptible(move |interrupt| self.reports(interrupt)).await?;
        if json {
            print_json(&reports)?;
        } else {
            let texts: Vec<String> = reports.iter().map(ToString::to_string).collect();
            print!("{}", texts.join("\n"));
        }
        let refused = reports.iter().filter(|report| !report.is_admitted()).count();
        if refused > 0 {
            bail!("{refused} of {} reports refuse the wheel; each says what to do", reports.len());
        }
        Ok(())
    }

    fn reports(self, interrupt: &Interrupt) -> Result<Vec<AdmissionReport>> {
        let uploads: Vec<Upload> = self.wheels.iter().map(|path| Upload::read(path)).collect::<Result<_, _>>()?;
        let paths: HashMap<WheelFilename, PathBuf> =
            uploads.iter().map(|upload| upload.filename.clone()).zip(self.wheels.iter().cloned()).collect();
        let store = self.data.data_dir().store();
        let gate = Gate::new(self.toolchain.context(&self.fetch, interrupt), &store, paths, &self.imports);
        let mut reports = Vec::new();
        for abi in Abi::known().filter(|abi| self.abis.is_empty() || self.abis.contains(abi)) {
            let needed = pkgsrv::needed(&store, &self.channel, abi, &uploads)?;
            for (upload, path) in uploads.iter().zip(&self.wheels) {
                if !self.is_wanted(abi, &upload.filename) {
                    continue;
                }
                let needed = match needed.get(&upload.filename) {
                    Some(needed) => needed.as_deref().map_err(ToString::to_string),
                    None => Err("it cannot be read, or does not fit".to_owned()),
                };
                reports.push(gate.report(abi, path, needed)?);
            }
        }
        Ok(reports)
    }

    /// Asked for by name, or fitting; one that fits nothing is told so for the newest.
    fn is_wanted(&self, abi: Abi, filename: &WheelFilename) -> bool {
        let fits = |abi: Abi| filename.tags_fit(abi).is_some();
        !self.abis.is_empty() || fits(abi) || abi == Abi::newest() && !Abi::known().any(fits)
    }
}
