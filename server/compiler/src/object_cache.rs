//! The object cache: a compile that was done before is not done again.
//!
//! A package's builds share a directory of entries, each named by a hash over the command, the working directory and
//! what is mounted read-only (toolchain, headers, tools: the builder sums them up). An entry holds what the compile read
//! besides these, by path and hash, and what it gave. So there is one entry for a command, and the next build with the
//! same texts takes it; looking needs no preprocessor, which takes half the time of compiling C++.
//!
//! Meson compiles the sources that several modules share once for each, into a directory of the module's own, which is
//! searched for headers too. That directory's name is not part of the entry's, so the second module takes the objects of
//! the first, unless the name is in them.
//!
//! Sources of configure checks lie in directories with random names. For them the source's text is part of the name of
//! the entry, the directory is not, and nothing else of what they read may change; so their failures can be kept too.
//!
//! Who can write into that directory is the code of the same package, which could as well have the compiler make
//! something else.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::cacheable::Files;
use crate::entry::{Answer, Entry, FORMAT};
use crate::fork_server;
use crate::includes::add_names;
use crate::link_check::is_check;
use crate::rewrite::Invocation;
use crate::settings::Objects;
use crate::sha256::{Hash, digest, hex};

/// Beginnings of variables by which a compile takes or gives more than its arguments tell.
const VARIABLES: &[&str] = &[
    "CCC_",
    "CC_",
    "CLANG_",
    "COMPILER_PATH",
    "CPATH",
    "CPLUS_INCLUDE_PATH",
    "C_INCLUDE_PATH",
    "DEPENDENCIES_OUTPUT",
    "SUNPRO_DEPENDENCIES",
];

/// Beginnings of those that decide an answer and nothing else: Emscripten's. Without the first, texts can ask for the time.
const DECIDING_VARIABLES: &[&str] = &["SOURCE_DATE_EPOCH", "EMCC_", "EMMAKEN_", "EM_"];

/// What stands for the directory of a check.
const CHECK: &str = "{check}";

/// What stands for the directory that meson makes for the objects of one module.
const OWN: &str = "{own}";

/// How meson's names of these directories end.
const OWN_ENDING: &str = ".p";

/// How far a file's time of change may lag behind the clock.
const CLOCK_STEP: Duration = Duration::from_millis(10);

/// Bytes of an answer's text that are kept; a check's preprocessed text may be long.
const LONGEST_TEXT: usize = 1 << 16;

/// A compile that the cache may answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Compile {
    /// The command.
    pub command: Invocation,
    /// What it reads and writes.
    pub files: Files,
}

/// Takes the answer from the cache, or compiles; `None` where the cache cannot know the answer, and the compiler may take
/// our place.
pub fn compile(compile: &Compile, objects: Option<&Objects>) -> Result<Option<ExitCode>, String> {
    let Some(objects) = objects else { return Ok(None) };
    let command = &compile.command;
    let Some(question) = Question::new(objects, &compile.files, &[command]) else {
        objects.log("compiled", &compile.files.source);
        return Ok(None);
    };
    if let Some(answer) = question.look_up()
        && compile.give(&answer).is_ok()
    {
        objects.log("reused", &compile.files.source);
        return Ok(Some(ExitCode::from(answer.code)));
    }
    let started = SystemTime::now();
    let headers = format!("/tmp/pkgsrv-{}.headers", std::process::id());
    // It writes the paths of all headers there, a line each.
    let told = [("CC_PRINT_HEADERS", "1"), ("CC_PRINT_HEADERS_FILE", &headers)];
    let mut answer = Answer::of(command, &command.arguments, &told)?;
    objects.log("compiled", &compile.files.source);
    answer.tell().map_err(|error| format!("cannot print what {} printed: {error}", command.program))?;
    let code = ExitCode::from(answer.code);
    let has_written = answer.code == 0;
    let read = |path: &Option<String>| path.as_ref().filter(|_| has_written).map(fs::read).transpose();
    if let (Ok(output), Ok(dependencies)) = (read(&compile.files.output), read(&compile.files.dependencies)) {
        (answer.output, answer.dependencies) = (output, dependencies);
        question.keep(answer, started, &headers);
    }
    // It lies in a directory that goes with the build.
    let _left = fs::remove_file(&headers);
    Ok(Some(code))
}

