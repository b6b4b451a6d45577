//! `pkgsrv install`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use pkgsrv::{
    ChannelName, DataArgs, Install, InstallError, InstalledWheel, Place, ResolveError, Source, TransferError, read_line,
};
use pkgsrv_builder::{Interrupt, Progress};
use pkgsrv_index::Abi;
use serde_json::json;
use tokio::runtime::Handle;

use super::export::ended;
use super::working::interruptible;
use super::{JsonArgs, QuestionArgs, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct InstallCommand {
    /// What is asked for, such as `sympy>=1.13` or `jsonschema[format]`
    #[arg(required = true, value_name = "REQUIREMENT")]
    requirements: Vec<String>,
    /// Directory to unpack into, for PYTHONPATH: one that is not there yet, or is empty
    #[arg(long, value_name = "DIR")]
    target: PathBuf,
    #[arg(
        long,
        value_name = "PLACE",
        help = "Where the channel is: a server, http(s)://HOST, or an export, file:///DIRECTORY or s3://BUCKET/PREFIX \
                [default: the data directory]"
    )]
    from: Option<Place>,
    #[command(flatten)]
    question: QuestionArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Channel to choose from
    #[arg(long, value_name = "NAME", default_value = "main")]
    channel: ChannelName,
    /// ABI whose Python and markers decide what is needed [default: the newest with a released runtime]
    #[arg(long, value_name = "ABI")]
    abi: Option<Abi>,
    /// How long a server may send nothing before it is given up
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    #[command(flatten)]
    output: JsonArgs,
}

impl InstallCommand {
    pub(crate) async fn run(self) -> Result<()> {
        let (json, target) = (self.output.json, self.target.clone());
        let installed = interruptible(move |interrupt| self.install(interrupt)).await?;
        if json {
            let installed: Vec<_> = installed.iter().map(as_json).collect();
            return print_json(&json!({ "installed": installed, "target": target }));
        }
        for wheel in installed {
            println!("{} {} {}", wheel.name, wheel.version, wheel.filename);
        }
        Ok(())
    }

    fn install(self, interrupt: &Interrupt) -> Result<Vec<InstalledWheel>> {
        let (store, abi) = (self.data.data_dir().store(), self.abi.unwrap_or_else(Abi::preferred));
        let Self { requirements, question, channel, target, .. } = self;
        let place = match self.from {
            Some(place) => place,
            // The store's paths are the addresses, so it is a place like an export.
            None if read_line(&store, &channel, abi)?.serial() > 0 => {
                Place::Directory(std::path::absolute(store.root())?)
            }
            None => return Err(ResolveError::NothingPublished { channel, abi }.into()),
        };
        let source = Source::open(&place, Duration::from_secs(self.timeout), Handle::current())?;
        let install = Install {
            store: &store,
            channel: &channel,
            abi,
            question: &question.about(requirements),
            target: &target,
            interrupt,
            progress: &Progress::stderr(),
        };
        pkgsrv::install(&install, &source).map_err(|error| match error {
            InstallError::Transfer(error @ TransferError::Interrupted) => ended(error),
            error => error.into(),
        })
    }
}

fn as_json(wheel: &InstalledWheel) -> serde_json::Value {
    json!({
        "filename": wheel.filename.to_string(),
        "name": wheel.name.to_string(),
        "requested": wheel.requested,
        "sha256": wheel.sha256.to_string(),
        "version": wheel.version.to_string(),
    })
}
