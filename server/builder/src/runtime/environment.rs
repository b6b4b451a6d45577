//! The image of an environment: a runtime in which packages are installed and imported.

use std::path::Path;

use serde_json::json;

use super::image::MEMORY;
use super::{Runtime, run_in};
use crate::context::Context;
use crate::error::BuildError;
use crate::toolchain::Toolchain;
use crate::work_directory::WorkDirectory;

const SCRIPT: &str = include_str!("bake.mjs");

/// What an environment is made of.
#[derive(Clone, Copy, Debug)]
pub struct EnvironmentRecipe<'a> {
    /// Its name, which begins the names of its files.
    pub name: &'a str,
    /// The store of the channel.
    pub store: &'a Path,
    /// The directory of the line's repodata in the store, with a slash at its end.
    pub repodata: &'a str,
    /// The loader's npm build.
    pub loader: &'a Path,
    /// What is installed, and imported.
    pub requirements: &'a [String],
    /// Python code that runs then.
    pub code: &'a str,
}

impl Runtime {
    /// Makes the image of an environment in the sandbox, since packages' code runs. The directory has `{name}.json`, and
    /// the memory that it names.
    pub(crate) fn bake(
        &self,
        context: &Context,
        toolchain: &Toolchain,
        recipe: &EnvironmentRecipe<'_>,
    ) -> Result<WorkDirectory, BuildError> {
        let image = self.image(context, toolchain)?;
        let EnvironmentRecipe { name, store, repodata, loader, requirements, code } = *recipe;
        let stage = context.progress.stage(&format!("environment {name}"), "installing and importing");
        let runtime = format!("{}/{}", self.name, self.version);
        let settings = json!({
            "name": name, "repodata": repodata, "requirements": requirements, "code": code, "runtime": runtime,
        });
        let (script, out) = (context.cache.work_directory("script")?, context.cache.work_directory("environment")?);
        let files = [("script.mjs", SCRIPT), MEMORY, ("settings.json", &settings.to_string())];
        let sandbox = self
            .sandbox(toolchain, &script, &files)?
            .read_only(&image, "/image")
            .read_only(store, "/store")
            .read_only(loader, "/loader")
            .writable(out.path(), "/out");
        run_in(sandbox, context, toolchain, &[out.path()])?.successful()?;
        stage.done("made");
        Ok(out)
    }
}