impl Compile {
    /// Writes what the compiler would.
    fn give(&self, answer: &Answer) -> io::Result<()> {
        if answer.code != 0 {
            return answer.tell();
        }
        for (path, bytes) in [(&self.files.dependencies, &answer.dependencies), (&self.files.output, &answer.output)] {
            match (path, bytes) {
                (Some(path), Some(bytes)) => write_output(Path::new(path), bytes, false)?,
                (None, None) => {}
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        answer.tell()
    }
}

impl Answer {
    /// Runs a command to its end; output files are not read.
    pub fn of(command: &Invocation, arguments: &[String], variables: &[(&str, &str)]) -> Result<Self, String> {
        let output = if let Some(output) = fork_server::run(command, arguments, variables) {
            output
        } else {
            let mut child = Command::new(&command.program);
            child.args(arguments).envs(variables.iter().copied()).stdin(Stdio::inherit());
            child.output().map_err(|error| command.cannot_start(&error))?
        };
        let Output { status, stdout, stderr } = output;
        let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
        Ok(Self { code, stdout, stderr, ..Self::default() })
    }

    /// Prints what the command printed.
    pub fn tell(&self) -> io::Result<()> {
        io::stdout().write_all(&self.stdout)?;
        io::stderr().write_all(&self.stderr)
    }
}

impl Objects {
    /// One line for the builder, which counts them; a short one is written at once, whoever else writes.
    pub fn log(&self, what: &str, source: &str) {
        let line = format!("{what} {source}\n");
        let file = File::options().append(true).open(&self.log);
        // Without it the numbers are wrong, and nothing else.
        let _lost = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }

    /// Whether what lies there is the same in every build with these inputs.
    pub fn is_known(&self, path: &str) -> bool {
        let below = |known: &String| path.strip_prefix(known.as_str()).is_some_and(|rest| rest.starts_with('/'));
        self.known.iter().any(below) && !path.split('/').any(|part| part == "..")
    }
}

/// A command as the cache knows it.
pub struct Question<'a> {
    objects: &'a Objects,
    /// Empty for what is no compile.
    files: Cow<'a, Files>,
    key: Hash,
    /// The entry's name where an answer holds for `own` only.
    exact: Hash,
    /// Of a check, the directory with the random name.
    check: Option<&'a str>,
    /// The directory of the module's own that the object goes to.
    own: Option<&'a str>,
    is_check: bool,
}

impl<'a> Question<'a> {
    /// Of a compile, or of a check; `None` where the answer depends on what the cache does not see.
    pub fn new(objects: &'a Objects, files: &'a Files, commands: &[&Invocation]) -> Option<Self> {
        let is_check = is_check(&files.source);
        let check = files.source.rsplit_once('/').map(|(directory, _)| directory).filter(|_| is_check);
        let own = if is_check { None } else { files.output.as_deref().and_then(own_directory) };
        let files_of = Cow::Borrowed(files);
        let mut question = Self { objects, files: files_of, key: [0; 32], exact: [0; 32], check, own: None, is_check };
        let text = if is_check { question.text_of_check()? } else { String::new() };
        question.exact = question.key(&files.source, commands, text.clone())?;
        question.own = own;
        question.key = question.key(&files.source, commands, text)?;
        Some(question)
    }

    /// Of a command that tells itself what it reads.
    pub fn of_command(objects: &'a Objects, output: &str, command: &Invocation) -> Option<Self> {
        let files = Cow::Owned(Files::default());
        let (key, check, own) = ([0; 32], None, None);
        let mut question = Self { objects, files, key, exact: key, check, own, is_check: false };
        question.key = question.key(output, &[command], String::new())?;
        question.exact = question.key;
        Some(question)
    }

