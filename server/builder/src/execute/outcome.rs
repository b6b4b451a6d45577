//! What a build leaves: found, read with care, packed, and told of.

use std::fs;
use std::path::{Path, PathBuf};

use pkgsrv_index::{Digest, WheelFilename};
use pkgsrv_recipe::{BuildKind, Recipe};

use super::{Site, Workshop};
use crate::action::{KeptTests, ResultFile, sha256};
use crate::build_lock::{BuildLock, Used};
use crate::contents;
use crate::error::{BuildError, IoContext as _};
use crate::repack::repack;
use crate::shared_libraries;
use crate::unvendor;
use crate::vendoring::vendor;

/// Bytes; a wheel beyond this would not be loaded anywhere.
const LARGEST_WHEEL: u64 = 1 << 30;

type NamedBytes = (String, Vec<u8>);

impl Site<'_> {
    /// Builds a library into `place`; returns the digest over its files.
    pub(super) fn keep_library(&mut self, place: &Path) -> Result<Digest, BuildError> {
        self.script()?;
        let begun = self.begin("pack");
        if self.action.recipe().build.kind == BuildKind::SharedLibrary {
            let made = shared_libraries::complete(&self.work.join("prefix"), &self.shared_libraries())?;
            self.log.line(&format!("### side modules: {}", made.join(", ")))?;
        }
        let prefix = place.join("prefix");
        fs::rename(self.work.join("prefix"), &prefix).doing("keep the library in", &prefix)?;
        let digest = contents::digest(&prefix)?;
        self.end(begun.elapsed());
        Ok(digest)
    }

    /// Builds a wheel into `place`; returns its SHA-256.
    pub(super) fn keep_wheel(&mut self, place: &Path, result: &mut ResultFile) -> Result<Digest, BuildError> {
        let build = &self.action.recipe().build;
        if build.script.is_some() {
            self.script()?;
            self.take_exported()?;
            self.write_compiler_settings()?;
        }
        if build.kind == BuildKind::Package {
            self.backend()?;
        }
        if let Some(script) = &build.post {
            self.post(script)?;
        }
        let begun = self.begin("pack");
        let ((filename, bytes), tests) = self.wheel()?;
        let path = place.join(&filename);
        fs::write(&path, &bytes).doing("write", &path)?;
        if let Some((filename, bytes)) = tests {
            let path = place.join(&filename);
            fs::write(&path, &bytes).doing("write", &path)?;
            result.tests = Some(KeptTests { filename, sha256: sha256(&bytes) });
        }
        result.wheel = Some(filename);
        self.end(begun.elapsed());
        Ok(sha256(&bytes))
    }

    /// What was used.
    pub(super) fn lock(&self, wheel: Option<String>, made: Digest) -> Result<BuildLock, BuildError> {
        let Workshop { abi, toolchain, cross, runtime, .. } = *self.shop;
        BuildLock::new(Used {
            action: self.action,
            host: self.host,
            abi,
            toolchain: &toolchain.manifest,
            cross,
            runtime,
            tools: &self.tools,
            crates: self.rust.as_ref().map(|rust| rust.locked.clone()).unwrap_or_default(),
            source: &self.source,
            wheel,
            sha256: made,
        })
    }

    /// The one wheel that the backend wrote.
    pub(super) fn built_wheel(&self) -> Result<PathBuf, BuildError> {
        let out = self.work.join("build/out");
        let wheels: Vec<PathBuf> = fs::read_dir(&out)
            .doing("read", &out)?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| is_wheel(path))
            .collect();
        let [path] = wheels.as_slice() else {
            let reason = format!("its build wrote {} wheels, expected one", wheels.len());
            return Err(BuildError::Package { package: self.action.label(), reason });
        };
        Ok(path.clone())
    }

    /// The same, repacked, with the libraries that it links; and name and bytes of the archive with the tests that were
    /// left out of it.
    fn wheel(&mut self) -> Result<(NamedBytes, Option<NamedBytes>), BuildError> {
        let path = self.packed.clone().map_or_else(|| self.built_wheel(), Ok)?;
        let bytes = self.read_left_by_the_build(&path)?;
        let filename = path.file_name().unwrap_or_default().to_string_lossy();
        let Recipe { name, build, .. } = self.action.recipe();
        let tests = unvendor::archive(name, build, &filename, &bytes)?;
        let abi = (build.kind == BuildKind::Package).then_some(self.shop.abi);
        let is_left_out = |path: &str| build.unvendor_tests && unvendor::is_test(path, &build.retain_test_patterns);
        let libraries = self.shared_libraries();
        let mut added = Vec::new();
        let (filename, bytes) = repack(&filename, &bytes, abi, is_left_out, |names, files| {
            if build.kind == BuildKind::Package {
                added = vendor(names, files, |name| libraries.find(name))?;
            }
            Ok(())
        })?;
        self.check_name(&filename)?;
        if !added.is_empty() {
            self.log.line(&format!("### libraries in the wheel: {}", added.join(", ")))?;
        }
        Ok(((filename, bytes), tests))
    }

    /// Reads a file that the package's own code may have put there: it must be a file, in its place, of a sane size, and
    /// no link to something of the machine's.
    pub(super) fn read_left_by_the_build(&self, path: &Path) -> Result<Vec<u8>, BuildError> {
        let metadata = fs::symlink_metadata(path).doing("read", path)?;
        let real = path.canonicalize().doing("read", path)?;
        let work = self.work.canonicalize().doing("read", &self.work)?;
        if !metadata.is_file() || path.strip_prefix(&self.work).ok() != real.strip_prefix(&work).ok() {
            let reason = format!("its build left {} that is no regular file", path.display());
            return Err(BuildError::Package { package: self.action.label(), reason });
        }
        if metadata.len() > LARGEST_WHEEL {
            let reason = format!("its build left {} of {} bytes", path.display(), metadata.len());
            return Err(BuildError::Package { package: self.action.label(), reason });
        }
        fs::read(path).doing("read", path)
    }

    fn check_name(&self, filename: &str) -> Result<(), BuildError> {
        let recipe = self.action.recipe();
        let parsed = filename.parse::<WheelFilename>();
        if parsed.is_ok_and(|parsed| *parsed.name() == recipe.name && *parsed.version() == recipe.version) {
            return Ok(());
        }
        let reason = format!("its build wrote {filename}; name and version must be the recipe's");
        Err(BuildError::Package { package: self.action.label(), reason })
    }
}

fn is_wheel(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "whl")
}
