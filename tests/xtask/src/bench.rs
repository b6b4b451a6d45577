//! `cargo xtask bench NAME`: measured side by side with the peers in one run.

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::command::run;
use crate::loader;
use crate::test_channel::TestChannel;

/// Options of `cargo xtask bench`.
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// What to measure.
    name: Name,
    /// Prints `{"rows": [{"name", "ratio", "bar"}]}` instead of a table; ratio = ours / theirs.
    #[arg(long)]
    json: bool,
    /// Rounds; in each, every way to load is measured once.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Name {
    /// From page load to `import numpy`: our loader, `loadPackage`, micropip; Node and Chromium.
    Load,
}

/// Measures and prints.
pub fn run_one(arguments: &BenchArguments) -> Result<()> {
    loader::build(&loader::LoaderArguments::default())?;
    let channel = TestChannel::make()?;
    let script = match arguments.name {
        Name::Load => "bench/load.mjs",
    };
    let mut node = channel.node();
    node.arg(script).arg(format!("--rounds={}", arguments.rounds));
    if arguments.json {
        node.arg("--json");
    }
    run(&mut node)
}
