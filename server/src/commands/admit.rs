//! `pkgsrv admit`.

use anyhow::{Result, bail};
use pkgsrv_builder::{AdmissionReport, Interrupt};
use pkgsrv_index::{Abi, WheelFilename};

use super::admission::WheelArgs;
use super::working::interruptible;
use super::{JsonArgs, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct Admit {
    #[command(flatten)]
    wheels: WheelArgs,
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
        let WheelArgs { data, channel, paths, .. } = &self.wheels;
        let uploads = self.wheels.uploads()?;
        let store = data.data_dir().store();
        let examination = self.wheels.examination(interrupt);
        let gate = self.wheels.gate(&examination, &store, &uploads);
        let mut reports = Vec::new();
        for abi in self.wheels.abis_for(&uploads) {
            let needed = pkgsrv::needed(&store, channel, abi, &uploads)?;
            for (upload, path) in uploads.iter().zip(paths) {
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

    /// Asked for by name, or fitting; one that fits nothing is told so for the preferred one.
    fn is_wanted(&self, abi: Abi, filename: &WheelFilename) -> bool {
        let fits = |abi: Abi| filename.tags_fit(abi).is_some();
        !self.wheels.abis.is_empty() || fits(abi) || abi == Abi::preferred() && !Abi::known().any(fits)
    }
}
