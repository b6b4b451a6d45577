//! `cargo xtask`: what a checkout does beside compiling.

mod apt;
mod bench;
mod command;
mod dist;
mod docker;
mod loader;
mod packages;
mod screenshot;
mod stamp;
mod test;
mod test_channel;
mod wasm_std;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Tasks of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds the loader's npm package into loader/js/dist.
    Loader(loader::LoaderArguments),
    /// Checks that the crates the browser shares with the server compile for wasm32.
    CheckShared(loader::CheckArguments),
    /// Installs what the tests need and runs them all.
    Test(test::TestArguments),
    /// Packs a release: program, completions, manual pages, checksums.
    Dist(dist::DistArguments),
    /// Builds the images of docker/ by buildah and runs the program in each.
    Docker(docker::DockerArguments),
    /// Measures, side by side with the peers, and prints a table.
    Bench(bench::BenchArguments),
    /// Builds every recipe and writes the table of recipes/README.md.
    Packages(packages::PackagesArguments),
    /// Takes the picture of the prompt that README shows.
    Screenshot,
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Loader(arguments) => loader::build(&arguments),
        Task::CheckShared(arguments) => loader::check_shared(&arguments),
        Task::Test(arguments) => test::run_all(&arguments),
        Task::Dist(arguments) => dist::make(&arguments),
        Task::Docker(arguments) => docker::check(&arguments),
        Task::Bench(arguments) => bench::run_one(&arguments),
        Task::Packages(arguments) => packages::make(&arguments),
        Task::Screenshot => screenshot::take(),
    }
}
