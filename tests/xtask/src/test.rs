//! `cargo xtask test`: installs what the tests need and runs every one of them.

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
    // One file after another: interpreters and browsers side by side only slow each other down.
    run(channel.node().args(["--test", "--test-concurrency=1", "../loader/js/test/", "end-to-end/"]))
}
