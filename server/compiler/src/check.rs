//! Carrying a link check out.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Command, ExitCode};

use crate::link_check::{LinkCheck, OBJECT};
use crate::rewrite::{Invocation, extension};

/// What stands for the program until it is run.
const SCRIPT: &str = include_str!("run.js");

/// The answer; `None` where Emscripten must give it.
pub fn run(check: &LinkCheck) -> Result<Option<ExitCode>, String> {
    let object = format!("/tmp/pkgsrv-check-{}.o", std::process::id());
    let compiled = command(&check.compile, &object).status().map_err(|error| cannot_start(&check.compile, &error))?;
    if !compiled.success() {
        let code = compiled.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
        return Ok(Some(ExitCode::from(code)));
    }
    let linked = command(&check.link, &object).output();
    // It lies in a directory that goes with the build.
    let _left = fs::remove_file(&object);
    let linked = linked.map_err(|error| cannot_start(&check.link, &error))?;
    if !linked.status.success() {
        return Ok(None);
    }
    let _told = std::io::stderr().write_all(&linked.stderr);
    write_program(check).map_err(|error| format!("cannot write {}: {error}", check.program))?;
    Ok(Some(ExitCode::SUCCESS))
}

fn command(invocation: &Invocation, object: &str) -> Command {
    let mut command = Command::new(&invocation.program);
    command.args(invocation.arguments.iter().map(|argument| if argument == OBJECT { object } else { argument }));
    command
}

fn cannot_start(invocation: &Invocation, error: &std::io::Error) -> String {
    format!("cannot start {}: {error}", invocation.program)
}

fn write_program(check: &LinkCheck) -> std::io::Result<()> {
    let emscripten = &check.emscripten;
    let parts = std::iter::once(&emscripten.program).chain(&emscripten.arguments);
    let parts: Vec<String> = parts.map(|part| quoted(part)).collect();
    let directory = std::env::current_dir()?;
    let script = SCRIPT.replacen("DIRECTORY", &quoted(&directory.to_string_lossy()), 1).replacen(
        "COMMAND",
        &format!("[{}]", parts.join(", ")),
        1,
    );
    // Without a suffix it is started by its name.
    let mode = if extension(&check.program) == "js" { 0o666 } else { 0o777 };
    // Another file than the one that a program of this name may be running from.
    let _earlier = fs::remove_file(&check.program);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&check.program)?;
    file.write_all(script.as_bytes())
}

/// A string of JavaScript.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            // Rust escapes it as JavaScript does.
            _ if character.is_control() => quoted.extend(character.escape_unicode()),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_javascript_keep_every_character() {
        assert_eq!(quoted("-DNAME=\"a\\b\"\n'é"), "\"-DNAME=\\\"a\\\\b\\\"\\u{a}'é\"");
    }
}
