//! Links of side modules.
//!
//! For one, Emscripten starts the linker, has sections taken out, and Binaryen optimise, and writes no JavaScript; but it
//! takes a quarter of a second to come to that. The cross environment asked for these commands, per level of
//! optimisation. Whatever else a link has among its arguments than what was asked about goes to Emscripten, and so does
//! a link that fails, or that has JavaScript in its objects, which Emscripten checks.

use crate::entry::Answer;
use crate::flags::{self, Compile};
use crate::link_check::{IN_THE_C_LIBRARY, WITH_VALUE, is_of_the_compile};
use crate::rewrite::{Invocation, extension};
use crate::settings::Asked;

/// In what the settings tell: a command begins.
pub const STEP: &str = "{step}";
/// Where the side module goes.
const OUTPUT: &str = "{output}";
/// What is linked, and where libraries are searched for.
const INPUTS: &str = "{inputs}";
/// What it exports.
const EXPORTS: &str = "{exports}";

const EXPORT_SECTION: u8 = 7;
/// Exports of a module with JavaScript in it.
const JAVASCRIPT: [&[u8]; 2] = [b"__start_em_asm", b"__start_em_js"];

/// The commands that make the side module; `None` where that is Emscripten's to do. `own` is what the build and the
/// package's recipe have, `exports` the symbols, without Emscripten's underscore.
pub fn plan(own: &[String], exports: &[String], output: &str, asked: &[Asked]) -> Option<Vec<Invocation>> {
    let (inputs, level) = inputs(own, output)?;
    let told = &asked.iter().find(|asked| asked.with == level)?.command;
    let exports: Vec<String> = exports.iter().map(|symbol| format!("--export={symbol}")).collect();
    let commands = told.split(|part| part == STEP).filter(|command| !command.is_empty());
    let placed = |part: &String| match part.as_str() {
        OUTPUT => vec![output.to_owned()],
        INPUTS => inputs.clone(),
        EXPORTS => exports.clone(),
        _ => vec![part.clone()],
    };
    let made = |command: &[String]| Invocation {
        program: command[0].clone(),
        arguments: command[1..].iter().flat_map(placed).collect(),
    };
    Some(commands.map(made).collect())
}

/// What the linker gets of the arguments, in their order, and the level of optimisation.
fn inputs<'a>(own: &'a [String], output: &str) -> Option<(Vec<String>, &'a str)> {
    let (mut inputs, mut level) = (Vec::new(), "-O0");
    let mut arguments = own.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "-o" => drop(arguments.next().filter(|path| *path == output)?),
            // Of the last one Emscripten says that its linker does not have it.
            "-shared" | "-Wl,--start-group" | "-Wl,--end-group" | "-Wl,--allow-shlib-undefined" => {}
            path if !path.starts_with('-') => {
                inputs.push(["a", "o"].contains(&extension(path)).then(|| argument.clone())?);
            }
            flag if flag.starts_with("-L") && flag.len() > 2 => inputs.push(argument.clone()),
            flag if flag.starts_with("-Wl,-O") && !flag[4..].contains(',') => inputs.push(flag[4..].to_owned()),
            flag if flag.starts_with("-O") => level = flag,
            flag if IN_THE_C_LIBRARY.contains(&flag) => {}
            flag if WITH_VALUE.contains(&flag) => drop(arguments.next()?),
            flag if is_of_the_compile(flag) && !flag.starts_with("-g") && flags::compile(flag) == Compile::Direct => {}
            _ => return None,
        }
    }
    (!inputs.is_empty()).then_some((inputs, level))
}

/// Carries the commands out; `None` where Emscripten must.
pub fn run(steps: &[Invocation], output: &str) -> Option<Answer> {
    let mut all = Answer::default();
    for (index, step) in steps.iter().enumerate() {
        let Answer { code, stdout, stderr, .. } = Answer::of(step, &step.arguments, &[]).ok()?;
        if code != 0 || (index == 0 && !is_plain(&std::fs::read(output).ok()?, step)) {
            return None;
        }
        all.stdout.extend(stdout);
        all.stderr.extend(stderr);
    }
    (!steps.is_empty()).then_some(all)
}

