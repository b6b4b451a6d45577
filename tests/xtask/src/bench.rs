//! `cargo xtask bench NAME`: measured side by side with the peers in one run.

mod build;
mod row;
mod serve;

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
    /// Rounds; in each, ours and the peers are measured once [default: 5, for `build` 1, for `serve` 3]
    #[arg(long)]
    rounds: Option<u32>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Name {
    /// From page load to imports of numpy, sympy, pandas and matplotlib: our loader, `loadPackage`, micropip; Node and
    /// Chromium. 110 side modules loaded, and the memory that they keep.
    Load,
    /// From page load to a first result of numpy, and of pandas and matplotlib: restored interpreters against
    /// `loadPyodide`; also over a slow line.
    Boot,
    /// From numpy's source to its wheel: the wrapper against plain `emcc` and pyodide-build; and the wrapper's own cost.
    Build,
    /// Pages, wheels and publishing: against nginx, devpi and pypiserver, and in a channel of a million files.
    Serve,
}

/// Measures and prints.
pub fn run_one(arguments: &BenchArguments) -> Result<()> {
    match arguments.name {
        Name::Load => in_clients("load", arguments.json, arguments.rounds.unwrap_or(5)),
        Name::Boot => in_clients("boot", arguments.json, arguments.rounds.unwrap_or(5)),
        Name::Build => build::run(arguments.json, arguments.rounds.unwrap_or(1)),
        Name::Serve => serve::run(arguments.json, arguments.rounds.unwrap_or(3)),
    }
}

/// A bench of `tests/bench`, which runs in Node and Chromium.
fn in_clients(name: &str, json: bool, rounds: u32) -> Result<()> {
    loader::build(&loader::LoaderArguments::default())?;
    let channel = TestChannel::make()?;
    let mut node = channel.node();
    node.arg(format!("bench/{name}.mjs")).arg(format!("--rounds={rounds}"));
    if json {
        node.arg("--json");
    }
    run(&mut node)
}
