//! `pkgsrv serve`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::task::Poll;

use pkgsrv::{DataArgs, InterpreterArgs, ListenArgs, ServeSettings, Server};
use pkgsrv_builder::Interrupt;
use pkgsrv_index::Abi;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use super::{JsonArgs, print_json};
use crate::loader_build;

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    listen: ListenArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    interpreter: InterpreterArgs,
    #[command(flatten)]
    output: JsonArgs,
}

impl Serve {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        loader_build::bring_carried(&self.data.data_dir());
        let context = self.interpreter.context(&Interrupt::default());
        let settings = ServeSettings::new(&self.listen, &self.data.data_dir(), context);
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(async {
            Ok(pkgsrv::serve(settings, interrupted(), |server| announce(server, self.output)).await?)
        })
    }
}

/// What `--json` prints when a server answers: addresses.
#[derive(Debug, Serialize)]
struct Listening {
    /// Address and port of the socket.
    address: String,
    base_url: String,
    /// By ABI.
    lines: BTreeMap<String, LineAddresses>,
    loader: String,
    /// `null` when the prompt is switched off.
    prompt: Option<String>,
    simple: String,
    /// Where uploads go.
    uploads: String,
}

#[derive(Debug, Serialize)]
struct LineAddresses {
    lockfile: String,
    repodata: String,
}

impl Listening {
    fn new(server: &Server) -> Self {
        let base = server.base_url();
        let addresses = |abi: Abi| LineAddresses {
            lockfile: format!("{base}/pyodide/{abi}/pyodide-lock.json"),
            repodata: format!("{base}/repodata/{abi}/"),
        };
        Self {
            address: server.address().to_string(),
            base_url: base.to_string(),
            lines: Abi::known().map(|abi| (abi.to_string(), addresses(abi))).collect(),
            loader: format!("{base}/loader/index.js"),
            prompt: server.prompt_url().map(|url| format!("{url}/")),
            simple: format!("{base}/simple/"),
            uploads: format!("{base}/legacy/"),
        }
    }
}

/// The first lines on stdout, for people and for scripts that asked for port 0.
pub(crate) fn announce(server: &Server, output: JsonArgs) {
    // A closed pipe is no reason not to serve.
    let _closed = if output.json {
        print_json(&Listening::new(server))
    } else {
        let mut text = format!("listening on http://{}\n", server.address());
        if let Some(url) = server.prompt_url() {
            let _infallible = writeln!(text, "prompt on {url}/");
        }
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(anyhow::Error::from)
    };
}

/// Completes when the process is asked to end: Ctrl-C, SIGTERM, or a terminal that goes away.
///
/// It listens from the call on, not from the first poll: once anything has listened for a signal, the signal no longer
/// ends the process by itself, and one that nobody listens for is lost.
pub(crate) fn interrupted() -> impl Future<Output = ()> + Send + 'static {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let mut signals: Vec<_> = kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect();
    std::future::poll_fn(move |context| {
        let asked = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if asked { Poll::Ready(()) } else { Poll::Pending }
    })
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::{Signal, raise};

    use super::*;

    #[tokio::test]
    async fn a_signal_is_heard_that_comes_before_it_is_waited_for() {
        let end = interrupted();
        raise(Signal::SIGHUP).unwrap();
        end.await;
    }
}