/// Whether a linked module exports all that it was to, which the linker does not tell, and has no JavaScript in it.
fn is_plain(module: &[u8], step: &Invocation) -> bool {
    let Some(exports) = exports(module) else { return false };
    let mut wanted = step.arguments.iter().filter_map(|argument| argument.strip_prefix("--export="));
    wanted.all(|symbol| exports.contains(&symbol.as_bytes())) && !JAVASCRIPT.iter().any(|name| exports.contains(name))
}

/// The names that a module exports; `None` for what is no module.
fn exports(module: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = module.strip_prefix(b"\0asm\x01\0\0\0")?;
    while let Some((id, behind)) = rest.split_first() {
        rest = behind;
        let length = number(&mut rest)?;
        let (mut section, behind) = rest.split_at_checked(length)?;
        rest = behind;
        if *id == EXPORT_SECTION {
            let mut names = Vec::new();
            for _ in 0..number(&mut section)? {
                let length = number(&mut section)?;
                let (name, behind) = section.split_at_checked(length)?;
                names.push(name);
                // Its kind.
                section = behind.get(1..)?;
                number(&mut section)?;
            }
            return Some(names);
        }
    }
    Some(Vec::new())
}

/// Takes a number of 32 bits, in LEB128.
fn number(bytes: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for shift in (0..35).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn planned(line: &str) -> Option<Vec<String>> {
        let asked = [
            Asked { with: "-O0".to_owned(), command: words("{step} ld -o {output} {exports} {inputs} -Llast") },
            Asked {
                with: "-O3".to_owned(),
                command: words("{step} ld -o {output} {exports} -a {inputs} {step} opt -O3 {output} -o {output}"),
            },
        ];
        let steps = plan(&words(line), &words("f g"), "m.so", &asked)?;
        Some(steps.iter().map(|step| format!("{} {}", step.program, step.arguments.join(" "))).collect())
    }

    #[test]
    fn the_commands_are_those_that_emscripten_told() {
        let linked = planned("-shared a.o -o m.so").unwrap();
        assert_eq!(linked, ["ld -o m.so --export=f --export=g a.o -Llast"]);
        let line = "-O2 -I/x -I y -DA=b -Wall -O3 -Lb -Wl,--start-group a.o -Wl,-O1 c.a -Wl,--end-group -lm -shared \
                    -Wl,--allow-shlib-undefined -std=c99 -o m.so";
        let linked = planned(line).unwrap();
        assert_eq!(linked, ["ld -o m.so --export=f --export=g -a -Lb a.o -O1 c.a", "opt -O3 m.so -o m.so"]);
    }

    #[test]
    fn a_module_tells_what_it_exports() {
        let module = [b"\0asm\x01\0\0\0\x01\x01\0\x07\x0a\x02\x01f\0\x80\x01\x01g\x03\0".as_slice()].concat();
        assert_eq!(exports(&module), Some(vec![b"f".as_slice(), b"g"]));
        assert_eq!(exports(&module[..11]), Some(Vec::new()), "without the section");
        assert_eq!(exports(&module[..module.len() - 1]), None);
        assert_eq!(exports(b"!<arch>\n"), None);
        let step = |exports: &str| Invocation { program: "ld".to_owned(), arguments: words(exports) };
        assert!(is_plain(&module, &step("-o m.so --export=g --export=f")));
        assert!(!is_plain(&module, &step("--export=h")));
    }

    #[test]
    fn whatever_was_not_asked_about_is_emscriptens() {
        for line in [
            "-shared a.c -o m.so",
            "-shared a.o b.so -o m.so",
            "-shared a.o -lz -o m.so",
            "-shared a.o -o other.so",
            "-shared a.o -o m.so -O1",
            "-shared a.o -o m.so -g",
            "-shared a.o -o m.so -sSIDE_MODULE=2",
            "-shared a.o -o m.so -Wl,--no-undefined",
            "-shared a.o -o m.so -Wl,-O1,-Map=m.map",
            "-shared a.o -o m.so -L searched",
            "-shared a.o -o m.so -fsanitize=address",
            "-shared a.o -o m.so -flto",
            "-shared a.o -o m.so --js-library x.js",
            "-shared a.o -o",
            "-shared -o m.so",
        ] {
            assert_eq!(planned(line), None, "{line}");
        }
    }
}
