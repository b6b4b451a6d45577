//! Starting other programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Cargo, the one that runs us, without what it told us about our own package: some build scripts look at that, and
/// would run again each time that `cargo run` and `cargo xtask` take turns.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") || name.to_string_lossy().starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// The `pkgsrv` program of the checkout at `root`, a release build; built if it is not there as it would be now.
pub fn release_program(root: &Path) -> Result<PathBuf> {
    let target = root.join("target");
    let mut build = cargo();
    build.args(["build", "--release", "--locked", "--package", "pkgsrv", "--target-dir"]).arg(&target);
    prepare(build.current_dir(root))?;
    Ok(target.join("release/pkgsrv"))
}

/// Runs a command that prepares something: what it prints goes to standard error, so that standard output holds
/// nothing but the result of the task.
pub fn prepare(command: &mut Command) -> Result<()> {
    run(command.stdout(std::io::stderr()))
}

/// Runs a command with our own output and no input; failure is an error that names it.
pub fn run(command: &mut Command) -> Result<()> {
    let parts = std::iter::once(command.get_program()).chain(command.get_args());
    let shown = parts.map(|part| part.to_string_lossy()).collect::<Vec<_>>().join(" ");
    let status = command.stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot start `{shown}`; is the program installed?"))?;
    ensure!(status.success(), "`{shown}` failed ({status})");
    Ok(())
}

/// An empty directory.
pub fn recreate(directory: &Path) -> Result<()> {
    let remove = |error: std::io::Error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) };
    fs::remove_dir_all(directory)
        .or_else(remove)
        .and_then(|()| fs::create_dir_all(directory))
        .with_context(|| format!("cannot empty {}", directory.display()))
}
