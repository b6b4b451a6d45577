//! Starting LLVM's programs by a process that has loaded them already and forks: see `fork-server.c` among the files of
//! the cross environment, which is preloaded into them. Loading takes longer than compiling a small file.
//!
//! The first compile in a sandbox starts the server and does not wait for it. Whenever it does not answer, the program
//! is started the ordinary way.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio, id};

use crate::rewrite::Invocation;
use crate::sha256::{digest, hex};

/// What is preloaded; not there where the toolchain could not compile it.
const LIBRARY: &str = "/pkgsrv/cross/fork-server.so";

/// The variable that names the server's socket to it.
const VARIABLE: &str = "PKGSRV_FORK_SERVER";

/// The programs that it is for, without directory and version.
const PROGRAMS: &[&str] = &["clang", "lld"];

/// How a program begins.
const ELF: [u8; 4] = *b"\x7fELF";

/// What a child exits with that could not become the program; clang and lld never do.
const UNUSABLE: i32 = 125;

/// Runs a command to its end, with no standard input; `None` where no server did.
pub fn run(command: &Invocation, arguments: &[String], variables: &[(&str, &str)]) -> Option<Output> {
    let program = served(&command.program)?;
    let socket = socket(&program)?;
    let Ok(connection) = UnixStream::connect(&socket) else {
        start(&program, &socket);
        return None;
    };
    let [stdout, stderr] = ["out", "err"].map(|name| format!("/tmp/pkgsrv-{}.{name}", id()));
    let output = ask(connection, command, arguments, variables, [&stdout, &stderr]);
    for path in [stdout, stderr] {
        // They lie in a directory that goes with the build.
        let _left = fs::remove_file(path);
    }
    output
}

/// The program itself, where a server may run it.
fn served(program: &str) -> Option<String> {
    if !Path::new(LIBRARY).exists() {
        return None;
    }
    // Its name for a driver or a linker is a link to it.
    let path = fs::canonicalize(program).ok()?.into_os_string().into_string().ok()?;
    let name = path.rsplit('/').next()?;
    let is_served = PROGRAMS.iter().any(|served| name.split('-').next() == Some(served));
    if !is_served {
        return None;
    }
    // In a script's place, what is preloaded would serve the shell that runs it.
    let mut begin = [0; ELF.len()];
    File::open(&path).and_then(|mut file| file.read_exact(&mut begin)).ok()?;
    (begin == ELF).then_some(path)
}

/// Where the server listens. Children inherit limits and file mode mask from it, so each set of these has its own.
fn socket(program: &str) -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find(|line| line.starts_with("Umask:"))?;
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let digest = hex(&digest(format!("{program}\n{mask}\n{limits}").as_bytes()));
    Some(format!("/tmp/pkgsrv-{}.socket", &digest[..16]))
}

/// Starts the server, unless that was done.
fn start(program: &str, socket: &str) {
    if File::create_new(format!("{socket}.started")).is_err() {
        return;
    }
    let mut server = Command::new(program);
    server.env("LD_PRELOAD", LIBRARY).env(VARIABLE, socket);
    server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // What is sent to the group of this compile is not for the others. It ends with the sandbox.
    let _without = server.process_group(0).spawn();
}

fn ask(
    mut connection: UnixStream,
    command: &Invocation,
    arguments: &[String],
    variables: &[(&str, &str)],
    [stdout, stderr]: [&str; 2],
) -> Option<Output> {
    let directory = std::env::current_dir().ok()?;
    let count = (1 + arguments.len()).to_string();
    let mut request = Vec::new();
    for part in [directory.as_os_str().as_bytes(), stdout.as_bytes(), stderr.as_bytes(), count.as_bytes()] {
        request.extend([part, b"\0"].concat());
    }
    for argument in [&command.program].into_iter().chain(arguments) {
        request.extend([argument.as_bytes(), b"\0"].concat());
    }
    let told = |name: &str| variables.iter().any(|(told, _)| *told == name);
    for (name, value) in std::env::vars_os().filter(|(name, _)| !name.to_str().is_some_and(told)) {
        request.extend([name.as_bytes(), b"=", value.as_bytes(), b"\0"].concat());
    }
    for (name, value) in variables {
        request.extend([name.as_bytes(), b"=", value.as_bytes(), b"\0"].concat());
    }
    for path in [stdout, stderr] {
        File::create(path).ok()?;
    }
    connection.write_all(&request).ok()?;
    connection.shutdown(Shutdown::Write).ok()?;
    let mut status = [0; 4];
    connection.read_exact(&mut status).ok()?;
    let status = ExitStatus::from_raw(i32::from_ne_bytes(status));
    if status.code() == Some(UNUSABLE) {
        return None;
    }
    Some(Output { status, stdout: fs::read(stdout).ok()?, stderr: fs::read(stderr).ok()? })
}
