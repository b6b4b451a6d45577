//! The `pkgsrv` program: parses the command line and dispatches.

mod commands;
mod loader_build;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};

/// Builds, publishes and serves Python packages for WebAssembly.
#[derive(Debug, Parser)]
#[command(version, long_version = pkgsrv::long_version())]
struct Arguments {
    #[command(subcommand)]
    command: commands::Command,
}

/// The whole command line, as it is parsed, completed and described.
fn command_line() -> clap::Command {
    commands::with_examples(Arguments::command())
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(pkgsrv::log_filter())
        .with_ansi(std::io::stderr().is_terminal() && pkgsrv::wants_colour())
        .with_writer(std::io::stderr)
        .init();
    let parsed = Arguments::from_arg_matches(&command_line().get_matches());
    let arguments = parsed.unwrap_or_else(|error| error.format(&mut command_line()).exit());
    match arguments.command.run() {
        Ok(code) => code,
        Err(error) => commands::report(&error),
    }
}
