//! Load by wrk.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// What a server did under load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// Requests answered in a second.
    pub(super) per_second: f64,
    /// So many milliseconds were enough for 99 of 100.
    pub(super) p99: f64,
}

/// Asks for one address from so many connections for some seconds. Answers other than 2xx are an error.
pub(super) fn load(url: &str, headers: &[&str], connections: u32, seconds: u32) -> Result<Load> {
    let mut wrk = Command::new("wrk");
    wrk.args(["--latency", "-t1"]).arg(format!("-c{connections}")).arg(format!("-d{seconds}s"));
    for header in headers {
        wrk.args(["-H", header]);
    }
    let output = wrk.arg(url).output().context("cannot start wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success() && !text.contains("Non-2xx"), "wrk on {url} failed:\n{text}");
    let after = |label: &str| text.lines().find_map(|line| Some(line.trim().strip_prefix(label)?.trim().to_owned()));
    let per_second = after("Requests/sec:").and_then(|number| number.parse().ok());
    let p99 = after("99%").and_then(|time| milliseconds(&time));
    let (Some(per_second), Some(p99)) = (per_second, p99) else {
        anyhow::bail!("wrk printed something else than expected:\n{text}");
    };
    Ok(Load { per_second, p99 })
}

fn milliseconds(time: &str) -> Option<f64> {
    let units = [("us", 0.001), ("ms", 1.0), ("s", 1000.0), ("m", 60_000.0)];
    units.iter().find_map(|(unit, factor)| Some(time.strip_suffix(unit)?.parse::<f64>().ok()? * factor))
}
