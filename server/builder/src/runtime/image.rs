//! The image of a runtime in which Python has started: the loader's `boot` goes on from there.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Runtime, run_in};
use crate::action::sha256;
use crate::contents;
use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::toolchain::Toolchain;
use crate::work_directory::WorkDirectory;

const SCRIPT: &str = include_str!("image.mjs");
/// What takes the memory of images.
pub(super) const MEMORY: (&str, &str) = ("memory.mjs", include_str!("memory.mjs"));

/// Asks an interpreter that has no image for the number that its bytecode begins with.
const MAGIC: &str = "import { start } from \"./interpreter.mjs\";\nconst python = await start({});\n\
    process.stdout.write(python.runPython('__import__(\"importlib.util\").util.MAGIC_NUMBER.hex()'));\n";

/// What of `image.json` is read here.
#[derive(Deserialize)]
struct ImageIndex {
    magic: String,
}

/// Makes files, by name, of a file's name and bytes.
pub type Derive<'a> = &'a dyn Fn(&str, &[u8]) -> Vec<(String, Vec<u8>)>;

/// Changes with what makes images.
fn made_by() -> String {
    sha256([SCRIPT, MEMORY.1].concat().as_bytes()).to_string()[..8].to_owned()
}

impl Runtime {
    /// The directory with its image: `image.json`, and the files named there. The runtime itself makes it, once.
    pub(crate) fn image(&self, context: &Context, toolchain: &Toolchain) -> Result<PathBuf, BuildError> {
        if !self.abi.facts().has_images {
            let runtime = format!("{} {}", self.name, self.version);
            return Err(BuildError::NoImage { abi: self.abi.to_string(), runtime });
        }
        let name = format!("{}-{}-image-{}", self.name, self.version, made_by());
        let place = context.cache.runtimes().join(name);
        let make = || self.make_image(context, toolchain)?.move_into_place(&place);
        contents::ensure(context, "image of the runtime", &place, &self.lock_name(), make)?;
        Ok(place)
    }

    /// The directory with files that `derive` makes of its files and of its image's, by their names and bytes; `what` names
    /// the kind, and changes when `derive` makes others. Made once.
    pub(crate) fn derived(
        &self,
        context: &Context,
        toolchain: &Toolchain,
        what: &str,
        derive: Derive<'_>,
    ) -> Result<PathBuf, BuildError> {
        let image = self.image(context, toolchain)?;
        let name = format!("{}-{}-{what}-{}", self.name, self.version, made_by());
        let place = context.cache.runtimes().join(name);
        let make = || self.make_derived(context, &image, (what, derive))?.move_into_place(&place);
        contents::ensure(context, &format!("{what} of the runtime"), &place, &self.lock_name(), make)?;
        Ok(place)
    }

    fn make_derived(
        &self,
        context: &Context,
        image: &Path,
        (what, derive): (&str, Derive<'_>),
    ) -> Result<WorkDirectory, BuildError> {
        let stage = context.progress.stage(&format!("{}@{}", self.name, self.version), &format!("making its {what}"));
        let made = context.cache.work_directory(what)?;
        for directory in [&self.directory, image] {
            for entry in fs::read_dir(directory).doing("read", directory)? {
                let path = entry.doing("read", directory)?.path();
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                if !path.is_file() || name.starts_with('.') {
                    continue;
                }
                for (name, bytes) in derive(name, &fs::read(&path).doing("read", &path)?) {
                    let place = made.path().join(name);
                    fs::write(&place, bytes).doing("write", &place)?;
                }
            }
        }
        contents::record(made.path())?;
        stage.done("made");
        Ok(made)
    }

    /// The number that its bytecode begins with, in hexadecimal.
    pub(crate) fn bytecode_magic(&self, context: &Context, toolchain: &Toolchain) -> Result<String, BuildError> {
        if !self.abi.facts().has_images {
            return self.run_script(context, toolchain, MAGIC, &[]);
        }
        let path = self.image(context, toolchain)?.join("image.json");
        let bytes = fs::read(&path).doing("read", &path)?;
        let ImageIndex { magic } = serde_json::from_slice(&bytes)
            .map_err(|error| BuildError::Archive { filename: path.display().to_string(), reason: error.to_string() })?;
        Ok(magic)
    }

    fn make_image(&self, context: &Context, toolchain: &Toolchain) -> Result<WorkDirectory, BuildError> {
        let stage = context.progress.stage(&format!("{}@{}", self.name, self.version), "making its image");
        let (script, image) = (context.cache.work_directory("script")?, context.cache.work_directory("image")?);
        let sandbox =
            self.sandbox(toolchain, &script, &[("script.mjs", SCRIPT), MEMORY])?.writable(image.path(), "/image");
        run_in(sandbox, context, toolchain, &[image.path()])?.successful()?;
        contents::record(image.path())?;
        stage.done("made");
        Ok(image)
    }
}
