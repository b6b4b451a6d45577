//! Debian packages that a task needs: installed where we are root, else named with the exact command.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Makes sure that each program is there; a pair is a program on `PATH` and the package that brings it.
pub fn ensure_programs(wanted: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> =
        wanted.iter().filter(|(program, _)| !on_path(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() { Ok(()) } else { install(&missing) }
}

/// Installs packages.
pub fn install(packages: &[&str]) -> Result<()> {
    let remedy = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    ensure!(
        Path::new("/usr/bin/apt-get").exists() && is_root(),
        "{} missing; run this as root, then try again:\n  {remedy}",
        packages.join(", ")
    );
    eprintln!("installing {}", packages.join(", "));
    let arguments = [&["install", "-y", "--no-install-recommends"], packages].concat();
    // Old package lists are the usual reason for a failure, so that they are renewed only then.
    if !apt_get(&arguments)? {
        update()?;
        ensure!(apt_get(&arguments)?, "`{remedy}` failed; see above");
    }
    Ok(())
}

/// Renews the package lists, where we may.
pub fn update() -> Result<()> {
    if is_root() {
        ensure!(apt_get(&["update"])?, "`apt-get update` failed; see above");
    }
    Ok(())
}

fn apt_get(arguments: &[&str]) -> Result<bool> {
    let mut apt = Command::new("apt-get");
    apt.arg("-q")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(std::io::stderr());
    Ok(apt.status().context("cannot start apt-get")?.success())
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Where Debian has servers, which is not on everyone's path.
    let system = std::path::PathBuf::from("/usr/sbin");
    std::env::split_paths(&path).chain([system]).any(|directory| directory.join(program).is_file())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
