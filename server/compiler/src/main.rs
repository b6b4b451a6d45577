//! The compiler wrapper: stands on `PATH` under the names of a native toolchain (`cc`, `c++`, `ar`, …) while a
//! package builds, rewrites the arguments that a native build passes, and becomes Emscripten's program of the same
//! task.
//!
//! It is started once per compile, so it does three things only: read its settings, rewrite by the table in
//! [`flags`], `exec`.

mod flags;
mod rewrite;
mod settings;

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use rewrite::{Outcome, Tool};
use settings::Settings;

/// Where the builder mounts the settings inside the sandbox.
const SETTINGS: &str = "/pkgsrv/compiler.conf";

fn main() -> ExitCode {
    let mut arguments = std::env::args();
    let called_as = arguments.next().unwrap_or_default();
    match run(&called_as, arguments.collect()) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("pkgsrv-compiler: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(called_as: &str, arguments: Vec<String>) -> Result<ExitCode, String> {
    let tool = Tool::from_program_name(called_as)?;
    let text = std::fs::read_to_string(SETTINGS)
        .map_err(|source| format!("cannot read {SETTINGS}: {source}; this program only runs inside a pkgsrv build"))?;
    let settings = Settings::parse(&text)?;
    match rewrite::rewrite(tool, arguments, &settings)? {
        Outcome::Answer(text) => {
            println!("{text}");
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Nothing => Ok(ExitCode::SUCCESS),
        Outcome::Refuse(reason) => Err(reason),
        Outcome::Run { program, arguments } => {
            let error = Command::new(&program).args(&arguments).exec();
            Err(format!("cannot start {program}: {error}"))
        }
    }
}
