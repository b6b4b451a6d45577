//! Running other programs: output kept in a log, last lines at hand, ended with us.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, PipeReader, Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};

use crate::error::{BuildError, IoContext as _};
use crate::interrupt::{Interrupt, Running};
use crate::limits::{Bounds, Exceeded};
use crate::progress::printable;

/// How many of the last output lines are kept for error messages.
const LAST_LINES: usize = 400;

/// Bytes of a line; the rest is the next line.
const LONGEST_LINE: u64 = 1 << 16;

/// How long a program may take to answer: an import in the runtime takes seconds.
const LONGEST_ANSWER: Duration = Duration::from_mins(10);

/// Bytes of an answer.
const LARGEST_ANSWER: u64 = 16 << 20;

/// A log file that commands append to.
#[derive(Debug)]
pub struct Log {
    file: File,
    /// Where it lies.
    pub path: PathBuf,
}

/// A command that ended with failure.
#[derive(Debug)]
pub struct Failure {
    /// "exit code 2" or "signal 9".
    pub status: String,
    /// The last lines it printed.
    pub last_lines: Vec<String>,
    /// The limit for whose sake it was ended.
    pub exceeded: Option<Exceeded>,
}

/// What a program answered, and how it ended.
#[derive(Debug)]
pub(crate) struct Answer {
    program: String,
    /// What it printed on standard output.
    pub output: String,
    /// `None` if it succeeded, else "exit status: 2" and its like, with what it printed on standard error, shortened.
    pub failure: Option<(String, String)>,
}

impl Answer {
    /// What it printed; `Err` if it failed.
    pub(crate) fn successful(self) -> Result<String, BuildError> {
        let Self { program, output, failure } = self;
        match failure {
            None => Ok(output),
            Some((status, output)) => Err(BuildError::Program { program, status, output }),
        }
    }
}

impl Log {
    /// Creates (or empties) the log at `path`.
    pub fn create(path: PathBuf) -> Result<Self, BuildError> {
        let file = File::create(&path).doing("create the log", &path)?;
        Ok(Self { file, path })
    }

    /// Writes one line.
    pub fn line(&mut self, line: &str) -> Result<(), BuildError> {
        writeln!(self.file, "{line}").doing("write the log", &self.path)
    }
}

impl Failure {
    /// The lines of the output that tell the error: from the first one that a compiler or Python marks as such, else
    /// the end.
    pub(crate) fn telling_lines(&self) -> Vec<&str> {
        const MARKS: &[&str] = &[": error:", ": fatal error:", "error: ", "ERROR:", "Error: ", "undefined symbol"];
        const MOST: usize = 12;
        let lines = &self.last_lines;
        let first = lines.iter().position(|line| MARKS.iter().any(|mark| line.contains(mark)));
        let start = first.unwrap_or(lines.len().saturating_sub(MOST));
        lines[start..].iter().take(MOST).map(String::as_str).collect()
    }
}

/// A command that reads nothing.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

/// Runs a command to its end, standard output and error together into `log`, each line also to `on_line`.
/// The outer error is that it could not be run, the inner one that it failed, or was ended beyond `bounds`.
pub fn run_logged(
    command: &mut Command,
    interrupt: &Interrupt,
    bounds: Option<Bounds<'_>>,
    log: &mut Log,
    on_line: impl FnMut(&str),
) -> Result<Result<(), Failure>, BuildError> {
    interrupt.check()?;
    let (reader, writer) = std::io::pipe().doing("open a pipe for", Path::new(command.get_program()))?;
    let error_writer = writer.try_clone().doing("open a pipe for", Path::new(command.get_program()))?;
    command.stdout(writer).stderr(error_writer).process_group(0);
    let mut child = command.spawn().map_err(|source| BuildError::Start {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    })?;
    // Our copies of the pipe's writing end must go, or reading never ends.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let running = interrupt.started(child.id().cast_signed());
    let (read, exceeded) = watched(bounds, &running, || {
        let read = read_lines(reader, log, on_line);
        if read.is_err() {
            running.kill();
        }
        read
    });
    let status = child.wait().doing("wait for the program logged in", &log.path)?;
    drop(running);
    interrupt.check()?;
    let last_lines = read?;
    if status.success() && exceeded.is_none() {
        return Ok(Ok(()));
    }
    Ok(Err(Failure { status: status.to_string(), last_lines: last_lines.into(), exceeded }))
}

/// Runs a command with our own standard input and outputs to its end; its exit code, which for a signal is 128 and the
/// signal's number, as shells tell it. The inner error is that it was ended beyond `bounds`. A terminal is left as it
/// was found, however the command ends.
pub(crate) fn run_attached(
    command: &mut Command,
    interrupt: &Interrupt,
    bounds: Bounds<'_>,
) -> Result<Result<u8, Exceeded>, BuildError> {
    interrupt.check()?;
    let program = command.get_program().to_string_lossy().into_owned();
    let before = tcgetattr(std::io::stdin()).ok();
    let mut child =
        command.process_group(0).spawn().map_err(|source| BuildError::Start { program: program.clone(), source })?;
    let running = interrupt.started(child.id().cast_signed());
    let (status, exceeded) = watched(Some(bounds), &running, || child.wait());
    drop(running);
    if let Some(before) = before {
        // Where that fails there is no terminal any more.
        let _gone = tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, &before);
    }
    interrupt.check()?;
    if let Some(exceeded) = exceeded {
        return Ok(Err(exceeded));
    }
    let status = status.doing("wait for", Path::new(&program))?;
    let signal = || status.signal().map_or(1, |signal| 128 + signal);
    Ok(Ok(u8::try_from(status.code().unwrap_or_else(signal)).unwrap_or(1)))
}

