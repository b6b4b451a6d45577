//! Requests in a second for a project page of 300 files, and the slow ones among those for a wheel.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::load::{Load, load};
use super::peers::{PythonServers, nginx};
use super::process::Running;
use super::{Place, wheel};
use crate::bench::row::{Row, median};
use crate::command::prepare;

const FILES: u32 = 300;
const WHEEL_BYTES: u32 = 1_500_000;
const PAGE_CONNECTIONS: u32 = 32;
const WHEEL_CONNECTIONS: u32 = 16;
const SECONDS: u32 = 5;
const ACCEPT_ENCODING: &str = "Accept-Encoding: gzip";
const ACCEPT: &str = "Accept: application/vnd.pypi.simple.v1+json";

/// Rows, and lines for people.
pub(super) fn measure(place: &Place, rounds: u32) -> Result<(Vec<Row>, Vec<String>)> {
    let data = place.channel(10, FILES)?;
    let wheels = place.empty("wheels")?;
    let large = wheel::write(&wheels, "large", "1.0", WHEEL_BYTES)?;
    prepare(place.publish(&data).arg(&large))?;
    let ours = Running::start_ours(&mut place.serve(&data))?;
    let page = fetch(&format!("{}/simple/project-000000/", ours.base))?;
    let project = String::from_utf8(fetch(&format!("{}/simple/large/", ours.base))?)?;
    let address = project.split("\"url\":\"").nth(1).and_then(|rest| rest.split('"').next());
    let address = address.context("the page of the project names no file")?.to_owned();
    let encoded = fetch_encoded(&format!("{}/simple/project-000000/", ours.base))?;
    let files: [(&str, &[u8]); 3] = [("page", &page), ("encoded", &encoded), ("wheel", &fs::read(&large)?)];
    let nginx = nginx(place, &files)?;

    let page_address = || format!("{}/simple/project-000000/", ours.base);
    let plain_pages = [page_address(), format!("{}/page", nginx.base)];
    let pages = alternating(&plain_pages, &[ACCEPT], PAGE_CONNECTIONS, rounds)?;
    let encoded_pages = [page_address(), format!("{}/encoded", nginx.base)];
    let encoded_pages = alternating(&encoded_pages, &[ACCEPT, ACCEPT_ENCODING], PAGE_CONNECTIONS, rounds)?;
    let files = alternating(&[address, format!("{}/wheel", nginx.base)], &[], WHEEL_CONNECTIONS, rounds)?;
    let per_second = |loads: &[Load]| median(loads.iter().map(|load| load.per_second).collect());
    let p99 = |loads: &[Load]| median(loads.iter().map(|load| load.p99).collect());
    let mut rows = vec![
        Row::new(
            "project page, requests/s, ours / nginx (at least)",
            per_second(&pages[0]) / per_second(&pages[1]),
            0.95,
        ),
        Row::new(
            "the same as gzip, which pip and browsers take (at least)",
            per_second(&encoded_pages[0]) / per_second(&encoded_pages[1]),
            0.95,
        ),
        Row::new("wheel of 1.5 MB, p99, ours / nginx", p99(&files[0]) / p99(&files[1]), 1.5),
        Row::new("wheel of 1.5 MB, requests/s, ours / nginx", per_second(&files[0]) / per_second(&files[1]), None),
    ];
    let mut told = vec![
        format!(
            "project page, {} bytes: {:.0} requests/s, nginx {:.0}",
            page.len(),
            per_second(&pages[0]),
            per_second(&pages[1])
        ),
        format!(
            "project page as gzip, {} bytes: {:.0} requests/s, nginx {:.0}",
            encoded.len(),
            per_second(&encoded_pages[0]),
            per_second(&encoded_pages[1])
        ),
        format!("wheel of 1.5 MB: p99 {:.1} ms, nginx {:.1} ms", p99(&files[0]), p99(&files[1])),
    ];
    for (name, requests) in python_servers(place)? {
        rows.push(Row::new(format!("project page, requests/s, ours / {name}"), per_second(&pages[0]) / requests, None));
        told.push(format!("project page of {FILES} files: {name} {requests:.0} requests/s"));
    }
    Ok((rows, told))
}

/// The loads of each address, measured in turn.
fn alternating(addresses: &[String; 2], headers: &[&str], connections: u32, rounds: u32) -> Result<[Vec<Load>; 2]> {
    let mut loads = [Vec::new(), Vec::new()];
    for round in 0..=rounds {
        for (address, loads) in addresses.iter().zip(&mut loads) {
            let load = load(address, headers, connections, SECONDS)?;
            // The first time warms caches.
            if round > 0 {
                loads.push(load);
            }
        }
    }
    Ok(loads)
}

/// What the Python servers answer for a page of as many files.
fn python_servers(place: &Place) -> Result<Vec<(&'static str, f64)>> {
    let servers = PythonServers::install(place)?;
    let wheels = place.empty("many-wheels")?;
    for number in 0..FILES {
        wheel::write(&wheels, "project", &format!("1.{number}"), 100)?;
    }
    let pypiserver = servers.pypiserver(&wheels)?;
    let page = load(&format!("{}/simple/project/", pypiserver.base), &[], PAGE_CONNECTIONS, SECONDS)?;
    drop(pypiserver);
    let devpi = servers.devpi(place, &wheels)?;
    let address = format!("{}/bench/main/+simple/project/", devpi.base);
    let devpi_page = load(&address, &[ACCEPT], PAGE_CONNECTIONS, SECONDS)?;
    Ok(vec![("pypiserver", page.per_second), ("devpi", devpi_page.per_second)])
}

fn fetch(address: &str) -> Result<Vec<u8>> {
    curl(address, &["-H", ACCEPT])
}

/// The body as it is sent.
fn fetch_encoded(address: &str) -> Result<Vec<u8>> {
    curl(address, &["-H", ACCEPT, "-H", ACCEPT_ENCODING])
}

fn curl(address: &str, headers: &[&str]) -> Result<Vec<u8>> {
    let output = Command::new("curl").args(["--silent", "--fail"]).args(headers).arg(address).output();
    let output = output.context("cannot start curl")?;
    ensure!(output.status.success(), "curl {address} failed ({})", output.status);
    Ok(output.stdout)
}

impl Place {
    /// Publishes into a data directory, without importing.
    pub(super) fn publish(&self, data: &std::path::Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["publish", "--no-import", "--data"]).arg(data);
        command
    }

    pub(super) fn serve(&self, data: &std::path::Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--prompt-listen", "off", "--data"]).arg(data);
        command
    }
}
