//! Links of side modules in the object cache: Emscripten takes seconds for each, and one changed file changes one module.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use crate::cacheable::LinkFiles;
use crate::entry::{Answer, Entry};
use crate::object_cache::{Question, changed, write_output};
use crate::rewrite::Invocation;
use crate::settings::Objects;
use crate::sha256::{Hash, digest};
use crate::side_module;

/// Beginning of an archive that has its members' names, not their bytes. Meson makes such ones.
const THIN: &[u8] = b"!<thin>\n";
/// Bytes before every member.
const HEADER: usize = 60;

/// A link that the cache may answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Link {
    /// Emscripten's command.
    pub command: Invocation,
    /// The commands that do the same without it; empty where only it knows.
    pub steps: Vec<Invocation>,
    /// What it reads and writes.
    pub files: LinkFiles,
}

/// Takes the side module from the cache, or links; `None` where Emscripten may take our place.
pub fn link(link: &Link, objects: Option<&Objects>) -> Result<Option<ExitCode>, String> {
    if let Some(objects) = objects
        && let Some(code) = by_cache(link, objects)?
    {
        return Ok(Some(code));
    }
    let Some(answer) = side_module::run(&link.steps, &link.files.output) else { return Ok(None) };
    tell(link, &answer)?;
    Ok(Some(ExitCode::from(answer.code)))
}

/// `None` where the cache cannot know it.
fn by_cache(link: &Link, objects: &Objects) -> Result<Option<ExitCode>, String> {
    let output = &link.files.output;
    let is_known = link.files.directories.iter().all(|directory| objects.is_known(&format!("{directory}/")));
    let Some(question) = is_known.then(|| Question::of_command(objects, output, &link.command)).flatten() else {
        objects.log("linked", output);
        return Ok(None);
    };
    if let Some(answer) = question.look_up()
        && write_output(Path::new(output), answer.output.as_deref().unwrap_or_default(), answer.executable).is_ok()
        && answer.tell().is_ok()
    {
        objects.log("reused", output);
        return Ok(Some(ExitCode::from(answer.code)));
    }
    objects.log("linked", output);
    let Some(inputs) = inputs(&link.files.inputs) else { return Ok(None) };
    let mut answer = match side_module::run(&link.steps, output) {
        Some(answer) => answer,
        None => Answer::of(&link.command, &link.command.arguments, &[])?,
    };
    tell(link, &answer)?;
    let code = ExitCode::from(answer.code);
    if answer.code == 0
        && inputs.iter().all(|input| changed(&input.path) == Some(input.changed))
        && let (Ok(module), Ok(metadata)) = (fs::read(output), fs::metadata(output))
    {
        answer.output = Some(module);
        answer.executable = metadata.permissions().mode() & 0o100 != 0;
        let files = inputs.into_iter().map(|input| (input.path, input.hash)).collect();
        question.write(answer, Entry { files, ..Entry::default() });
    }
    Ok(Some(code))
}

fn tell(link: &Link, answer: &Answer) -> Result<(), String> {
    answer.tell().map_err(|error| format!("cannot print what {} printed: {error}", link.command.program))
}

/// A file as it was before the link.
struct Input {
    path: String,
    hash: Hash,
    changed: SystemTime,
}

impl Input {
    /// The file, and its bytes.
    fn read(path: String) -> Option<(Self, Vec<u8>)> {
        let changed = changed(&path)?;
        let bytes = fs::read(&path).ok()?;
        Some((Self { path, hash: digest(&bytes), changed }, bytes))
    }
}

/// The files that a link reads; `None` where one cannot be read.
fn inputs(paths: &[String]) -> Option<Vec<Input>> {
    let mut inputs = Vec::new();
    for path in paths {
        let (input, bytes) = Input::read(path.clone())?;
        for member in thin_members(&bytes)? {
            let member = Path::new(path).parent()?.join(member).into_os_string().into_string().ok()?;
            inputs.push(Input::read(member)?.0);
        }
        inputs.push(input);
    }
    Some(inputs)
}

/// Names of the files that a thin archive consists of, relative to its own directory; none for any other file. `None` for
/// one that is not understood.
fn thin_members(bytes: &[u8]) -> Option<Vec<String>> {
    let Some(mut rest) = bytes.strip_prefix(THIN) else { return Some(Vec::new()) };
    let (mut members, mut long_names): (_, &[u8]) = (Vec::new(), &[]);
    while !rest.is_empty() {
        let (header, behind) = rest.split_at_checked(HEADER)?;
        let field = |range: std::ops::Range<usize>| str::from_utf8(&header[range]).ok().map(str::trim_end);
        let (name, size) = (field(0..16)?, field(48..58)?.parse::<usize>().ok()?);
        if matches!(name, "/" | "//" | "/SYM64/") {
            let content = behind.get(..size)?;
            if name == "//" {
                long_names = content;
            }
            // Members begin at even places.
            rest = behind.get(size + size % 2..).unwrap_or_default();
            continue;
        }
        members.push(match name.strip_prefix('/') {
            Some(place) => {
                let text = str::from_utf8(long_names.get(place.parse::<usize>().ok()?..)?).ok()?;
                text.split_once("/\n")?.0.to_owned()
            }
            None => name.trim_end_matches('/').to_owned(),
        });
        rest = behind;
    }
    Some(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, size: usize) -> String {
        format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 644)
    }

    #[test]
    fn a_thin_archive_names_its_members() {
        let names = "src/long_name_of_a.c.o/\nb.o/\n";
        let parts = [
            "!<thin>\n".to_owned(),
            header("/", 3),
            "abc\n".to_owned(),
            header("//", names.len()),
            names.to_owned(),
            "\n".repeat(names.len() % 2),
            header("/0", 100),
            header("/24", 50),
            header("c.o/", 7),
        ];
        let archive = parts.concat();
        assert_eq!(thin_members(archive.as_bytes()).unwrap(), ["src/long_name_of_a.c.o", "b.o", "c.o"]);
        assert_eq!(thin_members(&archive.as_bytes()[..archive.len() - 1]), None);
        assert_eq!(thin_members(b"!<arch>\nwhatever").unwrap(), Vec::<String>::new());
    }
}