/// Does `work` while a program runs, and ends the program should it go beyond `bounds`, which makes `work` end too.
fn watched<T>(bounds: Option<Bounds<'_>>, running: &Running<'_>, work: impl FnOnce() -> T) -> (T, Option<Exceeded>) {
    let (finished, done) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let watch = bounds.map(|bounds| {
            scope.spawn(move || {
                let exceeded = bounds.watch(running.group(), &done);
                if exceeded.is_some() {
                    running.kill();
                }
                exceeded
            })
        });
        let result = work();
        drop(finished);
        (result, watch.and_then(|watch| watch.join().unwrap_or_default()))
    })
}

/// Copies lines into the log until there are no more; returns the last ones.
fn read_lines(
    reader: PipeReader,
    log: &mut Log,
    mut on_line: impl FnMut(&str),
) -> Result<VecDeque<String>, BuildError> {
    let mut last_lines = VecDeque::new();
    let mut reader = BufReader::new(reader);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        // A program may print for ever without ending a line.
        let count = (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut bytes);
        if count.doing("read the output logged in", &log.path)? == 0 {
            return Ok(last_lines);
        }
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end();
        log.line(line)?;
        on_line(line);
        if last_lines.len() == LAST_LINES {
            last_lines.pop_front();
        }
        last_lines.push_back(printable(line));
    }
}

/// Runs a command that answers on standard output; `Err` where it fails, with what it printed on standard error. One that
/// runs longer than [`LONGEST_ANSWER`] or prints more than [`LARGEST_ANSWER`] is ended.
pub fn run_for_output(command: &mut Command, interrupt: &Interrupt) -> Result<String, BuildError> {
    run_for_answer(command, interrupt, None)?.successful()
}

/// As [`run_for_output`], for who can use the answer of a program that failed.
pub(crate) fn run_for_answer(
    command: &mut Command,
    interrupt: &Interrupt,
    bounds: Option<Bounds<'_>>,
) -> Result<Answer, BuildError> {
    interrupt.check()?;
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|source| BuildError::Start { program: program.clone(), source })?;
    let running = interrupt.started(child.id().cast_signed());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (finished, deadline) = mpsc::channel::<()>();
    let read = || {
        std::thread::scope(|scope| {
            let running = &running;
            let watch = scope.spawn(move || {
                let late = deadline.recv_timeout(LONGEST_ANSWER) == Err(RecvTimeoutError::Timeout);
                if late {
                    running.kill();
                }
                late
            });
            let err = scope.spawn(move || read_answer(err, running));
            let out = read_answer(out, running);
            let err = err.join().unwrap_or_default();
            drop(finished);
            (out, err, watch.join().unwrap_or_default())
        })
    };
    let ((out, err, late), exceeded) = watched(bounds, &running, read);
    let status = child.wait().doing("wait for", Path::new(&program))?;
    drop(running);
    interrupt.check()?;
    let failure = if let Some(exceeded) = exceeded {
        Some((format!("ended, since {exceeded}"), shortened(&err)))
    } else if late {
        Some((format!("ended after {} s without an answer", LONGEST_ANSWER.as_secs()), shortened(&err)))
    } else {
        (!status.success()).then(|| (status.to_string(), shortened(&err)))
    };
    Ok(Answer { program, output: out, failure })
}

/// Reads a child's output to its end; a child that prints too much is ended.
fn read_answer(from: Option<impl Read>, running: &Running<'_>) -> String {
    let mut bytes = Vec::new();
    // A pipe that breaks is the end of the answer; the exit code tells the rest.
    let _broken = from.map(|from| from.take(LARGEST_ANSWER).read_to_end(&mut bytes));
    if bytes.len() as u64 == LARGEST_ANSWER {
        running.kill();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Output as an error can show it: Node, for one, prints the whole line of a minified file before what went wrong.
fn shortened(output: &str) -> String {
    const MOST_LINES: usize = 20;
    const MOST_CHARACTERS: usize = 300;
    let lines: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(MOST_LINES)..];
    last.iter().map(|line| line.chars().take(MOST_CHARACTERS).collect()).collect::<Vec<String>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(lines: &[&str]) -> Failure {
        Failure {
            status: "exit status: 1".to_owned(),
            last_lines: lines.iter().map(|&line| line.to_owned()).collect(),
            exceeded: None,
        }
    }

    #[test]
    fn the_compilers_first_error_is_told() {
        let failure =
            failure(&["[1/3] cc a.c", "a.c:1:2: error: unknown type name 'foo'", "    1 | foo x;", "ninja: stopped"]);
        assert_eq!(
            failure.telling_lines(),
            ["a.c:1:2: error: unknown type name 'foo'", "    1 | foo x;", "ninja: stopped"]
        );
    }

    #[test]
    fn without_a_marked_line_the_end_is_told() {
        let lines: Vec<String> = (0..40).map(|number| number.to_string()).collect();
        let failure = failure(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(failure.telling_lines().first(), Some(&"28"));
    }
}
