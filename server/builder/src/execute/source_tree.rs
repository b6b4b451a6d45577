//! The source's directory: unpacked, patched, with the recipe's own files.

use std::fs;

use pkgsrv_recipe::BuildKind;

use super::{RECIPE, SOURCE, Site};
use crate::error::{BuildError, IoContext as _};
use crate::sandbox::Sandbox;
use crate::source;

impl Site<'_> {
    /// Brings the source to its place. A wheel is put where a backend would write one.
    pub(super) fn bring_source(&mut self) -> Result<(), BuildError> {
        let recipe = self.action.recipe();
        let archive = source::fetch_source(self.shop.context, self.shop.toolchain, recipe)?;
        self.source.clone_from(&archive.filename);
        let place = self.work.join("build/source");
        if recipe.build.kind == BuildKind::Wheel {
            let filename = recipe.source.origin.wheel().unwrap_or(&archive.filename);
            let wheel = self.work.join("build/out").join(filename);
            fs::create_dir(&place).doing("create", &place)?;
            return fs::copy(&archive.path, &wheel).map(drop).doing("copy the wheel to", &wheel);
        }
        let top = source::unpack(&archive, &self.work.join("build/unpacked"), recipe.source.extract_dir.as_deref())?;
        fs::rename(&top, &place).doing("move the source to", &place)
    }

    pub(super) fn patch(&mut self) -> Result<(), BuildError> {
        let patches = self.work.join("patches");
        for (name, bytes) in &self.action.loaded.patches {
            let path = patches.join(name);
            fs::write(&path, bytes).doing("write", &path)?;
        }
        for (name, _) in &self.action.loaded.patches {
            let sandbox = self.sandbox().read_only(&patches, "/pkgsrv/patches");
            let path = format!("/pkgsrv/patches/{name}");
            self.run("patch", sandbox, &["patch", "-p1", "--binary", "--forward", "--input", &path])?;
        }
        Ok(())
    }

    /// The recipe's own files, as its scripts see them.
    pub(super) fn lay_out_files(&self) -> Result<(), BuildError> {
        for (name, bytes) in &self.action.loaded.files {
            let path = self.work.join("recipe").join(name);
            let folder = path.parent().unwrap_or(&self.work);
            fs::create_dir_all(folder).doing("create", folder)?;
            fs::write(&path, bytes).doing("write", &path)?;
        }
        Ok(())
    }

    /// Those of them that belong into the source. Copied inside the sandbox, since the source may have links.
    pub(super) fn lay_out_extras(&mut self) -> Result<(), BuildError> {
        for (from, to) in &self.action.recipe().source.extras {
            let (from, to) = (format!("{RECIPE}/{from}"), format!("{SOURCE}/{to}"));
            let sandbox = self.sandbox();
            self.run("extras", sandbox, &["install", "-D", "--mode=644", &from, &to])?;
        }
        Ok(())
    }

    pub(super) fn mount_files(&self, sandbox: Sandbox) -> Sandbox {
        if self.action.loaded.files.is_empty() { sandbox } else { sandbox.read_only(&self.work.join("recipe"), RECIPE) }
    }
}
