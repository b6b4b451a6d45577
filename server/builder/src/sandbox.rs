//! Running someone else's code: bubblewrap with a toolchain's root directory, no network, nothing of the machine's
//! but what is named.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A command inside a sandbox, described step by step.
///
/// Inside there are: the toolchain's `/usr` and `/etc` (read-only), an empty `/tmp`, `/dev` and `/proc` of its own, and
/// what was mounted. Processes, users, host name and network are its own; it dies with us.
#[derive(Debug)]
pub struct Sandbox {
    arguments: Vec<OsString>,
    network: bool,
}

impl Sandbox {
    /// A sandbox over the root directory of a toolchain.
    pub fn new(root: &Path) -> Self {
        let mut sandbox = Self { arguments: Vec::new(), network: false };
        sandbox.add(["--tmpfs", "/"]);
        for directory in ["usr", "etc"] {
            sandbox = sandbox.read_only(&root.join(directory), &format!("/{directory}"));
        }
        for (target, link) in [("usr/bin", "/bin"), ("usr/sbin", "/sbin"), ("usr/lib", "/lib"), ("usr/lib64", "/lib64")]
        {
            sandbox.add(["--symlink", target, link]);
        }
        sandbox.add(["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--dir", "/var", "--tmpfs", "/run"]);
        sandbox.add(["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"]);
        // Started by root, code inside would keep root's capabilities, and could make a read-only mount writable again.
        sandbox.add(["--cap-drop", "ALL", "--die-with-parent", "--new-session", "--hostname", "pkgsrv", "--clearenv"]);
        sandbox.variable("PATH", "/usr/bin:/bin").variable("HOME", "/tmp").variable("LC_ALL", "C.UTF-8")
    }

    /// Mounts a file or directory read-only.
    pub fn read_only(mut self, from: &Path, to: &str) -> Self {
        self.mount("--ro-bind", from, to);
        self
    }

    /// Mounts a directory that may be written.
    pub fn writable(mut self, from: &Path, to: &str) -> Self {
        self.mount("--bind", from, to);
        self
    }

    /// Sets an environment variable; there are no others.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.add(["--setenv", name, value]);
        self
    }

    /// The directory to start in.
    pub fn directory(mut self, path: &str) -> Self {
        self.add(["--chdir", path]);
        self
    }

    /// Leaves the machine's network in place: for fetching with the toolchain's own programs, never for packages' code.
    pub fn with_network(mut self) -> Self {
        self.network = true;
        let resolver = PathBuf::from("/etc/resolv.conf");
        if let Ok(resolver) = resolver.canonicalize() {
            self = self.read_only(&resolver, "/etc/resolv.conf");
        }
        self
    }

    /// The command that runs `program` inside.
    pub fn command(self, program: &[&str]) -> Command {
        let mut command = Command::new("bwrap");
        command.args(self.arguments);
        if !self.network {
            command.arg("--unshare-net");
        }
        command.arg("--").args(program);
        command
    }

    fn mount(&mut self, how: &str, from: &Path, to: &str) {
        self.arguments.extend([how.into(), from.as_os_str().to_owned(), to.into()]);
    }

    fn add<const N: usize>(&mut self, arguments: [&str; N]) {
        self.arguments.extend(arguments.map(OsString::from));
    }
}
