//! `pkgsrv resolve`: what a channel would install.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use pkgsrv::{BaseUrl, ChannelName, DataArgs, read_line, resolve};
use pkgsrv_index::{Abi, EnvironmentLock};

use super::{JsonArgs, QuestionArgs, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct Resolve {
    /// What is asked for, such as `numpy>=2` or `pandas[excel]; python_version >= "3.12"`
    #[arg(required = true, value_name = "REQUIREMENT")]
    requirements: Vec<String>,
    #[command(flatten)]
    question: QuestionArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Channel to choose from
    #[arg(long, value_name = "NAME", default_value = "main")]
    channel: ChannelName,
    /// ABI to choose for [default: the newest with a released runtime]
    #[arg(long, value_name = "ABI")]
    abi: Option<Abi>,
    /// The address that the wheels' addresses begin with
    #[arg(long, value_name = "URL", env = "PKGSRV_BASE_URL", default_value = "http://127.0.0.1:8417")]
    base_url: BaseUrl,
    #[command(flatten)]
    output: JsonArgs,
}

impl Resolve {
    pub(crate) fn run(self) -> Result<()> {
        let store = self.data.data_dir().store();
        let line = read_line(&store, &self.channel, self.abi.unwrap_or_else(Abi::preferred))?;
        let question = self.question.about(self.requirements);
        let lock = resolve(&line, &self.channel, &self.base_url, &question)
            .with_context(|| format!("no answer from {}", store.root().display()))?;
        if self.output.json {
            return print_json(&lock);
        }
        print!("{}", listed(&lock));
        Ok(())
    }
}

/// One package a line, in the order of installation.
fn listed(lock: &EnvironmentLock) -> String {
    let mut text = String::new();
    for package in &lock.packages {
        let _infallible = writeln!(text, "{} {} {}", package.name, package.version, package.filename);
    }
    text
}
