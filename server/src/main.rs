//! The `pkgsrv` program: parses the command line and dispatches.

mod commands;
mod loader_build;

use std::process::ExitCode;

use clap::Parser;

/// Builds, publishes and serves Python packages for WebAssembly.
#[derive(Debug, Parser)]
#[command(version, long_version = pkgsrv::long_version())]
struct Arguments {
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_env_filter(pkgsrv::log_filter()).with_writer(std::io::stderr).init();
    match Arguments::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => commands::report(&error),
    }
}
