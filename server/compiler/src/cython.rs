//! Translations by Cython in the object cache: it takes longer than compiling what it makes, and is started for every
//! file again when a build directory is new.
//!
//! Cython runs below a tracer (`trace.py` among the files of the cross environment), which tells every file that it
//! read, wrote and looked for. With the same files, and none where there was none, it would make the same again. What
//! ran otherwise, as with directories listed or further files written, is not kept.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use crate::become_program;
use crate::entry::{Answer, Entry};
use crate::object_cache::{Question, is_from_before, matched, present, variables, write_output};
use crate::rewrite::Invocation;
use crate::settings::Objects;
use crate::sha256::digest;

/// The name that the wrapper is called by.
pub const NAME: &str = "cython";

/// The build's own; without it, this one is not on `PATH`.
const PROGRAM: &str = "/pkgsrv/tools/bin/cython";

const TRACER: &str = "/pkgsrv/cross/trace.py";

/// Beginnings of variables that decide what is made, or where modules are.
const VARIABLES: &[&str] = &["CYTHON", "PYTHON"];

/// The one of them that names directories.
const SEARCH_PATH: &str = "PYTHONPATH";

/// What comes before the output's name.
const OUTPUT: &[&str] = &["-o", "--output-file"];

/// Behind the output's name, the dependency file's.
const DEPENDENCIES: &str = ".dep";

/// Takes the translation from the cache, or has Cython make it.
pub fn run(arguments: Vec<String>, objects: Option<&Objects>) -> Result<ExitCode, String> {
    let command = Invocation { program: PROGRAM.to_owned(), arguments };
    let Some((objects, output)) = objects.zip(output(&command.arguments)) else { return become_program(&command) };
    let Some((interpreter, question)) = interpreter(&command.program).zip(question(objects, &output, &command)) else {
        return become_program(&command);
    };
    if let Some(answer) = question.look_up()
        && give(&answer, &output).is_some()
    {
        objects.log("reused", &output);
        return Ok(ExitCode::from(answer.code));
    }
    objects.log("compiled", &output);
    let started = SystemTime::now();
    let report = format!("/tmp/pkgsrv-{}.trace", std::process::id());
    let mut arguments = vec![TRACER.to_owned(), report.clone(), command.program.clone()];
    arguments.extend(command.arguments);
    let traced = Invocation { program: interpreter, arguments };
    let mut answer = Answer::of(&traced, &traced.arguments, &[])?;
    answer.tell().map_err(|error| format!("cannot print what {NAME} printed: {error}"))?;
    let code = ExitCode::from(answer.code);
    if answer.code == 0
        && let Ok(told) = fs::read_to_string(&report)
        && let Some((conditions, has_dependencies)) = conditions(&told, objects, &output, started)
        && let Ok(made) = fs::read(&output)
    {
        let dependencies = has_dependencies.then(|| fs::read(format!("{output}{DEPENDENCIES}"))).transpose();
        if let Ok(dependencies) = dependencies {
            (answer.output, answer.dependencies) = (Some(made), dependencies);
            question.write(answer, conditions);
        }
    }
    // It lies in a directory that goes with the build.
    let _left = fs::remove_file(&report);
    Ok(code)
}

/// The file that is made, where the arguments tell it, and not the times of files whether it is.
fn output(arguments: &[String]) -> Option<String> {
    if arguments.iter().any(|argument| argument == "-t" || argument.starts_with("--t")) {
        return None;
    }
    let place = arguments.iter().position(|argument| OUTPUT.contains(&argument.as_str()))?;
    arguments.get(place + 1).cloned()
}

/// What a Python script names in its first line.
fn interpreter(program: &str) -> Option<String> {
    let text = fs::read_to_string(program).ok()?;
    let interpreter = text.lines().next()?.strip_prefix("#!")?.trim();
    let is_python = interpreter.rsplit('/').next()?.starts_with("python") && !interpreter.contains(' ');
    is_python.then(|| interpreter.to_owned())
}

fn question<'a>(objects: &'a Objects, output: &str, command: &Invocation) -> Option<Question<'a>> {
    // Python looks there, and runs what it finds, before anything is traced.
    let path = std::env::var(SEARCH_PATH).unwrap_or_default();
    if !path.split(':').filter(|place| !place.is_empty()).all(|place| objects.is_known(&format!("{place}/"))) {
        return None;
    }
    let mut told = command.clone();
    told.arguments.extend(variables(VARIABLES));
    Question::of_command(objects, output, &told)
}

fn give(answer: &Answer, output: &str) -> Option<()> {
    write_output(Path::new(output), answer.output.as_deref()?, false).ok()?;
    if let Some(dependencies) = &answer.dependencies {
        write_output(Path::new(&format!("{output}{DEPENDENCIES}")), dependencies, false).ok()?;
    }
    answer.tell().ok()
}

