//! `pkgsrv build`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use pkgsrv::BuildArgs;
use pkgsrv_builder::{ActionResult, Builder, Interrupt};
use pkgsrv_index::PackageName;

use super::working::interruptible;

#[derive(Debug, clap::Args)]
pub(crate) struct Build {
    /// Names of recipes
    #[arg(required = true, value_name = "NAME")]
    names: Vec<PackageName>,
    #[command(flatten)]
    settings: BuildArgs,
    /// Directory that the wheels are copied to
    #[arg(long, value_name = "DIR", default_value = "dist")]
    out: PathBuf,
}

impl Build {
    pub(crate) async fn run(self) -> Result<()> {
        let wheels = interruptible(move |interrupt| {
            let results = build(&self.settings, &self.names, interrupt)?;
            copy_wheels(&results, &self.out)
        });
        for wheel in wheels.await? {
            println!("{}", wheel.display());
        }
        Ok(())
    }
}

fn build(settings: &BuildArgs, names: &[PackageName], interrupt: &Interrupt) -> Result<Vec<ActionResult>> {
    // Mistakes in names and recipes show before anything is fetched.
    let context = settings.context(interrupt);
    let tree = settings.recipe_tree(&context)?;
    tree.closure(names)?;
    Ok(Builder::new(&context, settings.abi())?.build(&tree, names)?)
}

/// Copies under another name first, so that there is never half a wheel.
fn copy_wheels(results: &[ActionResult], out: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let mut copied = Vec::new();
    for (from, name) in results.iter().filter_map(|result| Some((result.wheel_path()?, result.wheel.as_ref()?))) {
        let to = out.join(name);
        let partial =
            tempfile::NamedTempFile::new_in(out).with_context(|| format!("cannot write to {}", out.display()))?;
        fs::copy(&from, partial.path()).with_context(|| format!("cannot copy to {}", to.display()))?;
        partial.persist(&to).with_context(|| format!("cannot write {}", to.display()))?;
        copied.push(to);
    }
    Ok(copied)
}
