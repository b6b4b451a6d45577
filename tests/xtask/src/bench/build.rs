//! `cargo xtask bench build`: numpy built by the compiler wrapper, by plain `emcc` and by pyodide-build, built again
//! with one changed file and with none, ten small packages side by side and one after another, and what the wrapper
//! itself costs.

mod numpy;
mod place;
mod pyodide_build;
mod small_packages;

use anyhow::{Result, ensure};
use serde::Serialize;
use serde_json::json;

use place::Place;

#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    /// Ours to theirs, unless the name tells a unit.
    ratio: f64,
    bar: Option<f64>,
}

/// Measures and prints.
pub fn run(json: bool, rounds: u32) -> Result<()> {
    ensure!(rounds > 0, "--rounds must be at least 1");
    let place = Place::prepare()?;
    let (mut rows, mut told) = (Vec::new(), Vec::new());
    for (measured, seconds) in [numpy::measure(&place, rounds)?, small_packages::measure(&place, rounds)?] {
        rows.extend(measured);
        told.extend(seconds);
    }
    if json {
        println!("{}", json!({ "rows": rows }));
        return Ok(());
    }
    for line in told {
        println!("{line}");
    }
    for Row { name, ratio, bar } in rows {
        let bar = bar.map_or_else(String::new, |bar| format!("  (bar {bar})"));
        println!("{name:55} {ratio:6.3}{bar}");
    }
    Ok(())
}

impl Row {
    fn new(name: &'static str, ratio: f64, bar: impl Into<Option<f64>>) -> Self {
        // Three decimals.
        Self { name, ratio: (ratio * 1000.0).round() / 1000.0, bar: bar.into() }
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    if numbers.len() % 2 == 1 { numbers[middle] } else { f64::midpoint(numbers[middle - 1], numbers[middle]) }
}
