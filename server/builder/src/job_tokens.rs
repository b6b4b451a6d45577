//! One budget of processes for all builds at once, by [GNU make's job server]: a pipe with a token for each process that
//! may run. make, ninja and cargo take one for every process beyond their first, and give it back.
//!
//! [GNU make's job server]: https://www.gnu.org/software/make/manual/html_node/Job-Slots.html

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use crate::error::{BuildError, IoContext as _};
use crate::interrupt::Interrupt;

/// How long the wait for a token lasts before it is looked whether there is an interruption.
const INTERVAL: Duration = Duration::from_millis(20);

/// How long a build waits for its first process while there are fewer builds than there may be processes. make and ninja
/// take a token the moment that it is there, and a package's own code may keep all that it gets: then one more runs.
const PATIENCE: Duration = Duration::from_secs(10);

/// The budget.
#[derive(Debug)]
pub(crate) struct JobTokens {
    path: PathBuf,
    pipe: File,
    jobs: usize,
    /// How many are taken through [`Self::take`].
    held: Mutex<usize>,
}

impl JobTokens {
    /// As many tokens as there may be `jobs`, in a named pipe in `directory`.
    pub(crate) fn new(directory: &Path, jobs: usize) -> Result<Self, BuildError> {
        let path = directory.join("jobs");
        nix::unistd::mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)
            .map_err(std::io::Error::from)
            .doing("create the pipe", &path)?;
        // Open for both: opening it for one would wait for the other. And never waiting: Ctrl-C must be noticed.
        let mut pipe = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(&path)
            .doing("open the pipe", &path)?;
        pipe.write_all(&vec![b'+'; jobs]).doing("fill the pipe", &path)?;
        Ok(Self { path, pipe, jobs, held: Mutex::new(0) })
    }

    /// Where the pipe is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many tokens there are.
    pub(crate) fn jobs(&self) -> usize {
        self.jobs
    }

    /// `MAKEFLAGS` for who finds the pipe at `path`, and has GNU make of this version: before 4.4 it knew no named pipes,
    /// and ends where it is told of one.
    pub(crate) fn make_flags(&self, path: &str, make: Option<(u32, u32)>) -> String {
        let jobs = self.jobs;
        if make.is_some_and(|version| version >= (4, 4)) {
            return format!(" -j{jobs} --jobserver-auth=fifo:{path}");
        }
        format!("-j{jobs}")
    }

    /// Takes a token, and waits for one as long as all that there are run a build, else for a while. It goes back when it
    /// is dropped.
    pub(crate) fn take(&self, interrupt: &Interrupt) -> Result<Token<'_>, BuildError> {
        self.take_within(PATIENCE, interrupt)
    }

    fn take_within(&self, patience: Duration, interrupt: &Interrupt) -> Result<Token<'_>, BuildError> {
        let began = Instant::now();
        let mut byte = [0];
        loop {
            interrupt.check()?;
            match (&self.pipe).read(&mut byte) {
                Ok(_) => {
                    *self.held() += 1;
                    return Ok(Token { tokens: self, byte: Some(byte) });
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error).doing("read from the pipe", &self.path),
            }
            if began.elapsed() > patience {
                let mut held = self.held();
                if *held < self.jobs {
                    *held += 1;
                    return Ok(Token { tokens: self, byte: None });
                }
            }
            std::thread::sleep(INTERVAL);
        }
    }

    fn held(&self) -> MutexGuard<'_, usize> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts back what builds have taken and not returned, and takes out what they added.
    fn restore(&self) {
        let mut there = [0; 4096];
        while matches!((&self.pipe).read(&mut there), Ok(count) if count > 0) {}
        // Should it not go, there are fewer processes at once.
        let _ = (&self.pipe).write_all(&vec![b'+'; self.jobs]);
    }
}

/// The right to run one process.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    tokens: &'a JobTokens,
    /// `None` if it was not there to be taken.
    byte: Option<[u8; 1]>,
}

impl Drop for Token<'_> {
    fn drop(&mut self) {
        let mut held = self.tokens.held();
        *held -= 1;
        if *held == 0 {
            // Nothing runs: whoever takes the next one finds as many as there should be.
            self.tokens.restore();
        } else if let Some(byte) = self.byte {
            // A full pipe has more tokens than there should be already.
            let _ = (&self.tokens.pipe).write_all(&byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(tokens: &JobTokens) -> usize {
        let mut there = [0; 64];
        let count = (&tokens.pipe).read(&mut there).unwrap_or(0);
        (&tokens.pipe).write_all(&there[..count]).unwrap();
        count
    }

    #[test]
    fn tokens_go_back_and_lost_ones_are_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = JobTokens::new(directory.path(), 3).unwrap();
        let interrupt = Interrupt::default();
        let first = tokens.take(&interrupt).unwrap();
        let second = tokens.take(&interrupt).unwrap();
        assert_eq!(left(&tokens), 1);
        drop(first);
        assert_eq!(left(&tokens), 2);
        // A build takes all and returns none.
        (&tokens.pipe).read_exact(&mut [0; 2]).unwrap();
        drop(second);
        assert_eq!(left(&tokens), 3);
    }

    #[test]
    fn a_build_that_keeps_all_tokens_does_not_hold_up_others() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = JobTokens::new(directory.path(), 2).unwrap();
        let interrupt = Interrupt::default();
        let first = tokens.take(&interrupt).unwrap();
        (&tokens.pipe).read_exact(&mut [0; 1]).unwrap();
        let second = tokens.take_within(Duration::from_millis(1), &interrupt).unwrap();
        // As many builds as there may be processes: now there is no way but to wait.
        std::thread::scope(|scope| {
            let third = scope.spawn(|| tokens.take_within(Duration::from_millis(1), &interrupt).is_ok());
            std::thread::sleep(INTERVAL * 5);
            assert!(!third.is_finished());
            drop(second);
            assert!(third.join().unwrap());
        });
        drop(first);
        assert_eq!(left(&tokens), 2);
    }

    #[test]
    fn make_takes_part() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = JobTokens::new(directory.path(), 2).unwrap();
        let flags = |make| tokens.make_flags("/pkgsrv/jobs", make);
        assert_eq!(flags(Some((4, 4))), " -j2 --jobserver-auth=fifo:/pkgsrv/jobs");
        assert_eq!([flags(Some((4, 3))), flags(None)], ["-j2", "-j2"]);
    }

    #[test]
    fn an_interruption_ends_the_wait() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = JobTokens::new(directory.path(), 1).unwrap();
        let interrupt = Interrupt::default();
        let _held = tokens.take(&interrupt).unwrap();
        interrupt.stop();
        assert!(matches!(tokens.take(&interrupt), Err(BuildError::Interrupted)));
    }
}
