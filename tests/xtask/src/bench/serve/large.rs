//! A channel of a million files: publishing into it, serving it, and what a loader reads of it.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::process::Running;
use super::{Place, wheel};
use crate::bench::row::{Row, median};
use crate::command::prepare;

/// After this the list of all projects has not followed.
const LONGEST_LAG: Duration = Duration::from_mins(2);

/// What a loader that wants ten packages reads: from a server, and from static objects.
#[derive(Debug, Deserialize)]
struct Closures {
    server: Closure,
    #[serde(rename = "static")]
    bucket: Closure,
}

#[derive(Debug, Deserialize)]
struct Closure {
    packages: u32,
    bytes: f64,
    requests: u32,
    rounds: f64,
}

/// Rows, and lines for people.
pub(super) fn measure(place: &Place, rounds: u32) -> Result<(Vec<Row>, Vec<String>)> {
    let (large, small) = (place.channel(100_000, 10)?, place.channel(100, 10)?);
    let wheels = place.empty("published")?;
    // Names that no earlier run has published.
    let run = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let (mut into_large, mut into_small) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let wheel = wheel::write(&wheels, "published", &format!("{run}.{round}"), 1000)?;
        for (data, times) in [(&large, &mut into_large), (&small, &mut into_small)] {
            let started = Instant::now();
            prepare(place.publish(data).arg(&wheel))?;
            if round > 0 {
                times.push(started.elapsed().as_secs_f64());
            }
        }
    }
    let (into_large, into_small) = (median(into_large), median(into_small));

    let server = Running::start_ours(&mut place.serve(&large))?;
    let Closures { server: closure, bucket } = closures(place, &server.base)?;
    std::thread::sleep(Duration::from_secs(2));
    let resident = megabytes(server.resident()?);
    let (first_list, lag) = lag(place, &server, &large, run)?;
    std::thread::sleep(Duration::from_secs(2));
    let after_list = megabytes(server.resident()?);
    let rows = vec![
        Row::new("publishing into a million files, in s", into_large, 0.2),
        Row::new("publishing, a million files / a thousand", into_large / into_small, 2.0),
        Row::new("server at rest with a million files, in MB", resident, 300.0),
        Row::new("the same after the list of all projects, in MB", after_list, 300.0),
        Row::new("ten packages of a million files, repodata in KB", closure.bytes / 1000.0, 60.0),
        Row::new("the same, rounds of requests", closure.rounds, 2.0),
        Row::new("ten packages, from static objects, in KB", bucket.bytes / 1000.0, 60.0),
        Row::new("the same, rounds of requests", bucket.rounds, None),
    ];
    let told = vec![
        format!("publishing: into a million files {into_large:.3} s, into a thousand {into_small:.3} s"),
        format!("list of all projects: made in {first_list:.1} s, {lag:.1} s behind a publish"),
        format!(
            "repodata of {} packages: {} requests, from static objects {}",
            closure.packages, closure.requests, bucket.requests
        ),
    ];
    Ok((rows, told))
}

fn closures(place: &Place, base: &str) -> Result<Closures> {
    let script = place.root.join("tests/bench/closure.mjs");
    let output =
        Command::new("node").arg(script).arg(base).arg("project-012340").output().context("cannot start node")?;
    ensure!(output.status.success(), "closure.mjs failed:\n{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("closure.mjs printed something else than JSON")
}

/// Seconds that the list of all projects takes the first time, and that it is behind a publish.
fn lag(place: &Place, server: &Running, data: &std::path::Path, run: u64) -> Result<(f64, f64)> {
    let address = format!("{}/simple/", server.base);
    let has = |name: &str| -> Result<bool> {
        let output = Command::new("curl").args(["--silent", "--fail", "--compressed", &address]).output()?;
        ensure!(output.status.success(), "curl {address} failed ({})", output.status);
        Ok(String::from_utf8_lossy(&output.stdout).contains(name))
    };
    let started = Instant::now();
    has("project-000000")?;
    let first = started.elapsed().as_secs_f64();
    let name = format!("late{run}");
    let wheel = wheel::write(&place.directory.join("published"), &name, "1.0", 1000)?;
    prepare(place.publish(data).arg(&wheel))?;
    let published = Instant::now();
    while !has(&name)? {
        std::thread::sleep(Duration::from_millis(100));
        ensure!(published.elapsed() < LONGEST_LAG, "the list of all projects does not follow");
    }
    Ok((first, published.elapsed().as_secs_f64()))
}

#[expect(clippy::cast_precision_loss, reason = "sizes of processes are far below 2^52 bytes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
