//! Programs that must be on the machine: found, installed by apt where we are root, or named with the exact command.

use std::path::PathBuf;

use crate::context::Context;
use crate::error::BuildError;
use crate::process;

/// A program and the Debian package that brings it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemTool {
    /// Name on `PATH`.
    pub program: &'static str,
    /// Debian package.
    pub package: &'static str,
}

/// Makes the toolchain's root directory.
pub const MMDEBSTRAP: SystemTool = SystemTool { program: "mmdebstrap", package: "mmdebstrap" };
/// The sandbox.
pub const BUBBLEWRAP: SystemTool = SystemTool { program: "bwrap", package: "bubblewrap" };
/// Lets an ordinary user make a root directory in a user namespace.
pub const UIDMAP: SystemTool = SystemTool { program: "newuidmap", package: "uidmap" };
/// Runs pip, which tells which index the machine is set up with.
pub const PYTHON: SystemTool = SystemTool { program: "python3", package: "python3-pip" };
/// Tells which index the machine is set up with.
pub const PIP: SystemTool = SystemTool { program: "pip3", package: "python3-pip" };
/// Fetches runtimes.
pub const NPM: SystemTool = SystemTool { program: "npm", package: "npm" };

/// Makes sure that all of `tools` are there.
pub fn ensure(context: &Context, tools: &[SystemTool]) -> Result<(), BuildError> {
    let missing: Vec<SystemTool> = tools.iter().copied().filter(|tool| place(tool.program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    let command = install_command(&packages);
    let programs = missing.iter().map(|tool| tool.program).collect::<Vec<_>>().join(", ");
    let told = BuildError::MissingTools { programs, command };
    if !can_install() {
        return Err(told);
    }
    let mut log = context.log("apt")?;
    let label = packages.join(", ");
    let stage = context.progress.stage(&label, "installing by apt");
    let mut apt = |arguments: &[&str]| {
        let mut command = process::command("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        process::run_logged(&mut command, &context.interrupt, None, &mut log, |line| stage.message(line))
    };
    // The lists may be missing or old: only then is the update worth its time.
    let install: Vec<&str> =
        ["install", "-y", "--no-install-recommends"].into_iter().chain(packages.iter().copied()).collect();
    if apt(&install)?.is_err() {
        let _ = apt(&["update"])?;
        if let Err(failure) = apt(&install)? {
            let output = failure.last_lines.join("\n");
            return Err(BuildError::Program { program: "apt-get".to_owned(), status: failure.status, output });
        }
    }
    stage.done("installed");
    Ok(())
}

/// The command that installs Debian packages.
pub fn install_command<T: AsRef<str>>(packages: &[T]) -> String {
    let packages: Vec<&str> = packages.iter().map(AsRef::as_ref).collect();
    let sudo = if is_root() { "" } else { "sudo " };
    format!("{sudo}apt-get install -y --no-install-recommends {}", packages.join(" "))
}

/// Whether [`ensure`] installs what is missing.
pub fn can_install() -> bool {
    is_root() && place("apt-get").is_some()
}

/// Whether we are root.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Where on `PATH`, by which the system finds what we start, a program is: no setting of ours.
pub fn place(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|path| path.is_file())
}

/// Like [`place`], with links followed: the directory that its program was installed in.
pub fn find_program(program: &str) -> Option<PathBuf> {
    place(program).and_then(|path| path.canonicalize().ok())
}
