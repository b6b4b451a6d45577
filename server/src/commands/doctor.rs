//! `pkgsrv doctor`.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

use anyhow::Result;
use pkgsrv::{DataArgs, FetchArgs, LOADER, ListenArgs, PromptListen, ToolchainArgs};
use pkgsrv_builder::doctor::{Finding, State, directory, examine};
use pkgsrv_builder::{Interrupt, Toolchain};
use serde::Serialize;

use super::working::interruptible;
use super::{JsonArgs, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    fetch: FetchArgs,
    #[command(flatten)]
    toolchain: ToolchainArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    listen: ListenArgs,
    #[command(flatten)]
    output: JsonArgs,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    /// Whether `pkgsrv up` can do its work.
    ready: bool,
    findings: Vec<Finding>,
}

/// Bytes that a cache takes: a toolchain and its making, and the builds.
const TOOLCHAIN: u64 = 4 << 30;
const BUILDS: u64 = 1 << 30;
/// Bytes of a runtime and some packages.
const PUBLISHED: u64 = 100 << 20;

impl Doctor {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let json = self.output.json;
        let findings = interruptible(move |interrupt| Ok(self.findings(interrupt))).await?;
        let ready = findings.iter().all(|finding| finding.state != State::Bad);
        let report = Report { ready, findings };
        if json {
            print_json(&report)?;
        } else {
            print!("{}", shown(&report));
        }
        Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn findings(&self, interrupt: &Interrupt) -> Vec<Finding> {
        let context = self.toolchain.context(&self.fetch, interrupt);
        let has_toolchain = Toolchain::installed(&context).is_ok_and(|installed| !installed.is_empty());
        let needed = if has_toolchain { BUILDS } else { TOOLCHAIN };
        let mut findings = examine(&context);
        findings.push(directory("cache", context.cache.root(), needed, "--cache DIR"));
        findings.push(directory("data", self.data.data_dir().path(), PUBLISHED, "--data DIR"));
        findings.push(port(self.listen.listen, "--listen"));
        if let Some(PromptListen::At(address)) = self.listen.prompt.prompt_listen {
            findings.push(port(address, "--prompt-listen"));
        }
        findings.push(loader());
        findings
    }
}

fn port(address: SocketAddr, option: &str) -> Finding {
    let subject = format!("port {address}");
    match TcpListener::bind(address) {
        Ok(_) => Finding::good(&subject, "free"),
        Err(error) => {
            let remedy = format!("stop what listens there, or choose another one with {option} {}:0", address.ip());
            Finding::other(State::Bad, &subject, error.to_string(), remedy)
        }
    }
}

fn loader() -> Finding {
    if LOADER.is_empty() {
        let found = "not carried by this program, which is a debug build: a checkout builds it when it is needed";
        Finding::other(State::Later, "loader", found, "cargo build --release")
    } else {
        Finding::good("loader", "carried by this program")
    }
}

fn shown(report: &Report) -> String {
    let mut text = String::new();
    let mut told = None;
    for Finding { subject, state, found, remedy } in &report.findings {
        let mark = match state {
            State::Good => "ok      ",
            State::Later => "later   ",
            State::Warning => "warning ",
            State::Bad => "PROBLEM ",
        };
        let _infallible = writeln!(text, "{mark} {subject}: {found}");
        // One command may help several things in a row.
        if let Some(remedy) = remedy.as_ref().filter(|remedy| told != Some(*remedy)) {
            let _infallible = writeln!(text, "             {remedy}");
        }
        told = remedy.as_ref();
    }
    text.push_str(if report.ready {
        "\n`pkgsrv up NAME` can do its work here.\n"
    } else {
        "\n`pkgsrv up NAME` cannot do its work here before each PROBLEM is solved.\n"
    });
    text
}
