//! Where the standard library for `wasm32-unknown-unknown` comes from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::apt;
use crate::command::cargo;

/// The target of the loader and of the crates it shares with the server.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's compiler for the web, and the sources of its standard library.
const DEBIAN_PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_SOURCES: &str = "/usr/lib/rustlib/src/rust/library";

/// What to take the standard library from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Choice {
    /// The toolchain's own target if it is installed or rustup can install it, else Debian's.
    #[default]
    Auto,
    /// The toolchain's own target only.
    Rustup,
    /// Debian's rustc-web with rust-web-src and lld only.
    Debian,
}

/// A way to compile for [`TARGET`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WasmStd {
    /// The target is part of the active toolchain.
    Toolchain,
    /// Debian's compiler builds the standard library from its sources.
    Debian {
        /// `wasm-ld-NN`.
        linker: PathBuf,
    },
}

impl WasmStd {
    /// Finds a way, installing what is missing where that is possible.
    pub fn provide(choice: Choice) -> Result<Self> {
        if choice != Choice::Debian {
            if toolchain_has_target() || rustup_adds_target() {
                return Ok(Self::Toolchain);
            }
            ensure!(
                choice == Choice::Auto,
                "the toolchain has no {TARGET}, and rustup could not install it; try `rustup target add {TARGET}`"
            );
        }
        if let Some(found) = debian() {
            return Ok(found);
        }
        install_debian()?;
        debian().context("rustc-web, rust-web-src and lld are installed, but not where Debian puts them")
    }

    /// `cargo` with this standard library for [`TARGET`]; the subcommand comes first.
    pub fn cargo(&self, subcommand: &str) -> Command {
        let mut command = cargo();
        command.arg(subcommand).args(["--target", TARGET, "--locked"]);
        if let Self::Debian { linker } = self {
            command
                .args(["-Z", "build-std=std,panic_abort"])
                .env("RUSTC", DEBIAN_RUSTC)
                // -Z build-std is for nightly compilers; Debian's is a stable one.
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        command
    }

    /// Names the compiler, for what must be built anew when it changes.
    pub fn describe(&self) -> String {
        match self {
            Self::Toolchain => "toolchain".to_owned(),
            Self::Debian { linker } => format!("debian {}", linker.display()),
        }
    }
}

fn toolchain_has_target() -> bool {
    let output = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    let Ok(output) = output else { return false };
    let directory = String::from_utf8_lossy(&output.stdout);
    let libraries = fs::read_dir(directory.trim()).into_iter().flatten().flatten();
    libraries.into_iter().any(|file| file.file_name().as_encoded_bytes().starts_with(b"libstd-"))
}

/// Quiet: where rustup has no network there is another way.
fn rustup_adds_target() -> bool {
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]).env("RUSTUP_MAX_RETRIES", "0");
    let status = rustup.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success()) && toolchain_has_target()
}

fn debian() -> Option<WasmStd> {
    let complete = Path::new(DEBIAN_SOURCES).is_dir() && Path::new(DEBIAN_RUSTC).exists();
    let linker = newest_linker()?;
    complete.then_some(WasmStd::Debian { linker })
}

/// The `wasm-ld-NN` with the highest number.
fn newest_linker() -> Option<PathBuf> {
    let programs = fs::read_dir("/usr/bin").ok()?.flatten();
    let numbered = programs.filter_map(|program| {
        let number: u32 = program.file_name().to_str()?.strip_prefix("wasm-ld-")?.parse().ok()?;
        Some((number, program.path()))
    });
    numbered.max().map(|(_, path)| path)
}

fn install_debian() -> Result<()> {
    // Old package lists may not have the compiler in this version, and the newest lld is looked up in them.
    apt::update()?;
    let mut packages: Vec<String> = DEBIAN_PACKAGES.map(str::to_owned).to_vec();
    if newest_linker().is_none() {
        packages.push(newest_lld_package().unwrap_or_else(|| "lld-22".to_owned()));
    }
    let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
    apt::install(&packages).with_context(|| {
        format!("compiling for {TARGET} needs its standard library: `rustup target add {TARGET}`, or Debian's packages")
    })
}

fn newest_lld_package() -> Option<String> {
    let output = Command::new("apt-cache").args(["pkgnames", "lld-"]).output().ok()?;
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers = names.lines().filter_map(|name| name.strip_prefix("lld-")?.parse::<u32>().ok());
    numbers.max().map(|number| format!("lld-{number}"))
}
