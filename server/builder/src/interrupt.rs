//! Stopping: one place knows every child process, so that Ctrl-C ends them all and no new one starts.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::error::BuildError;

/// Shared by everything that runs for one command.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<State>);

#[derive(Debug, Default)]
struct State {
    stopping: AtomicBool,
    /// Process group ids of running children.
    groups: Mutex<BTreeSet<i32>>,
}

impl Interrupt {
    /// `Err` once [`Self::stop`] was called.
    pub fn check(&self) -> Result<(), BuildError> {
        if self.0.stopping.load(Ordering::SeqCst) { Err(BuildError::Interrupted) } else { Ok(()) }
    }

    /// Waits; `Err` as soon as [`Self::stop`] is called.
    pub(crate) fn sleep(&self, time: Duration) -> Result<(), BuildError> {
        let end = Instant::now() + time;
        loop {
            self.check()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }

    /// Ends every child's process group: SIGTERM, and SIGKILL for what is there after three seconds.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
        self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + Duration::from_secs(3);
        while !self.groups().is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.signal(Signal::SIGKILL);
    }

    pub(crate) fn started(&self, group: i32) -> Running<'_> {
        self.groups().insert(group);
        // A stop may have come between the check before the start and now.
        if self.0.stopping.load(Ordering::SeqCst) {
            signal_group(group, Signal::SIGTERM);
        }
        Running { interrupt: self, group }
    }

    fn signal(&self, signal: Signal) {
        for group in self.groups().iter() {
            signal_group(*group, signal);
        }
    }

    fn groups(&self) -> std::sync::MutexGuard<'_, BTreeSet<i32>> {
        self.0.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn signal_group(group: i32, signal: Signal) {
    // The group may be gone already; that is what is wanted.
    let _ = killpg(Pid::from_raw(group), signal);
}

/// A running child; dropping it ends the watch.
pub(crate) struct Running<'a> {
    interrupt: &'a Interrupt,
    group: i32,
}

impl Running<'_> {
    /// The child's process id, which is its process group's too.
    pub(crate) fn group(&self) -> i32 {
        self.group
    }

    /// Ends the child's process group at once.
    pub(crate) fn kill(&self) {
        signal_group(self.group, Signal::SIGKILL);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.interrupt.groups().remove(&self.group);
    }
}
