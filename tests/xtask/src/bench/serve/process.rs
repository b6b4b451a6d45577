//! Servers that are started for a measurement, and stopped after it.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How long a server may take to answer.
const STARTING: Duration = Duration::from_mins(1);

/// A running server.
pub(super) struct Running {
    child: Child,
    /// Its address, without a slash at its end.
    pub(super) base: String,
}

impl Running {
    /// Starts a server that was told to listen on this port of 127.0.0.1.
    pub(super) fn start(command: &mut Command, port: u16) -> Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let mut running = Self { child, base: format!("http://127.0.0.1:{port}") };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = running.child.try_wait()? {
                bail!("{} ended ({status}) before it listened", command.get_program().display());
            }
            if started.elapsed() > STARTING {
                bail!("{} does not listen on port {port}", command.get_program().display());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(running)
    }

    /// Starts `pkgsrv serve`, which tells where it listens.
    pub(super) fn start_ours(command: &mut Command) -> Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.context("cannot start pkgsrv")?;
        let mut lines = BufReader::new(child.stdout.take().context("the output is a pipe")?).lines();
        let line = lines.find_map(|line| Some(line.ok()?.strip_prefix("listening on ")?.trim().to_owned()));
        let mut running = Self { child, base: String::new() };
        let Some(base) = line else {
            let status = running.child.wait()?;
            bail!("pkgsrv serve ended ({status}) before it listened");
        };
        running.base = base;
        Ok(running)
    }

    /// Bytes of memory that it holds.
    pub(super) fn resident(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        Ok(kilobytes.with_context(|| format!("{path} has no VmRSS"))? * 1024)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGTERM, so that a master process ends its workers.
        let stopped = Command::new("kill").arg(self.child.id().to_string()).status();
        if !stopped.is_ok_and(|status| status.success()) {
            let _gone = self.child.kill();
        }
        let _ended = self.child.wait();
    }
}

/// A port of 127.0.0.1 that nobody listens on.
pub(super) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr())?.port())
}
