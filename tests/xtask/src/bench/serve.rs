//! `cargo xtask bench serve`: a project page and a wheel from our server, nginx, devpi and pypiserver; publishing into a
//! channel of a million files and into one of a thousand; and what a loader reads of the large one.

mod large;
mod load;
mod peers;
mod process;
mod requests;
mod wheel;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::row::{Row, check_rounds, print};
use crate::apt;
use crate::command::{cargo, prepare, recreate, release_program};
use crate::loader;

/// What is started, and the packages that bring it.
const PROGRAMS: &[(&str, &str)] =
    &[("wrk", "wrk"), ("curl", "curl"), ("nginx", "nginx-light"), ("node", "nodejs"), ("python3", "python3")];

/// Where servers are measured.
struct Place {
    root: PathBuf,
    program: PathBuf,
    directory: PathBuf,
}

/// Measures and prints.
pub fn run(json: bool, rounds: u32) -> Result<()> {
    check_rounds(rounds)?;
    apt::ensure_programs(PROGRAMS)?;
    loader::build(&loader::LoaderArguments::default())?;
    let root = loader::root()?;
    let program = release_program(&root)?;
    let place = Place { program, directory: root.join("target/bench-serve"), root };
    fs::create_dir_all(&place.directory).with_context(|| format!("cannot create {}", place.directory.display()))?;
    let (mut rows, mut told): (Vec<Row>, Vec<String>) = (Vec::new(), Vec::new());
    for (measured, seconds) in [requests::measure(&place, rounds)?, large::measure(&place, rounds)?] {
        rows.extend(measured);
        told.extend(seconds);
    }
    print(&rows, &told, json);
    Ok(())
}

impl Place {
    /// A data directory with a channel of so many projects and releases of each; made once, and copied.
    fn channel(&self, projects: u32, releases: u32) -> Result<PathBuf> {
        let made = self.directory.join(format!("channel-{projects}-{releases}"));
        if !made.is_dir() {
            let partial = made.with_extension("partial");
            let mut example = cargo();
            example.args(["run", "--release", "--locked", "--package", "pkgsrv", "--no-default-features"]);
            example.args(["--example", "large-channel", "--target-dir"]).arg(self.root.join("target")).arg("--");
            example.arg(&partial).arg(projects.to_string()).arg(releases.to_string());
            prepare(example.current_dir(&self.root))?;
            fs::rename(&partial, &made).with_context(|| format!("cannot write {}", made.display()))?;
        }
        Ok(made)
    }

    fn empty(&self, name: &str) -> Result<PathBuf> {
        let directory = self.directory.join(name);
        recreate(&directory)?;
        Ok(directory)
    }
}
