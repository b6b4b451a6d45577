//! `cargo xtask test`: installs what the tests need and runs every one of them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::command::{cargo, run};
use crate::loader;
use crate::test_channel::TestChannel;

/// Runs everything, cheapest first; the first failure ends it.
pub fn run_all() -> Result<()> {
    let root = loader::root()?;
    let checks: [&[&str]; 3] = [
        &["fmt", "--all", "--check"],
        &["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"],
        &["test", "--workspace", "--locked"],
    ];
    for arguments in checks {
        run(cargo().args(arguments).current_dir(&root))?;
    }
    loader::check_shared(&loader::CheckArguments::default())?;
    loader::build(&loader::LoaderArguments::default())?;
    let channel = TestChannel::make().context("the channel for end-to-end tests could not be made")?;
    // The server that the first ones start lays out the runtime that the loader's own tests use.
    for folder in ["tests/end-to-end", "loader/js/test"] {
        let files = test_files(&root.join(folder))?;
        // One file after another: interpreters and browsers side by side only slow each other down.
        let options = ["--test", "--test-concurrency=1", "--test-timeout=600000", "--test-force-exit"];
        run(channel.node().args(options).args(files))?;
    }
    Ok(())
}

/// The `*.test.mjs` files of a folder, sorted.
fn test_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
    files.retain(|file| file.to_string_lossy().ends_with(".test.mjs"));
    files.sort();
    Ok(files)
}