    /// The entry's name; `None` too for a file outside the build's directory: what lies elsewhere is not asked for again.
    fn key(&self, file: &str, commands: &[&Invocation], text: String) -> Option<Hash> {
        let here = std::env::current_dir().ok()?.into_os_string().into_string().ok()?;
        if !Path::new(&here).join(file).starts_with("/build") {
            return None;
        }
        let mut parts = vec![self.objects.inputs.clone(), deciding_variables()?, self.without_directory(&here), text];
        for command in commands {
            parts.push(command.arguments.len().to_string());
            parts.push(command.program.clone());
            parts.extend(command.arguments.iter().map(|argument| self.without_directory(argument)));
        }
        let mut bytes = FORMAT.to_vec();
        for part in parts {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part.as_bytes());
        }
        Some(digest(&bytes))
    }

    /// The text of a check that reads nothing else that may change.
    fn text_of_check(&self) -> Option<String> {
        // The interpreter's own sysconfig data names a directory of the machine that it was built on.
        let is_fixed = |directory: &String| self.objects.is_known(directory) || !Path::new(directory).exists();
        let text = fs::read_to_string(&self.files.source).ok()?;
        let mut names = BTreeSet::new();
        let is_closed = self.files.included.is_empty()
            && self.files.directories.iter().all(is_fixed)
            && add_names(text.as_bytes(), &mut names)
            && !names.iter().any(|name| name.starts_with('/') || name.split('/').any(|part| part == ".."))
            && (self.is_alone() || !text.lines().any(|line| line.contains("include") && line.contains('"')));
        is_closed.then_some(text)
    }

    /// Whether a check lies in a directory with nothing else, where names in quotes are looked for first.
    fn is_alone(&self) -> bool {
        self.check.and_then(|directory| fs::read_dir(directory).ok()).is_some_and(|entries| entries.count() == 1)
    }

    /// Directories whose names are not part of the entry's, and what stands for them.
    fn directories(&self) -> impl Iterator<Item = (&'a str, &'static str)> {
        [(self.check, CHECK), (self.own, OWN)].into_iter().filter_map(|(directory, sign)| Some((directory?, sign)))
    }

    fn without_directory(&self, text: &str) -> String {
        self.directories().fold(text.to_owned(), |text, (directory, sign)| text.replace(directory, sign))
    }

    fn with_directory(&self, text: &str) -> String {
        self.directories().fold(text.to_owned(), |text, (directory, sign)| text.replace(sign, directory))
    }

    fn place(&self, key: &Hash) -> String {
        format!("{}/{}", self.objects.directory, hex(key))
    }

    /// The answer that the command would give, if that is known.
    pub fn look_up(&self) -> Option<Answer> {
        self.current(&self.key).or_else(|| if self.exact == self.key { None } else { self.current(&self.exact) })
    }

    fn current(&self, key: &Hash) -> Option<Answer> {
        let place = self.place(key);
        let mut entry = Entry::from_bytes(&fs::read(&place).ok()?)?;
        if *key == self.key {
            entry.rename(|text| self.with_directory(text));
        }
        if !is_current(&entry) {
            return None;
        }
        // The builder removes what was not used for long.
        let _unchanged = File::open(&place).and_then(|file| file.set_modified(SystemTime::now()));
        Some(entry.answer)
    }

    /// Keeps an answer for the next time, where it can be known when that holds.
    pub fn keep(&self, answer: Answer, started: SystemTime, headers: &str) {
        let explained = answer.code == 0 || (self.is_check && is_explained(&answer.stderr, &self.files.source));
        if !explained || answer.stdout.len() + answer.stderr.len() > LONGEST_TEXT {
            return;
        }
        let Some(mut entry) = self.conditions_of(started, headers) else { return };
        entry.answer = answer;
        // With the directory in the object, it is not the next one's.
        let tells = |directory: &str| entry.answer.output.iter().any(|object| contains(object, directory.as_bytes()));
        let is_text = entry.answer.texts().all(|text| str::from_utf8(text).is_ok());
        match (self.check, self.own) {
            (Some(check), _) if !is_text || tells(check) => {}
            (None, Some(own)) if !is_text || tells(own) || self.is_anothers() => self.write_as(&self.exact, &entry),
            _ => {
                entry.rename(|text| self.without_directory(text));
                self.write_as(&self.key, &entry);
            }
        }
    }

