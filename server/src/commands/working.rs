//! Running work that starts other programs, so that Ctrl-C ends them all before we end.

use std::time::Duration;

use anyhow::{Context as _, Result};
use pkgsrv_builder::{BuildError, Interrupt};

use super::serve::interrupted;

/// How long work may take to remove what it has half done.
const UNWINDING: Duration = Duration::from_secs(10);

/// Runs `work` on a thread of its own; at Ctrl-C or SIGTERM every program that it started is stopped, what is half done
/// is removed, and the result is [`BuildError::Interrupted`].
pub(crate) async fn interruptible<T: Send + 'static>(
    work: impl FnOnce(&Interrupt) -> Result<T> + Send + 'static,
) -> Result<T> {
    let interrupt = Interrupt::default();
    let inside = interrupt.clone();
    let asked_to_end = interrupted();
    let mut working = tokio::task::spawn_blocking(move || work(&inside));
    tokio::select! {
        result = &mut working => result.context("the work's thread ended early")?,
        () = asked_to_end => {
            tokio::task::spawn_blocking(move || interrupt.stop()).await.context("stopping ended early")?;
            // Its directories are removed as it unwinds; only then may the program end. What waits for a server that
            // does not answer is not waited for.
            let _unwound = tokio::time::timeout(UNWINDING, working).await;
            Err(BuildError::Interrupted.into())
        }
    }
}
