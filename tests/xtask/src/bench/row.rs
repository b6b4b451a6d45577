//! What benchmarks print.

use anyhow::{Result, ensure};
use serde::Serialize;
use serde_json::json;

/// One line of a table.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    name: String,
    /// Ours to theirs, unless the name tells a unit.
    ratio: f64,
    /// What it should be at most, or where the name says so at least.
    bar: Option<f64>,
}

impl Row {
    pub(super) fn new(name: impl Into<String>, ratio: f64, bar: impl Into<Option<f64>>) -> Self {
        // Three decimals.
        Self { name: name.into(), ratio: (ratio * 1000.0).round() / 1000.0, bar: bar.into() }
    }
}

/// Prints rows for people, below lines that tell what they were computed from; or as JSON, without these.
pub(super) fn print(rows: &[Row], told: &[String], json: bool) {
    if json {
        println!("{}", json!({ "rows": rows }));
        return;
    }
    for line in told {
        println!("{line}");
    }
    for Row { name, ratio, bar } in rows {
        let bar = bar.map_or_else(String::new, |bar| format!("  (bar {bar})"));
        println!("{name:60} {ratio:9.3}{bar}");
    }
}

/// The middle of some numbers.
pub(super) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    if numbers.len() % 2 == 1 { numbers[middle] } else { f64::midpoint(numbers[middle - 1], numbers[middle]) }
}

/// Rounds must be at least one.
pub(super) fn check_rounds(rounds: u32) -> Result<()> {
    ensure!(rounds > 0, "--rounds must be at least 1");
    Ok(())
}
