//! Carrying a link check out.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::ExitCode;
use std::time::SystemTime;

use crate::entry::Answer;
use crate::link_check::{LinkCheck, OBJECT};
use crate::object_cache::Question;
use crate::rewrite::{Invocation, extension};
use crate::settings::Objects;

/// What the linker says of a symbol that nothing has.
const UNDEFINED: &[u8] = b"undefined symbol: ";

/// What stands for the program until it is run.
const SCRIPT: &str = include_str!("run.js");

/// The answer; `None` where Emscripten must give it, and can by taking our place.
pub fn run(check: &LinkCheck, objects: Option<&Objects>) -> Result<Option<ExitCode>, String> {
    let links = check.links.iter().chain(&check.refusing);
    let commands: Vec<_> = [&check.compile].into_iter().chain(links).chain([&check.emscripten]).collect();
    let files = check.files.as_ref();
    let question = objects.zip(files).and_then(|(objects, files)| Question::new(objects, files, &commands));
    let told =
        |answer: &Answer| give(check, answer).map_err(|error| format!("cannot write {}: {error}", check.program));
    let log = |what: &str| objects.zip(files).map(|(objects, files)| objects.log(what, &files.source));
    if let Some(answer) = question.as_ref().and_then(Question::look_up) {
        log("reused");
        return told(&answer).map(|()| Some(ExitCode::from(answer.code)));
    }
    let started = SystemTime::now();
    log("compiled");
    let mut by_emscripten = false;
    let answer = match ask(check)? {
        Some(answer) => answer,
        None if question.is_none() => return Ok(None),
        None => {
            by_emscripten = true;
            answer(&check.emscripten, "")?
        }
    };
    if by_emscripten {
        // It wrote the program itself.
        answer.tell().map_err(|error| format!("cannot print what {} printed: {error}", check.emscripten.program))?;
    } else {
        told(&answer)?;
    }
    let code = ExitCode::from(answer.code);
    if let Some(question) = question.filter(|_| !by_emscripten || answer.code != 0) {
        question.keep(answer, started, "");
    }
    Ok(Some(code))
}

/// What compiler and linker answer; `None` where only Emscripten can tell.
fn ask(check: &LinkCheck) -> Result<Option<Answer>, String> {
    let object = format!("/tmp/pkgsrv-check-{}.o", std::process::id());
    let compiled = answer(&check.compile, &object)?;
    if compiled.code != 0 {
        return Ok(Some(compiled));
    }
    let linked = link(check, &object);
    // It lies in a directory that goes with the build.
    let _left = fs::remove_file(&object);
    let Some(linked) = linked? else { return Ok(None) };
    let stderr = [compiled.stderr, linked.stderr].concat();
    if linked.code != 0 {
        return Ok(Some(Answer { code: linked.code, stderr, ..Answer::default() }));
    }
    let module = fs::read(&check.module).map_err(|error| format!("cannot read {}: {error}", check.module))?;
    Ok(Some(Answer { stderr, output: Some(module), ..Answer::default() }))
}

/// The first link that goes well, or one that fails for a symbol that nothing has.
fn link(check: &LinkCheck, object: &str) -> Result<Option<Answer>, String> {
    for link in &check.links {
        let linked = answer(link, object)?;
        if linked.code == 0 {
            return Ok(Some(linked));
        }
    }
    let Some(refusing) = &check.refusing else { return Ok(None) };
    let refused = answer(refusing, object)?;
    let is_undefined = refused.stderr.windows(UNDEFINED.len()).any(|part| part == UNDEFINED);
    Ok((refused.code != 0 && is_undefined).then_some(refused))
}

/// Writes and prints an answer.
fn give(check: &LinkCheck, answer: &Answer) -> std::io::Result<()> {
    answer.tell()?;
    if answer.code != 0 {
        return Ok(());
    }
    fs::write(&check.module, answer.output.as_deref().unwrap_or_default())?;
    write_program(check)
}

fn answer(invocation: &Invocation, object: &str) -> Result<Answer, String> {
    let arguments = &invocation.arguments;
    let place = |argument: &String| if argument == OBJECT { object.to_owned() } else { argument.clone() };
    Answer::of(invocation, &arguments.iter().map(place).collect::<Vec<_>>(), &[])
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
