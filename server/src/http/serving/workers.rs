//! A thread for each core, with connections of its own: no other thread is woken up for a request, and none takes it over.

use std::io;
use std::net::TcpStream;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What a thread does with a connection. The socket is told apart from its future, since the future's thread registers it.
type Job = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// The threads. They end when this is dropped, and what they were doing ends with them.
#[derive(Debug)]
pub(in crate::http) struct Workers(Vec<Worker>);

#[derive(Debug)]
struct Worker {
    jobs: UnboundedSender<Job>,
    open: Arc<AtomicUsize>,
}

impl Workers {
    /// One for each core that the system lets us use.
    pub(in crate::http) fn start() -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        (0..cores).map(|_| Worker::start()).collect::<io::Result<_>>().map(Self)
    }

    /// Has the thread with the fewest connections answer this one.
    pub(in crate::http) fn take<F: Future<Output = ()> + Send + 'static>(
        &self,
        socket: TcpStream,
        answer: impl FnOnce(tokio::net::TcpStream) -> F + Send + 'static,
    ) {
        let Some(worker) = self.0.iter().min_by_key(|worker| worker.open.load(Ordering::Relaxed)) else { return };
        let open = Open::of(worker);
        let job: Job = Box::new(move || {
            Box::pin(async move {
                let _open = open;
                match tokio::net::TcpStream::from_std(socket) {
                    Ok(socket) => answer(socket).await,
                    Err(error) => tracing::warn!(%error, "a connection is closed at once"),
                }
            })
        });
        // A thread ends with the server only.
        let _ended = worker.jobs.send(job);
    }
}

impl Worker {
    fn start() -> io::Result<Self> {
        let (jobs, taken) = unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("connections".to_owned()).spawn(move || {
            runtime.block_on(work(taken));
            // Work on other threads is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self { jobs, open: Arc::default() })
    }
}

async fn work(mut taken: UnboundedReceiver<Job>) {
    while let Some(job) = taken.recv().await {
        tokio::spawn(job());
    }
}

/// Counts a connection as long as it is there.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn of(worker: &Worker) -> Self {
        worker.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&worker.open))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
