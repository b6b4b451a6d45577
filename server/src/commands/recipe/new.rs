//! `pkgsrv recipe new`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use pkgsrv::{BuildArgs, ServerError};
use pkgsrv_builder::{Interrupt, RecipeFinder, WantedPackage};
use pkgsrv_recipe::Recipe;

use crate::commands::working::interruptible;

#[derive(Debug, clap::Args)]
pub(crate) struct New {
    /// A project on the upstream index, with versions if need be; an sdist; a directory
    #[arg(value_name = "NAME[==VERSION]|FILE.tar.gz|./DIR")]
    wanted: WantedPackage,
    /// Directory of recipes that it is written to; `-` prints it
    #[arg(long, value_name = "DIR", default_value = "recipes")]
    out: PathBuf,
    #[command(flatten)]
    settings: BuildArgs,
}

impl New {
    pub(crate) async fn run(self) -> Result<()> {
        let Self { wanted, out, settings } = self;
        let recipe = interruptible(move |interrupt| recipe_for(&settings, &wanted, interrupt)).await?;
        let text = recipe.to_toml();
        if out == Path::new("-") {
            print!("{text}");
            return Ok(());
        }
        println!("{}", write(&out, &recipe, &text)?.display());
        Ok(())
    }
}

fn recipe_for(settings: &BuildArgs, wanted: &WantedPackage, interrupt: &Interrupt) -> Result<Recipe> {
    let context = settings.context(interrupt);
    let tree = settings.recipe_tree(&context)?;
    Ok(RecipeFinder::new(&context, &tree, settings.abi()).recipe_for(wanted)?)
}

/// Writes a recipe that was not there; somebody may have worked on one that is.
fn write(out: &Path, recipe: &Recipe, text: &str) -> Result<PathBuf> {
    let folder = out.join(recipe.name.as_str());
    let path = folder.join("recipe.toml");
    if path.exists() {
        bail!("{} is there already, and stays as it is; remove it, or write elsewhere with --out", path.display());
    }
    let failed = |source| ServerError::Write { path: path.clone(), source };
    fs::create_dir_all(&folder).map_err(failed)?;
    let mut partial = tempfile::NamedTempFile::new_in(&folder).map_err(failed)?;
    partial.write_all(text.as_bytes()).map_err(failed)?;
    partial.persist_noclobber(&path).map_err(|error| failed(error.error))?;
    Ok(path)
}
