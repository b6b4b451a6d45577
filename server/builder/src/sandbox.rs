//! Running someone else's code: bubblewrap with a toolchain's root directory, no network, nothing of the machine's
//! but what is named.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Seek as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::error::{BuildError, IoContext as _};

/// What of the machine's `/etc` it takes to start programs: where they and their libraries are; and the certificates,
/// which Debian's pip wants to have read even where it fetches nothing.
const NEEDED_OF_ETC: &[&str] = &["alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ssl/certs"];

/// Files of `/etc` that programs expect and that would tell of the machine: what stands in them instead.
const MADE_UP_FILES: &[(&str, &str)] = &[
    ("group", "root:x:0:\nnogroup:x:65534:\n"),
    ("hosts", "127.0.0.1 localhost pkgsrv\n::1 localhost\n"),
    ("nsswitch.conf", "group: files\nhosts: files dns\npasswd: files\n"),
    ("passwd", "root:x:0:0:root:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n"),
];

/// Directories inside whose files are memory.
pub(crate) const MEMORY_DIRECTORIES: &[&str] = &["/", "/dev", "/run", "/tmp"];

/// Where machines keep the certificates of the authorities that they trust; in a sandbox with network they are at the
/// first of these.
const CERTIFICATES: &[&str] =
    &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// Where a sandbox with network has the certificates of the authorities that the machine trusts.
pub(crate) fn certificates() -> &'static str {
    CERTIFICATES[0]
}

/// Writes what [`Sandbox::over_machine`] shows as `/etc`.
pub(crate) fn write_made_up_files(etc: &Path) -> Result<(), BuildError> {
    fs::create_dir_all(etc).doing("create", etc)?;
    for (name, text) in MADE_UP_FILES {
        let path = etc.join(name);
        fs::write(&path, text).doing("write", &path)?;
    }
    Ok(())
}

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
    pub fn over_root(root: &Path) -> Self {
        Self::over_programs(root).read_only(&root.join("etc"), "/etc")
    }

    /// A sandbox over the machine's own programs. Of its `/etc` there is only what starting them takes; `etc` holds what
    /// is made up instead.
    pub fn over_machine(etc: &Path) -> Self {
        let mut sandbox = Self::over_programs(Path::new("/"));
        for name in NEEDED_OF_ETC {
            sandbox.mount("--ro-bind-try", &Path::new("/etc").join(name), &format!("/etc/{name}"));
        }
        for (name, _) in MADE_UP_FILES {
            sandbox.mount("--ro-bind", &etc.join(name), &format!("/etc/{name}"));
        }
        sandbox
    }

    /// `/usr`, the directories that are links into it today and were none once, and what every process expects.
    fn over_programs(root: &Path) -> Self {
        let mut sandbox = Self { arguments: Vec::new(), network: false };
        sandbox.add(["--tmpfs", "/"]);
        sandbox = sandbox.read_only(&root.join("usr"), "/usr");
        for name in ["bin", "lib", "lib32", "lib64", "libx32", "sbin"] {
            let (path, inside) = (root.join(name), format!("/{name}"));
            // Not every architecture has all of them.
            match path.read_link() {
                Ok(target) => sandbox.arguments.extend(["--symlink".into(), target.into(), inside.into()]),
                Err(_) if path.is_dir() => sandbox = sandbox.read_only(&path, &inside),
                Err(_) => {}
            }
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

    /// Puts an empty directory over one of the machine's.
    pub fn hidden(mut self, path: &str) -> Self {
        self.add(["--tmpfs", path]);
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

    /// Leaves the machine's network in place, with the certificates that it trusts: for fetching with the toolchain's
    /// own programs, never for packages' code.
    pub fn with_network(mut self) -> Self {
        self.network = true;
        if let Some(certificates) = CERTIFICATES.iter().map(Path::new).find(|path| path.is_file()) {
            self = self.read_only(certificates, CERTIFICATES[0]);
        }
        let resolver = PathBuf::from("/etc/resolv.conf");
        if let Ok(resolver) = resolver.canonicalize() {
            self = self.read_only(&resolver, "/etc/resolv.conf");
        }
        self
    }

    /// The command that runs `program` inside.
    pub fn command(self, program: &[&str]) -> Result<Command, BuildError> {
        let told = self.told().map_err(not_started)?;
        let mut command = Command::new("bwrap");
        // Bubblewrap closes what it has read, and the first file that a program opens would become its standard input.
        command.args(["--args", "0", "--", "/bin/sh", "-c", "exec \"$@\" </dev/null", "sh"]).args(program).stdin(told);
        Ok(command)
    }

    /// The command that runs `program` inside with the standard input that this process has. The file must live until
    /// the command was started, and no other command may be started before: it would have it, too.
    pub(crate) fn attached(self, program: &[&str]) -> Result<(Command, File), BuildError> {
        let told = self.told().map_err(not_started)?;
        fcntl(&told, FcntlArg::F_SETFD(FdFlag::empty())).map_err(|error| not_started(error.into()))?;
        let mut command = Command::new("bwrap");
        command.args(["--args", &told.as_raw_fd().to_string(), "--"]).args(program);
        Ok((command, told))
    }

    /// What bubblewrap is told, as it reads it from a file that has no name: on its command line every user of the
    /// machine could read what is secret in the address of a proxy or in a token.
    fn told(mut self) -> std::io::Result<File> {
        if !self.network {
            self.add(["--unshare-net"]);
        }
        let mut file = File::from(memfd_create("bwrap", MFdFlags::MFD_CLOEXEC)?);
        let parts: Vec<&[u8]> = self.arguments.iter().map(|argument| argument.as_bytes()).collect();
        file.write_all(&parts.join(&0))?;
        file.rewind()?;
        Ok(file)
    }

    fn mount(&mut self, how: &str, from: &Path, to: &str) {
        self.arguments.extend([how.into(), from.as_os_str().to_owned(), to.into()]);
    }

    fn add<const N: usize>(&mut self, arguments: [&str; N]) {
        self.arguments.extend(arguments.map(OsString::from));
    }
}

fn not_started(source: std::io::Error) -> BuildError {
    BuildError::Start { program: "bwrap".to_owned(), source }
}
