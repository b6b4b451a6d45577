//! `pkgsrv build`.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use pkgsrv::{BuildArgs, ServerError, digest_of};
use pkgsrv_builder::{ActionResult, Builder, Interrupt};
use pkgsrv_index::{Digest, PackageName};
use serde::Serialize;

use super::working::interruptible;
use super::{JsonArgs, print_json};

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
    #[command(flatten)]
    output: JsonArgs,
}

/// What `--json` prints: every wheel that was asked for or needed, dependencies first.
#[derive(Debug, Serialize)]
struct Built {
    wheels: Vec<BuiltWheel>,
}

#[derive(Debug, Serialize)]
struct BuiltWheel {
    /// The package.
    name: PackageName,
    /// Where the wheel was copied to.
    path: PathBuf,
    sha256: Digest,
    /// Bytes.
    size: u64,
}

impl Build {
    pub(crate) async fn run(self) -> Result<()> {
        let json = self.output.json;
        let built = interruptible(move |interrupt| {
            let results = build(&self.settings, &self.names, interrupt)?;
            copy_wheels(&results, &self.out)
        });
        let built = built.await?;
        if json {
            return print_json(&built);
        }
        for wheel in built.wheels {
            println!("{}", wheel.path.display());
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
fn copy_wheels(results: &[ActionResult], out: &Path) -> Result<Built> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ServerError::Write { path, source }
    };
    fs::create_dir_all(out).map_err(failed(out))?;
    let mut wheels = Vec::new();
    for result in results {
        let (Some(from), Some(filename)) = (result.wheel_path(), &result.wheel) else { continue };
        let path = out.join(filename);
        let bytes = fs::read(&from).map_err(|source| ServerError::Read { path: from, source })?;
        let mut partial = tempfile::Builder::new().tempfile_in(out).map_err(failed(out))?;
        partial.write_all(&bytes).map_err(failed(&path))?;
        fs::set_permissions(partial.path(), fs::Permissions::from_mode(0o644)).map_err(failed(&path))?;
        partial.persist(&path).map_err(|error| failed(&path)(error.error))?;
        wheels.push(BuiltWheel {
            name: result.name.clone(),
            path,
            sha256: digest_of(&bytes),
            size: bytes.len() as u64,
        });
    }
    Ok(Built { wheels })
}
