//! Whether what a task made is still what it would make.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// A digest over files, in a file of its own beside what was made from them.
pub struct Stamp {
    path: PathBuf,
    digest: String,
}

impl Stamp {
    /// Digests `inputs`, files or directories below `root`; a directory's hidden and generated
    /// files (`node_modules`, `dist`) do not count.
    pub fn over(path: PathBuf, root: &Path, inputs: &[&str]) -> Result<Self> {
        let mut files = Vec::new();
        for input in inputs {
            collect(&root.join(input), &mut files)?;
        }
        files.sort();
        let mut hasher = Sha256::new();
        for file in files {
            let contents = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let name = file.strip_prefix(root).unwrap_or(&file);
            hasher.update(name.as_os_str().as_encoded_bytes());
            // Lengths keep names and contents from running into each other.
            hasher.update([0]);
            hasher.update(contents.len().to_le_bytes());
            hasher.update(contents);
        }
        let digest = format!("{:x}", hasher.finalize());
        Ok(Self { path, digest })
    }

    /// Whether the stamp on disk is of the same inputs.
    pub fn is_current(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|found| found.trim() == self.digest)
    }

    /// Removes the stamp, so that work begun and not finished is done again.
    pub fn clear(&self) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Notes that the work is done.
    pub fn write(&self) -> Result<()> {
        fs::write(&self.path, &self.digest).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", path.display()))?;
        let name = entry.file_name();
        let generated = matches!(name.to_str(), Some("node_modules" | "dist" | "build" | "target"));
        if !generated && !name.as_encoded_bytes().starts_with(b".") {
            collect(&entry.path(), files)?;
        }
    }
    Ok(())
}
