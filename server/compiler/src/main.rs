//! The compiler wrapper: stands on `PATH` under the names of a native toolchain (`cc`, `c++`, `ar`, …) while a
//! package builds, rewrites the arguments that a native build passes, and becomes Emscripten's program of the same
//! task.
//!
//! It is started once per compile, so it does three things only: read its settings, rewrite by the tables in
//! [`flags`], `exec`. For a configure check whether a program links it stays, see [`link_check`], for a side module, see
//! [`side_module`], and for a compile that the package's object cache may know, see [`object_cache`]; or a translation
//! by Cython, whose place it takes as well, see [`cython`].

mod arguments;
mod cacheable;
mod check;
mod cython;
mod entry;
mod flags;
mod fork_server;
mod includes;
mod link_cache;
mod link_check;
mod object_cache;
mod response_file;
mod rewrite;
mod settings;
mod sha256;
mod side_module;

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use rewrite::{Invocation, Outcome, Tool};
use settings::Settings;

/// Where the builder mounts the settings inside the sandbox.
const SETTINGS: &str = "/pkgsrv/compiler.conf";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let called_as = arguments.next().unwrap_or_default();
    match run(&called_as.to_string_lossy(), arguments) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("pkgsrv-compiler: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(called_as: &str, arguments: impl Iterator<Item = OsString>) -> Result<ExitCode, String> {
    let arguments: Vec<String> = arguments.map(as_text).collect::<Result<_, _>>()?;
    let text = std::fs::read_to_string(SETTINGS)
        .map_err(|source| format!("cannot read {SETTINGS}: {source}; this program only runs inside a pkgsrv build"))?;
    let settings = Settings::parse(&text)?;
    if called_as.rsplit('/').next() == Some(cython::NAME) {
        return cython::run(arguments, settings.objects.as_ref());
    }
    let tool = Tool::from_program_name(called_as)?;
    let arguments = match tool {
        Tool::Cc | Tool::Cxx => response_file::expand(arguments, &|path| std::fs::read_to_string(path).ok())?,
        _ => arguments,
    };
    match rewrite::rewrite(tool, arguments, &settings)? {
        Outcome::Answer(text) => {
            println!("{text}");
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Nothing => Ok(ExitCode::SUCCESS),
        Outcome::Refuse(reason) => Err(reason),
        Outcome::Run(invocation) => become_program(&invocation),
        Outcome::Compile(compile) => match object_cache::compile(&compile, settings.objects.as_ref())? {
            Some(code) => Ok(code),
            None => become_program(&compile.command),
        },
        Outcome::Link(link) => match link_cache::link(&link, settings.objects.as_ref())? {
            Some(code) => Ok(code),
            None => become_program(&link.command),
        },
        Outcome::Check(check) => match check::run(&check, settings.objects.as_ref())? {
            Some(code) => Ok(code),
            None => become_program(&check.emscripten),
        },
    }
}

/// Returns only where it fails.
pub fn become_program(invocation: &Invocation) -> Result<ExitCode, String> {
    let error = Command::new(&invocation.program).args(&invocation.arguments).exec();
    Err(invocation.cannot_start(&error))
}

fn as_text(argument: OsString) -> Result<String, String> {
    argument.into_string().map_err(|argument| format!("argument {} is not UTF-8", argument.display()))
}
