//! Where the loader that is served comes from: carried by the program; for a debug build, which carries none, built by
//! the checkout we stand in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use pkgsrv::{DataDir, LOADER, ServerError};
use pkgsrv_builder::Context;

/// The file of an npm build that tells what it was made from.
const STAMP: &str = ".stamp";

/// Makes sure that the data directory has the newest loader.
pub(crate) fn bring(context: &Context, data: &DataDir) -> Result<()> {
    if let Some((_, stamp)) = LOADER.iter().find(|(name, _)| *name == STAMP) {
        return lay_out_carried(data, stamp);
    }
    let current = std::env::current_dir().context("the current directory is gone")?;
    let Some(root) = current.ancestors().find(|directory| is_checkout(directory)) else {
        bail!("this program was compiled without the loader; run it in a checkout, or compile it with `--release`");
    };
    let dist = build(context, root)?;
    let stamp = fs::read_to_string(dist.join(STAMP)).context("the loader's build left no stamp")?;
    Ok(data.set_loader(stamp.trim(), &dist)?)
}

/// The same for a program that only serves: what it carries, or what is there already. A directory that cannot be
/// written is no reason not to serve it.
pub(crate) fn bring_carried(data: &DataDir) {
    let Some((_, stamp)) = LOADER.iter().find(|(name, _)| *name == STAMP) else { return };
    if let Err(error) = lay_out_carried(data, stamp) {
        let what = if data.loader().exists() { "an older loader is served" } else { "no loader is served" };
        tracing::warn!("{what}: {error:#}");
    }
}

fn lay_out_carried(data: &DataDir, stamp: &[u8]) -> Result<()> {
    let stamp = String::from_utf8_lossy(stamp).trim().to_owned();
    if data.has_loader(&stamp, LOADER) {
        return Ok(());
    }
    let work = tempfile::tempdir().context("cannot create a temporary directory")?;
    for (name, bytes) in LOADER {
        let path = work.path().join(name);
        fs::write(&path, bytes).map_err(|source| ServerError::Write { path, source })?;
    }
    Ok(data.set_loader(&stamp, work.path())?)
}

fn is_checkout(directory: &Path) -> bool {
    directory.join("tests/xtask/Cargo.toml").is_file() && directory.join("loader/js/package.json").is_file()
}

fn build(context: &Context, root: &Path) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args(["xtask", "loader"]).current_dir(root).stdin(Stdio::null());
    context.run_step("loader", "building its npm package", &mut cargo, &mut context.log("loader")?)?;
    Ok(root.join("loader/js/dist"))
}
