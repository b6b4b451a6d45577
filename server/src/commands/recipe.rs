//! `pkgsrv recipe`.

mod check;
mod folder;
mod import;
mod new;
mod report;
mod update;

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
    /// Tell all that is wrong with recipes, without building them
    Check(check::CheckArgs),
    /// Translate the recipes of pyodide-build (meta.yaml)
    Import(import::Import),
    /// Write the recipe that a package without one is built by
    New(new::New),
    /// Bring a recipe to another release, if that builds and is admitted
    Update(update::Update),
}

impl RecipeCommand {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Check(command) => super::on_runtime(command.run()),
            Command::Import(command) => command.run(),
            Command::Update(command) => super::on_runtime(command.run()),
            Command::New(command) => super::on_runtime(command.run()).map(|()| ExitCode::SUCCESS),
        }
    }
}
