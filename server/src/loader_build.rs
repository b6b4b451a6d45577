//! Where the loader that is served comes from: built by the checkout we stand in, else carried by the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use pkgsrv::DataDir;
use pkgsrv_builder::Context;

include!(concat!(env!("OUT_DIR"), "/loader_files.rs"));

/// The file of an npm build that tells what it was made from.
const STAMP: &str = ".stamp";

/// Makes sure that the data directory has the newest loader.
pub(crate) fn bring(context: &Context, data: &DataDir) -> Result<()> {
    let current = std::env::current_dir().context("the current directory is gone")?;
    if let Some(root) = current.ancestors().find(|directory| is_checkout(directory)) {
        let dist = build(context, root)?;
        let stamp = fs::read_to_string(dist.join(STAMP)).context("the loader's build left no stamp")?;
        return Ok(data.set_loader(stamp.trim(), &dist)?);
    }
    let Some((_, stamp)) = FILES.iter().find(|(name, _)| *name == STAMP) else {
        bail!(
            "this program was installed without the loader; run it in a checkout, or install it with \
             `cargo xtask loader && cargo install --path server --features embed-loader`"
        );
    };
    let work = context.cache.work_directory("loader")?;
    for (name, bytes) in FILES {
        let path = work.path().join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(data.set_loader(String::from_utf8_lossy(stamp).trim(), work.path())?)
}

fn is_checkout(directory: &Path) -> bool {
    directory.join("tests/xtask/Cargo.toml").is_file() && directory.join("loader/js/package.json").is_file()
}

fn build(context: &Context, root: &Path) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args(["xtask", "loader"]).current_dir(root);
    context.run_step("loader", "building its npm package", &mut cargo, &mut context.log("loader")?)?;
    Ok(root.join("loader/js/dist"))
}