    fn conditions_of(&self, started: SystemTime, headers: &str) -> Option<Entry> {
        if self.is_check { Some(Entry::default()) } else { self.conditions(started, headers) }
    }

    /// Whether the entry that modules share is right for another one, which finds other headers.
    fn is_anothers(&self) -> bool {
        let entry = fs::read(self.place(&self.key)).ok().and_then(|bytes| Entry::from_bytes(&bytes));
        entry.is_some_and(|mut entry| {
            entry.rename(|text| self.with_directory(text));
            has_same_files(&entry)
        })
    }

    /// Writes an entry.
    pub fn write(&self, answer: Answer, conditions: Entry) {
        self.write_as(&self.key, &Entry { answer, ..conditions });
    }

    fn write_as(&self, key: &Hash, entry: &Entry) {
        // A full disk is no reason to fail: without the entry it is done again.
        let _unkept = write_output(Path::new(&self.place(key)), &entry.to_bytes(), false);
    }

    /// What must be as it was.
    fn conditions(&self, started: SystemTime, headers: &str) -> Option<Entry> {
        // There is no list where there are no headers.
        let list = fs::read_to_string(headers);
        let headers = list.as_deref().unwrap_or_default();
        let mut paths: Vec<&str> = headers.lines().collect();
        paths.push(&self.files.source);
        paths.sort_unstable();
        paths.dedup();
        let mut names: BTreeSet<String> = self.files.included.iter().cloned().collect();
        let mut directories: Vec<&str> = self.files.directories.iter().map(String::as_str).collect();
        if !self.files.included.is_empty() {
            directories.push(".");
        }
        let mut files = Vec::new();
        for path in paths {
            let bytes = fs::read(path).ok()?;
            if !add_names(&bytes, &mut names) {
                return None;
            }
            if !self.objects.is_known(path) {
                files.push((path.to_owned(), digest(&bytes)));
                directories.push(path.rsplit_once('/').map_or(".", |(directory, _)| directory));
            }
        }
        if list.is_err() && !names.is_empty() {
            return None;
        }
        directories.retain(|directory| !self.objects.is_known(directory));
        directories.sort_unstable();
        directories.dedup();
        let directories: Vec<String> = directories.into_iter().map(str::to_owned).collect();
        let names: Vec<String> = names.into_iter().collect();
        let present = present(&directories, &names);
        let before = |path: &str| is_from_before(path, started);
        let is_settled = files.iter().all(|(path, _)| before(path)) && present.iter().all(|path| before(path));
        is_settled.then(|| Entry { files, names, directories, present, ..Entry::default() })
    }
}

/// The directory of an object, where meson made it for one module.
fn own_directory(object: &str) -> Option<&str> {
    let (directory, _) = object.rsplit_once('/')?;
    directory.ends_with(OWN_ENDING).then_some(directory)
}

/// The environment as far as it decides; `None` where a compile depends on more than the cache sees.
fn deciding_variables() -> Option<String> {
    if !variables(VARIABLES).is_empty() {
        return None;
    }
    let deciding = variables(DECIDING_VARIABLES);
    deciding.iter().any(|variable| variable.starts_with(DECIDING_VARIABLES[0])).then(|| deciding.join("\n"))
}

/// The variables of the environment whose names begin in one of these ways, as `NAME=value`, sorted.
pub fn variables(beginnings: &[&str]) -> Vec<String> {
    let mut found: Vec<String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| beginnings.iter().any(|beginning| name.starts_with(beginning)))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    found.sort();
    found
}

