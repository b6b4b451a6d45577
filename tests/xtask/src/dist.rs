//! `cargo xtask dist`: the release archive, with what a package of pkgsrv installs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};

use crate::command::release_program;
use crate::loader;

/// Options of `cargo xtask dist`.
#[derive(Debug, Args)]
pub struct DistArguments {
    /// Directory of the archive and of SHA256SUMS [default: target/dist]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Shell, and where below the prefix it looks for completions.
const COMPLETIONS: &[(&str, &str)] = &[
    ("bash", "share/bash-completion/completions/pkgsrv"),
    ("fish", "share/fish/vendor_completions.d/pkgsrv.fish"),
    ("zsh", "share/zsh/site-functions/_pkgsrv"),
];

/// 1980-01-01, for a checkout without git.
const NO_TIME: u64 = 315_532_800;

/// Contents and mode by path below the archive's top directory.
type Files = BTreeMap<String, (Vec<u8>, u32)>;

/// Builds the program and packs it. Prints the archive's path.
pub fn make(arguments: &DistArguments) -> Result<()> {
    let root = loader::root()?;
    let target = root.join("target");
    let program = release_program(&root)?;
    let files = files(&root, &program)?;
    let out = arguments.out.clone().unwrap_or_else(|| target.join("dist"));
    fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
    let name = format!("pkgsrv-{}-{}", env!("CARGO_PKG_VERSION"), host()?);
    let archive = pack(&name, &files, time(&root))?;
    let filename = format!("{name}.tar.gz");
    let sums = format!("{:x}  {filename}\n", Sha256::digest(&archive));
    for (filename, bytes) in [(filename.as_str(), archive.as_slice()), ("SHA256SUMS", sums.as_bytes())] {
        let path = out.join(filename);
        // Whole or not at all: an archive that is being copied keeps its bytes.
        let partial = out.join(format!(".{filename}.partial"));
        let written = fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, &path));
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("{}", out.join(&filename).display());
    Ok(())
}

fn files(root: &Path, program: &Path) -> Result<Files> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let mut files = Files::new();
    for name in ["CHANGELOG.md", "LICENSE", "README.md"] {
        files.insert(name.to_owned(), (read(&root.join(name))?, 0o644));
    }
    files.insert("bin/pkgsrv".to_owned(), (read(program)?, 0o755));
    for (shell, path) in COMPLETIONS {
        files.insert((*path).to_owned(), (output(Command::new(program).args(["completions", shell]))?, 0o644));
    }
    let pages = root.join("target/dist-man");
    if pages.exists() {
        fs::remove_dir_all(&pages).with_context(|| format!("cannot remove {}", pages.display()))?;
    }
    output(Command::new(program).args(["man", "--out"]).arg(&pages))?;
    for page in fs::read_dir(&pages).with_context(|| format!("cannot read {}", pages.display()))? {
        let page = page?;
        let name = format!("share/man/man1/{}", page.file_name().to_string_lossy());
        files.insert(name, (read(&page.path())?, 0o644));
    }
    Ok(files)
}

fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().context("cannot start the program that was just built")?;
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

/// The same files give the same bytes: sorted, nobody's, all of one time.
fn pack(top: &str, files: &Files, time: u64) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    for (path, (contents, mode)) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(contents.len() as u64);
        header.set_mode(*mode);
        header.set_mtime(time);
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(&mut header, format!("{top}/{path}"), contents.as_slice())
            .with_context(|| format!("cannot pack {path}"))?;
    }
    tar.into_inner().and_then(GzEncoder::finish).context("cannot finish the archive")
}

/// The commit's, seconds since 1970.
fn time(root: &Path) -> u64 {
    let shown = Command::new("git").args(["show", "--no-patch", "--format=%ct", "HEAD"]).current_dir(root).output();
    let text = shown.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    text.parse().unwrap_or(NO_TIME)
}

/// The target that the program was built for.
fn host() -> Result<String> {
    let printed = output(Command::new("rustc").arg("-vV"))?;
    let text = String::from_utf8_lossy(&printed).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("`rustc -vV` names no host")
}
