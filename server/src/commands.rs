//! The commands, one file each.

mod admission;
mod admit;
mod bake;
mod build;
mod build_report;
mod cache;
mod channel;
mod company;
mod completions;
mod delete;
mod doctor;
mod examples;
mod export;
mod install;
mod mirror;
mod publish;
mod rebuilt;
mod recipe;
mod remedy;
mod resolve;
mod runtime;
mod serve;
mod test;
mod token;
mod toolchain;
mod up;
mod verify;
mod whole_file;
mod why;
mod working;
mod yank;

use std::fmt::Write;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use pkgsrv::Question;
use pkgsrv_builder::BuildError;
use serde::Serialize;

pub(crate) use examples::with_examples;

/// What the program can be told to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Build packages, publish them to the channel main and serve it: from a name to a working import
    Up(up::Up),
    /// Build wheels from recipes
    Build(build::Build),
    /// Show how the last build of a package went: steps, commands, sizes, symbols, warnings, the first error
    Report(build_report::Report),
    /// Tell what a package is needed for, and why it would be built
    Why(why::Why),
    /// Run the tests of recipes in the real runtime, on the wheels that were built
    Test(test::Test),
    /// Build packages once more, and tell whether that makes the same bytes
    Verify(verify::Verify),
    /// Import recipes that were written for pyodide-build
    Recipe(recipe::RecipeCommand),
    /// Install and inspect toolchains
    Toolchain(toolchain::ToolchainCommand),
    /// Build interpreters from their source
    Runtime(runtime::RuntimeCommand),
    /// Show how large the cache is, check it, remove what was not used for long
    Cache(cache::CacheCommand),
    /// Make an environment: an image of an interpreter in which packages are imported already
    Bake(bake::Bake),
    /// Serve published packages over HTTP
    Serve(serve::Serve),
    /// Check wheels as for publishing, and report
    Admit(admit::Admit),
    /// Publish wheels that were built elsewhere
    Publish(publish::Publish),
    /// Make, list and revoke tokens, with which twine and its like upload wheels to a server
    Token(token::TokenCommand),
    /// Show, compare and change channels: promote, roll back, statuses of projects
    Channel(channel::ChannelCommand),
    /// Mark a version as not to be installed unless it is asked for by its number
    Yank(yank::Yank),
    /// Take a yank back
    Unyank(yank::Unyank),
    /// Delete a project, a version or a file from a channel; its names stay taken
    Delete(delete::Delete),
    /// Tell what a channel would install: a lock of versions that go together, or why there is none
    Resolve(resolve::Resolve),
    /// Write a channel as static objects into a directory or a bucket, which any web server then serves
    Export(export::ExportCommand),
    /// Copy a channel, or some of its packages, from a server, a directory or a bucket
    Mirror(mirror::MirrorCommand),
    /// Unpack pure Python packages and what they need into a directory, for interpreters that link nothing
    Install(install::InstallCommand),
    /// Tell what this machine lacks, and the command that brings it
    Doctor(doctor::Doctor),
    /// Print the completions of a shell
    Completions(completions::Completions),
    /// Print or write the manual pages
    Man(completions::Man),
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Up(command) => on_runtime(command.run())?,
            Self::Build(command) => return on_runtime(command.run()),
            Self::Report(command) => command.run()?,
            Self::Why(command) => on_runtime(command.run())?,
            Self::Test(command) => return on_runtime(command.run()),
            Self::Verify(command) => return on_runtime(command.run()),
            Self::Recipe(command) => return command.run(),
            Self::Toolchain(command) => on_runtime(command.run())?,
            Self::Runtime(command) => on_runtime(command.run())?,
            Self::Cache(command) => return on_runtime(command.run()),
            Self::Bake(command) => on_runtime(command.run())?,
            Self::Serve(command) => command.run()?,
            Self::Admit(command) => on_runtime(command.run())?,
            Self::Publish(command) => on_runtime(command.run())?,
            Self::Token(command) => command.run()?,
            Self::Channel(command) => command.run()?,
            Self::Yank(command) => command.run()?,
            Self::Unyank(command) => command.run()?,
            Self::Delete(command) => command.run()?,
            Self::Resolve(command) => command.run()?,
            Self::Export(command) => on_runtime(command.run())?,
            Self::Mirror(command) => on_runtime(command.run())?,
            Self::Install(command) => on_runtime(command.run())?,
            Self::Doctor(command) => return on_runtime(command.run()),
            Self::Completions(command) => command.run()?,
            Self::Man(command) => command.run()?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// `--json`, for every command whose result a script may want.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct JsonArgs {
    /// Print the result as one line of JSON, and nothing else, on standard output
    #[arg(long, global = true)]
    json: bool,
}

/// What commands that choose packages take beside requirements.
#[derive(Debug, clap::Args)]
pub(crate) struct QuestionArgs {
    /// Limit on the versions of what is needed anyway, may be repeated
    #[arg(long = "constraint", value_name = "REQUIREMENT")]
    constraints: Vec<String>,
    /// Extra for which requirements count whose markers ask for it, may be repeated
    #[arg(long = "extra", value_name = "NAME")]
    extras: Vec<String>,
}

impl QuestionArgs {
    fn about(self, requirements: Vec<String>) -> Question {
        let Self { constraints, extras } = self;
        Question { requirements, constraints, extras }
    }
}

/// The result of a command for a script: one line.
fn print_json(result: &impl Serialize) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    std::io::Write::write_all(&mut stdout, format!("{}\n", serde_json::to_string(result)?).as_bytes())?;
    Ok(std::io::Write::flush(&mut stdout)?)
}

fn on_runtime<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
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
            let _infallible = recipe_report().render_report(&mut text, recipe);
            eprint!("{text}");
            return ExitCode::FAILURE;
        }
        _ => {}
    }
    let mut text = format!("error: {error}\n");
    for cause in error.chain().skip(1) {
        let _infallible = writeln!(text, "  caused by: {cause}");
    }
    if let Some(remedy) = remedy::remedy(error) {
        let _infallible = writeln!(text, "{remedy}");
    }
    eprint!("{text}");
    ExitCode::FAILURE
}

/// Lines as wide as the terminal; elsewhere they are not broken, since a program may look for words in them.
fn recipe_report() -> miette::GraphicalReportHandler {
    let handler = miette::GraphicalReportHandler::new();
    if !std::io::stderr().is_terminal() {
        return handler.with_wrap_lines(false);
    }
    handler.with_width(pkgsrv_builder::terminal_width())
}
