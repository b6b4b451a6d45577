//! `pkgsrv runtime`.

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use pkgsrv::{DataArgs, InterpreterArgs};
use pkgsrv_builder::{Builder, Runtime};
use pkgsrv_index::Abi;
use serde_json::json;

use super::up::lay_out_runtime;
use super::working::interruptible;
use super::{JsonArgs, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct RuntimeCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Build an interpreter from its source, if that was not done before, and lay it where it is served from
    Build(Build),
}

#[derive(Debug, clap::Args)]
struct Build {
    /// Which one
    #[arg(value_name = "RUNTIME")]
    runtime: Built,
    #[command(flatten)]
    interpreter: InterpreterArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    output: JsonArgs,
}

/// What is built and not fetched.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Built {
    /// CPython 3.13 as it is, from Debian's source package
    Cpython,
}

impl RuntimeCommand {
    pub(crate) async fn run(self) -> Result<()> {
        let Action::Build(Build { runtime: Built::Cpython, interpreter, data, output }) = self.action;
        let abi = Abi::known().find(|abi| abi.is_stock()).context("no ABI is of CPython as it is")?;
        let data = data.data_dir();
        let served = data.clone();
        let Runtime { directory, name, version, archive, .. } = interruptible(move |interrupt| {
            let context = interpreter.context(interrupt);
            let builder = Builder::new(&context, abi)?;
            lay_out_runtime(&builder, &served)?;
            Ok(builder.runtime().clone())
        })
        .await?;
        if output.json {
            return print_json(&json!({
                "abi": abi, "digest": archive.to_string(), "directory": directory, "name": name, "version": version,
            }));
        }
        println!("{name} {version}, for ABI {abi}: {}", directory.display());
        println!("  the server (`pkgsrv serve`) has it at /runtime/{name}/{version}/cpython.mjs");
        Ok(())
    }
}
