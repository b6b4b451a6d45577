//! `pkgsrv recipe`.

mod folder;
mod import;
mod report;

use std::process::ExitCode;

use anyhow::Result;

/// Commands about recipes.
#[derive(Debug, clap::Args)]
pub(crate) struct RecipeCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Translate the recipes of pyodide-build (meta.yaml)
    Import(import::Import),
}

impl RecipeCommand {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Import(command) => command.run(),
        }
    }
}
