//! What a report tells of a build's log.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cross_environment::TOOL_NAMES;
use crate::error::{BuildError, IoContext as _};
use crate::progress::printable;

/// How many lines of the end are shown.
const LAST_LINES: usize = 12;

/// How many warnings are shown.
const MOST_WARNINGS: usize = 20;

/// Characters of a line that are shown.
const LONGEST_LINE: usize = 300;

/// Bytes of a log that are read: a package's code may print for ever.
const LARGEST_LOG: u64 = 256 << 20;

/// How compilers and Python begin a warning.
const MARKS: &[&str] = &["warning: ", "WARNING: ", "Warning: "];

/// Where a log is, and how it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogExcerpt {
    /// The file.
    pub path: PathBuf,
    /// Its last lines.
    pub last_lines: Vec<String>,
}

/// Lines of a log that warn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Warnings {
    /// How many there are.
    pub count: usize,
    /// The first of them, each once.
    pub first: Vec<String>,
}

/// Reads a log; `None` if it is not there any more.
pub(super) fn read(path: &Path) -> Result<(Option<LogExcerpt>, Warnings), BuildError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((None, Warnings::default())),
        opened => opened.doing("read", path)?,
    };
    let mut reader = BufReader::new(file.take(LARGEST_LOG));
    let (mut last_lines, mut warnings, mut bytes) = (VecDeque::new(), Warnings::default(), Vec::new());
    loop {
        bytes.clear();
        if reader.read_until(b'\n', &mut bytes).doing("read", path)? == 0 {
            break;
        }
        let line = String::from_utf8_lossy(&bytes);
        let line: String = printable(line.trim_end()).chars().take(LONGEST_LINE).collect();
        if warns(&line) {
            warnings.count += 1;
            if warnings.first.len() < MOST_WARNINGS && !warnings.first.contains(&line) {
                warnings.first.push(line.clone());
            }
        }
        if last_lines.len() == LAST_LINES {
            last_lines.pop_front();
        }
        last_lines.push_back(line);
    }
    Ok((Some(LogExcerpt { path: path.to_owned(), last_lines: last_lines.into() }), warnings))
}

/// The command of compiler or linker that an error came from: the last one that the log has before the line. Build
/// systems print what they run, some with a count or their own name before it; `None` where none is there.
pub(super) fn command_before(path: &Path, error: &str) -> Result<Option<String>, BuildError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.doing("read", path)?,
    };
    let mut reader = BufReader::new(file.take(LARGEST_LOG));
    let (mut last, mut bytes) = (None, Vec::new());
    loop {
        bytes.clear();
        if reader.read_until(b'\n', &mut bytes).doing("read", path)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&bytes);
        if printable(line.trim_end()) == error {
            return Ok(last);
        }
        last = compile_command(&printable(line.trim_end())).or(last);
    }
}

/// The part of a line that starts compiler, linker or archiver with at least one argument.
fn compile_command(line: &str) -> Option<String> {
    /// `[12/34] libtool: compile:  cc`.
    const MOST_WORDS_BEFORE: usize = 4;
    let is_tool = |word: &&str| TOOL_NAMES.contains(&word.rsplit('/').next().unwrap_or(word));
    let words: Vec<&str> = line.split_whitespace().collect();
    let place = words.iter().take(MOST_WORDS_BEFORE).position(is_tool)?;
    let command = &words[place..];
    let has_flags = command.iter().any(|word| word.starts_with('-'));
    (has_flags && words[0] != "$").then(|| command.join(" "))
}

/// Commands are no output, though they may have such a word in them.
fn warns(line: &str) -> bool {
    !line.starts_with("$ ") && MARKS.iter().any(|mark| line.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_counted_and_named_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("build.log");
        let mut text = "$ sh -c 'echo warning: none'\na.c:1:2: warning: unused [-Wunused]\n".repeat(2);
        text.push_str("UserWarning: old\nlast");
        std::fs::write(&path, text).unwrap();
        let (log, warnings) = read(&path).unwrap();
        let first = ["a.c:1:2: warning: unused [-Wunused]", "UserWarning: old"].map(str::to_owned);
        assert_eq!(warnings, Warnings { count: 3, first: first.into() });
        assert_eq!(log.unwrap().last_lines.last().unwrap(), "last");
        assert_eq!(read(&directory.path().join("gone")).unwrap(), (None, Warnings::default()));
    }

    #[test]
    fn the_command_of_an_error_is_found_in_what_build_systems_print() {
        let error = "a.c:1:2: error: no";
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("build.log");
        for (before, expected) in [
            ("cc -O2 -c b.c -o b.o\ncc -O2 -c a.c -o a.o", Some("cc -O2 -c a.c -o a.o")),
            ("[2/3] /pkgsrv/cross/bin/c++ -c a.c\nnoise", Some("/pkgsrv/cross/bin/c++ -c a.c")),
            ("libtool: compile:  cc -c a.c  -fPIC", Some("cc -c a.c -fPIC")),
            ("$ bash -c 'cc -c a.c'\nchecking for cc... yes\ncc is there", None),
        ] {
            std::fs::write(&path, format!("{before}\n{error}\nar -rcs later.a\n")).unwrap();
            assert_eq!(command_before(&path, error).unwrap().as_deref(), expected, "{before}");
        }
        assert_eq!(command_before(&path, "another error").unwrap(), None);
    }
}
