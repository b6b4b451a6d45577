//! `cargo xtask test`: installs what the tests need and runs every one of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::command::{cargo, run};
use crate::loader;
use crate::test_channel::TestChannel;

/// Options of `cargo xtask test`.
#[derive(Debug, Args)]
pub struct TestArguments {
    /// Runs the slow ones of tests/slow too
    #[arg(long)]
    all: bool,
}

/// The parts so far and how long each took: what to look at when the whole becomes slow.
#[derive(Default)]
struct Parts(Vec<(String, Duration)>);

impl Parts {
    fn time<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = Instant::now();
        let result = work();
        self.0.push((name.to_owned(), started.elapsed()));
        result
    }

    fn print(&self) {
        let whole: Duration = self.0.iter().map(|(_, time)| *time).sum();
        eprintln!("\nhow long the parts took, seconds");
        for (name, time) in self.0.iter().map(|(name, time)| (name.as_str(), time)).chain([("all", &whole)]) {
            eprintln!("{:>8.1}  {name}", time.as_secs_f64());
        }
    }
}

/// Runs everything, cheapest first; the first failure ends it.
pub fn run_all(arguments: &TestArguments) -> Result<()> {
    let mut parts = Parts::default();
    let result = run_parts(arguments, &mut parts);
    parts.print();
    result
}

fn run_parts(arguments: &TestArguments, parts: &mut Parts) -> Result<()> {
    let root = loader::root()?;
    let checks: [(&str, &[&str]); 3] = [
        ("cargo fmt", &["fmt", "--all", "--check"]),
        ("cargo clippy", &["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"]),
        ("cargo test", &["test", "--workspace", "--locked"]),
    ];
    for (name, arguments) in checks {
        parts.time(name, || run(cargo().args(arguments).current_dir(&root)))?;
    }
    parts.time("wasm32 check", || loader::check_shared(&loader::CheckArguments::default()))?;
    parts.time("loader", || loader::build(&loader::LoaderArguments::default()))?;
    let made = || TestChannel::make().context("the channel for end-to-end tests could not be made");
    let channel = parts.time("test channel", made)?;
    // The server that the first ones start lays out the runtime that the loader's own tests use.
    let folders = ["tests/end-to-end", "loader/js/test", "tests/slow"];
    let folders = if arguments.all { &folders[..] } else { &folders[..2] };
    for folder in folders {
        for file in test_files(&root.join(folder))? {
            let name = file.strip_prefix(&root).unwrap_or(&file).display().to_string();
            // One file after another: interpreters and browsers side by side only slow each other down.
            let options = ["--test", "--test-timeout=900000", "--test-force-exit"];
            parts.time(&name, || run(channel.node().args(options).arg(&file)))?;
        }
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
