//! `pkgsrv toolchain`.

use anyhow::{Result, bail};
use pkgsrv::FetchArgs;
use pkgsrv_builder::{Interrupt, Toolchain};
use pkgsrv_index::Abi;

use super::working::interruptible;

#[derive(Debug, clap::Args)]
pub(crate) struct ToolchainCommand {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    fetch: FetchArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Install the toolchain of an ABI, if it is not there
    Install {
        /// ABI that it is for [default: the newest]
        abi: Option<Abi>,
    },
    /// List the installed toolchains
    List,
    /// Show what an installed toolchain consists of, as JSON
    Show {
        /// Its name, as `list` prints it
        name: String,
    },
}

impl ToolchainCommand {
    pub(crate) async fn run(self) -> Result<()> {
        match self.action {
            Action::Install { abi } => {
                let abi = abi.unwrap_or_else(Abi::newest);
                let install = move |interrupt: &Interrupt| Ok(Toolchain::ensure(&self.fetch.context(interrupt), abi)?);
                let toolchain = interruptible(install).await?;
                println!("{}", described(&toolchain));
            }
            Action::List => {
                for toolchain in Toolchain::installed(&self.fetch.context(&Interrupt::default()))? {
                    println!("{}", described(&toolchain));
                }
            }
            Action::Show { name } => show(&self.fetch, &name)?,
        }
        Ok(())
    }
}

fn described(toolchain: &Toolchain) -> String {
    let manifest = &toolchain.manifest;
    let (name, directory) = (&manifest.name, toolchain.directory().display());
    format!("{name}  Emscripten {}, Python {}  {directory}", manifest.emscripten, manifest.python)
}

fn show(fetch: &FetchArgs, name: &str) -> Result<()> {
    let installed = Toolchain::installed(&fetch.context(&Interrupt::default()))?;
    let Some(toolchain) = installed.iter().find(|toolchain| toolchain.manifest.name == name) else {
        let names: Vec<&str> = installed.iter().map(|toolchain| toolchain.manifest.name.as_str()).collect();
        let there = if names.is_empty() { "none is".to_owned() } else { format!("{} are", names.join(", ")) };
        bail!("no toolchain {name} is installed; {there}");
    };
    println!("{}", serde_json::to_string_pretty(&toolchain.manifest)?);
    Ok(())
}
