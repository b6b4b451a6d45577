//! `pkgsrv serve`.

use std::io::Write;

use pkgsrv::{DataArgs, ListenArgs, ServeSettings, Server};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    listen: ListenArgs,
    #[command(flatten)]
    data: DataArgs,
}

impl Serve {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let settings = ServeSettings::new(&self.listen, &self.data.data_dir());
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(async { Ok(pkgsrv::serve(settings, interrupted(), announce).await?) })
    }
}

/// The first line on stdout, for people and for scripts that asked for port 0.
pub(crate) fn announce(server: &Server) {
    let mut stdout = std::io::stdout().lock();
    // A closed pipe is no reason not to serve.
    let _closed = writeln!(stdout, "listening on http://{}", server.address()).and_then(|()| stdout.flush());
}

/// Completes when the process is asked to end: Ctrl-C, SIGTERM, or a terminal that goes away.
pub(crate) async fn interrupted() {
    let signalled = |kind| async move {
        match signal(kind) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = signalled(SignalKind::interrupt()) => {}
        _ = signalled(SignalKind::terminate()) => {}
        _ = signalled(SignalKind::hangup()) => {}
    }
}