/// Whether all that an answer came from is as it was.
fn is_current(entry: &Entry) -> bool {
    has_same_files(entry)
        && present(&entry.directories, &entry.names) == entry.present
        && entry.matched.iter().all(|(path, hash)| matched(path) == *hash)
}

fn has_same_files(entry: &Entry) -> bool {
    let is_same = |(path, hash): &(String, Hash)| fs::read(path).is_ok_and(|bytes| digest(&bytes) == *hash);
    entry.files.iter().all(is_same)
}

/// Those of the names that there are in the directories, and of whole paths, sorted.
pub fn present(directories: &[String], names: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for directory in directories {
        let Ok(entries) = fs::read_dir(directory) else { continue };
        let there: BTreeSet<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        for name in names {
            let first = name.split('/').next().unwrap_or(name);
            // Nearly all names are no file of the directory, and asking for each takes longer than its list.
            let may_be = matches!(first, "" | "." | "..") || there.contains(first.as_ref() as &std::ffi::OsStr);
            let path = Path::new(directory).join(name);
            // A directory is no header; who asks for a place by its whole path may be content with one.
            let is_there = if name.starts_with('/') { path.exists() } else { path.is_file() };
            if may_be && is_there {
                found.extend(path.into_os_string().into_string());
            }
        }
    }
    found.sort_unstable();
    found
}

/// The hash over the names that a path with one `*` in its last part matches.
pub fn matched(path: &str) -> Hash {
    let (directory, name) = path.rsplit_once('/').unwrap_or((".", path));
    let (first, last) = name.split_once('*').unwrap_or((name, ""));
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let names: BTreeSet<_> = entries.map(|entry| entry.file_name().into_encoded_bytes()).collect();
    let is_matched =
        |name: &&Vec<u8>| name.strip_prefix(first.as_bytes()).is_some_and(|rest| rest.ends_with(last.as_bytes()));
    let matched: Vec<&[u8]> = names.iter().filter(is_matched).map(Vec::as_slice).collect();
    digest(&matched.join(&0))
}

/// Whether a file was not written meanwhile: then it may not be what was read.
pub fn is_from_before(path: &str, started: SystemTime) -> bool {
    changed(path).is_some_and(|changed| changed + CLOCK_STEP < started)
}

/// When a file was last changed, renamed or made; `None` where that cannot be told.
pub fn changed(path: &str) -> Option<SystemTime> {
    let metadata = fs::metadata(path).ok()?;
    let seconds = u64::try_from(metadata.ctime()).ok()?;
    let nanoseconds = u32::try_from(metadata.ctime_nsec()).ok()?;
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds))
}

/// Whether a check failed by what its text or its flags say, and not because memory or disk were full.
fn is_explained(stderr: &[u8], source: &str) -> bool {
    let by_flags = ["undefined symbol: ", "error: unknown argument", "error: unknown warning option"];
    String::from_utf8_lossy(stderr).lines().any(|line| {
        let place = line.strip_prefix(source).and_then(|rest| rest.strip_prefix(':'));
        let by_text =
            place.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()) && rest.contains("error: "));
        by_text || by_flags.iter().any(|reason| line.contains(reason))
    })
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Writes beside the place and renames: nobody ever reads half of it.
pub fn write_output(place: &Path, bytes: &[u8], executable: bool) -> io::Result<()> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Processes of another sandbox may have the same number.
    let mut name = place.as_os_str().to_owned();
    name.push(format!(".{}-{}.new", std::process::id(), since.as_nanos()));
    let mode = if executable { 0o777 } else { 0o666 };
    let file = File::options().write(true).create_new(true).mode(mode).open(&name);
    let written = file.and_then(|mut file| file.write_all(bytes)).and_then(|()| fs::rename(&name, place));
    if written.is_err() {
        let _nothing_left = fs::remove_file(&name);
    }
    written
}