/// Under which conditions what was made would be made again, and whether a dependency file was; `None` where the report
/// tells of more than can be known.
fn conditions(report: &str, objects: &Objects, output: &str, started: SystemTime) -> Option<(Entry, bool)> {
    let here = std::env::current_dir().ok()?;
    let absolute = |name: &str| here.join(name).into_os_string().into_string().ok();
    let (made, dependencies) = (absolute(output)?, absolute(&format!("{output}{DEPENDENCIES}"))?);
    let (mut read, mut names, mut there, mut patterns) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut has_output, mut has_dependencies) = (false, false);
    let mut parts = report.split_terminator('\0');
    while let (Some(kind), Some(path)) = (parts.next(), parts.next()) {
        if objects.is_known(&format!("{path}/")) {
            continue;
        }
        match kind {
            "written" if path == made => has_output = true,
            "written" if path == dependencies => has_dependencies = true,
            // What it made before is nothing to it.
            "there" | "absent" if path == made || path == dependencies => {}
            "read" => read.push(path.to_owned()),
            "there" => {
                names.push(path.to_owned());
                there.push(path.to_owned());
            }
            "absent" => names.push(path.to_owned()),
            "matched" => patterns.push((path.to_owned(), matched(path))),
            _ => return None,
        }
    }
    for list in [&mut read, &mut names, &mut there] {
        list.sort();
        list.dedup();
    }
    let mut files = Vec::new();
    for path in read {
        if !is_from_before(&path, started) {
            return None;
        }
        files.push((path.clone(), digest(&fs::read(&path).ok()?)));
    }
    // They are absolute: it is no matter from where they are looked at.
    let directories = vec![".".to_owned()];
    let is_settled = present(&directories, &names) == there;
    let entry = Entry { files, names, directories, present: there, matched: patterns, ..Entry::default() };
    // What it left as it was is not its answer.
    (has_output && is_settled).then_some((entry, has_dependencies))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(lines: &[(&str, &str)]) -> String {
        lines.iter().flat_map(|(kind, path)| [*kind, "\0", *path, "\0"]).collect()
    }

    #[test]
    fn what_was_looked_at_are_the_conditions() {
        let directory = std::env::temp_dir().join(format!("pkgsrv-cython-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let source = directory.join("a.pyx").into_os_string().into_string().unwrap();
        let missing = directory.join("a.pxd").into_os_string().into_string().unwrap();
        let versions = directory.join("a.cython-*.pxd").into_os_string().into_string().unwrap();
        fs::write(&source, "x = 1\n").unwrap();
        let objects = Objects { known: vec!["/pkgsrv/tools".to_owned()], ..Objects::default() };
        let here = std::env::current_dir().unwrap();
        let made = |name: &str| here.join(name).into_os_string().into_string().unwrap();
        let (output, dependencies) = (made("a.c"), made("a.c.dep"));
        let later = SystemTime::now() + std::time::Duration::from_secs(1);
        let lines = vec![
            ("read", source.as_str()),
            ("there", &source),
            ("absent", &missing),
            ("read", "/pkgsrv/tools/Cython/Compiler/Main.py"),
            ("other", "/pkgsrv/tools"),
            ("absent", &output),
            ("matched", &versions),
            ("written", &output),
            ("written", &dependencies),
        ];
        let found = |lines: &[(&str, &str)], started| conditions(&report(lines), &objects, "a.c", started);
        let (entry, has_dependencies) = found(&lines, later).unwrap();
        assert_eq!(entry.files, [(source.clone(), digest(b"x = 1\n"))]);
        assert_eq!(entry.names, [missing.clone(), source.clone()]);
        assert_eq!(entry.present, [source.as_str()]);
        assert!(has_dependencies);
        let [(pattern, before)] = entry.matched.as_slice() else { panic!("{:?}", entry.matched) };
        assert_eq!((pattern, matched(&versions)), (&versions, *before));
        fs::write(directory.join("a.cython-30.pxd"), "").unwrap();
        assert_ne!(matched(&versions), *before);
        let long_ago = SystemTime::UNIX_EPOCH;
        assert_eq!(found(&lines, long_ago), None, "written meanwhile");
        let unwritten: Vec<_> = lines.iter().copied().filter(|line| *line != ("written", &output)).collect();
        assert_eq!(found(&unwritten, later), None, "left as it was");
        for (kind, path) in [("written", made("a.h")), ("other", made("listed")), ("there", missing.clone())] {
            let is_kept = found(&[lines.as_slice(), &[(kind, &path)]].concat(), later).is_some();
            assert!(!is_kept, "{kind} {path}");
        }
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn the_output_is_what_the_arguments_name() {
        let of = |line: &str| output(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(of("-M --fast-fail -3 a.pyx -o m.p/a.pyx.c"), Some("m.p/a.pyx.c".to_owned()));
        assert_eq!(of("a.pyx --output-file a.c"), Some("a.c".to_owned()));
        for line in ["-V", "a.pyx", "a.pyx -o", "-t a.pyx -o a.c", "--timestamps a.pyx -o a.c"] {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
