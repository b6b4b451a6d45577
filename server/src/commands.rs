//! The commands, one file each.

mod build;
mod publish;
mod rebuilt;
mod serve;
mod toolchain;
mod up;
mod working;

use std::fmt::Write;
use std::process::ExitCode;

use pkgsrv_builder::BuildError;

/// What the program can be told to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Build packages, publish them to the channel main and serve it: from a name to a working import
    Up(up::Up),
    /// Build wheels from recipes
    Build(build::Build),
    /// Install and inspect toolchains
    Toolchain(toolchain::ToolchainCommand),
    /// Serve published packages over HTTP
    Serve(serve::Serve),
    /// Publish wheels that were built elsewhere
    Publish(publish::Publish),
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Up(command) => on_runtime(command.run()),
            Self::Build(command) => on_runtime(command.run()),
            Self::Toolchain(command) => on_runtime(command.run()),
            Self::Serve(command) => command.run(),
            Self::Publish(command) => on_runtime(command.run()),
        }
    }
}

fn on_runtime(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let result = runtime.block_on(work);
    // Work that was interrupted and does not end would keep the program from ending.
    runtime.shutdown_background();
    result
}

/// Writes an error and what caused it to stderr, and returns the program's exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<BuildError>() {
        // A shell's code for a program that Ctrl-C ended.
        Some(BuildError::Interrupted) => {
            eprintln!("{error}");
            return ExitCode::from(130);
        }
        Some(BuildError::Recipe(recipe)) => {
            let mut text = String::new();
            let _infallible = miette::GraphicalReportHandler::new().render_report(&mut text, recipe);
            eprint!("{text}");
            return ExitCode::FAILURE;
        }
        _ => {}
    }
    let mut text = format!("error: {error}\n");
    for cause in error.chain().skip(1) {
        let _infallible = writeln!(text, "  caused by: {cause}");
    }
    eprint!("{text}");
    ExitCode::FAILURE
}
