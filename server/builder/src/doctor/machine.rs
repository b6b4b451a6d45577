//! Programs, user namespaces, disks.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Finding, State};
use crate::context::Context;
use crate::process;
use crate::space::Space;
use crate::system_tools::{self, BUBBLEWRAP, MMDEBSTRAP, NPM, PYTHON, SystemTool, UIDMAP};
use crate::toolchain::{Provider, ToolchainChoice};

/// Every program that a build may start, and its version.
pub(super) fn programs(context: &Context) -> Vec<Finding> {
    let for_root_directory = match &context.toolchain {
        ToolchainChoice::Of(Provider::Debian) if system_tools::is_root() => &[MMDEBSTRAP][..],
        ToolchainChoice::Of(Provider::Debian) => &[MMDEBSTRAP, UIDMAP],
        // It is there already, or made of the machine's own programs.
        _ => &[],
    };
    let tools = [for_root_directory, &[BUBBLEWRAP, NPM, PYTHON]].concat();
    // One command for all: who installs them by hand should do it once.
    let is_missing = |tool: &&SystemTool| system_tools::place(tool.program).is_none();
    let missing: Vec<&str> = tools.iter().filter(is_missing).map(|tool| tool.package).collect();
    tools.into_iter().map(|tool| program(context, tool, &missing)).collect()
}

fn program(context: &Context, tool: SystemTool, missing: &[&str]) -> Finding {
    let Some(path) = system_tools::place(tool.program) else {
        let state = if system_tools::can_install() { State::Later } else { State::Bad };
        let found = if state == State::Later { "not there; it is installed when it is needed" } else { "not there" };
        return Finding::other(state, tool.program, found, system_tools::install_command(missing));
    };
    let version = match tool {
        // It knows no --version.
        UIDMAP => String::new(),
        _ => first_line(context, process::command(&path).arg("--version")).unwrap_or_else(|error| error),
    };
    Finding::good(tool.program, format!("{version} ({})", path.display()).trim().to_owned())
}

/// The first line that a command prints, else why there is none.
fn first_line(context: &Context, command: &mut Command) -> Result<String, String> {
    let printed = process::run_for_output(command, &context.interrupt).map_err(|error| one_line(&error.to_string()))?;
    Ok(printed.lines().next().unwrap_or_default().trim().to_owned())
}

pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a sandbox can be made, by making one.
pub(super) fn sandbox(context: &Context) -> Finding {
    const SUBJECT: &str = "sandbox";
    if system_tools::place(BUBBLEWRAP.program).is_none() {
        let remedy = system_tools::install_command(&[BUBBLEWRAP.package]);
        let state = if system_tools::can_install() { State::Later } else { State::Bad };
        return Finding::other(state, SUBJECT, "cannot be tried without bwrap", remedy);
    }
    let mut command = process::command(BUBBLEWRAP.program);
    command.args(["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]);
    command.args(["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-net"]);
    command.args(["--cap-drop", "ALL", "--die-with-parent", "--new-session", "--", "/bin/sh", "-c", "echo works"]);
    match first_line(context, &mut command) {
        Ok(line) if line == "works" => Finding::good(SUBJECT, "a command ran in a user namespace without network"),
        Ok(line) => Finding::other(State::Bad, SUBJECT, format!("the command in it printed {line:?}"), namespaces()),
        Err(error) => Finding::other(State::Bad, SUBJECT, error, namespaces()),
    }
}

/// What turns user namespaces on, by what turned them off.
fn namespaces() -> String {
    let setting = |name: &str| {
        fs::read_to_string(format!("/proc/sys/{}", name.replace('.', "/"))).map(|text| text.trim().to_owned())
    };
    for (name, off, on) in [
        ("kernel.unprivileged_userns_clone", "0", "1"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
        ("user.max_user_namespaces", "0", "15000"),
    ] {
        if setting(name).is_ok_and(|value| value == off) {
            return format!("{}sysctl -w {name}={on}", sudo());
        }
    }
    "in a container, start that with `--security-opt seccomp=unconfined --security-opt apparmor=unconfined \
     --security-opt systempaths=unconfined`"
        .to_owned()
}

pub(super) fn sudo() -> &'static str {
    if system_tools::is_root() { "" } else { "sudo " }
}

/// Whether a directory can be written, or created, and has room for `needed` bytes; `option` chooses another one.
pub fn directory(subject: &str, path: &Path, needed: u64, option: &str) -> Finding {
    let there = path.ancestors().find(|place| place.is_dir()).unwrap_or(Path::new("."));
    if let Err(error) = tempfile::tempfile_in(there) {
        let found = format!("{} cannot be written: {error}", there.display());
        return Finding::other(State::Bad, subject, found, format!("choose another directory with {option}"));
    }
    let space = match Space::of(there) {
        Ok(space) => space,
        Err(error) => return Finding::good(subject, format!("{} (room unknown: {error})", path.display())),
    };
    let found = format!("{} ({space})", path.display());
    if space.free >= needed {
        return Finding::good(subject, found);
    }
    let needed = indicatif::BinaryBytes(needed);
    let remedy = format!("free some space, about {needed} are needed, or choose another directory with {option}");
    Finding::other(State::Bad, subject, found, remedy)
}
