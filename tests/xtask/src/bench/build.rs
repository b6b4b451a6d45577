//! `cargo xtask bench build`: numpy built by the compiler wrapper, by plain `emcc` and by pyodide-build, built again
//! with one changed file and with none, ten small packages side by side and one after another, and what the wrapper
//! itself costs.

mod numpy;
mod place;
mod pyodide_build;
mod small_packages;

use anyhow::Result;

use super::row::{Row, check_rounds, median, print};
use place::Place;

/// Measures and prints.
pub fn run(json: bool, rounds: u32) -> Result<()> {
    check_rounds(rounds)?;
    let place = Place::prepare()?;
    let (mut rows, mut told) = (Vec::new(), Vec::new());
    for (measured, seconds) in [numpy::measure(&place, rounds)?, small_packages::measure(&place, rounds)?] {
        rows.extend(measured);
        told.extend(seconds);
    }
    print(&rows, &told, json);
    Ok(())
}
