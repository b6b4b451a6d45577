//! One connection.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::os::fd::AsRawFd as _;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use nix::errno::Errno;
use nix::libc::MSG_MORE;
use nix::sys::sendfile::sendfile64;
use nix::sys::socket::{MsgFlags, send};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower::{Service, ServiceExt as _};

use super::spool::Spooled;

/// Answers what comes by a connection, until it is closed; no more than what has begun, once it is `told` to stop.
pub(in crate::http) async fn serve_connection<A>(socket: TcpStream, app: A, mut told: watch::Receiver<bool>)
where
    A: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    let sending = Arc::<Sending>::default();
    let answer = {
        let sending = Arc::clone(&sending);
        service_fn(move |request: hyper::Request<Incoming>| {
            let (app, sending) = (app.clone(), Arc::clone(&sending));
            async move {
                let answered = app.oneshot(request.map(Body::new)).await;
                answered.map(|mut response| {
                    sending.set(response.extensions_mut().remove());
                    response
                })
            }
        })
    };
    let stream = Stream { socket: TokioIo::new(socket), sending };
    let mut connection = pin!(http1::Builder::new().serve_connection(stream, answer));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // That the teller is gone means the same.
        () = async { drop(told.wait_for(|told| *told).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection broke off");
    }
}

/// The body that is being sent, if it lies in the spool too.
#[derive(Debug, Default)]
struct Sending(Mutex<Option<Arc<Spooled>>>);

impl Sending {
    fn set(&self, body: Option<Arc<Spooled>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = body;
    }

    fn get(&self) -> Option<Arc<Spooled>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A socket that sends bytes of the spool from there.
struct Stream {
    socket: TokioIo<TcpStream>,
    sending: Arc<Sending>,
}

impl Stream {
    /// Writes what comes first, if that or what follows it lies in the spool.
    fn poll_spooled(
        &self,
        context: &mut Context<'_>,
        body: &Spooled,
        slices: &[IoSlice<'_>],
    ) -> Option<Poll<io::Result<usize>>> {
        let mut filled = slices.iter().filter(|slice| !slice.is_empty());
        let (first, second) = (filled.next()?, filled.next());
        if let Some(offset) = body.offset_of(first) {
            let send = |socket: &TcpStream| {
                let mut begin = offset;
                sendfile64(socket, body.file(), Some(&mut begin), first.len())
            };
            return Some(self.poll_socket(context, send));
        }
        body.offset_of(second?)?;
        // The head of an answer goes out with what comes next.
        let more = MsgFlags::from_bits_retain(MSG_MORE);
        Some(self.poll_socket(context, |socket| send(socket.as_raw_fd(), first, more)))
    }

    fn poll_socket(
        &self,
        context: &mut Context<'_>,
        mut write: impl FnMut(&TcpStream) -> nix::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let socket = self.socket.inner();
        loop {
            ready!(socket.poll_write_ready(context))?;
            let mut once = || loop {
                match write(socket) {
                    Err(Errno::EINTR) => {}
                    written => return written.map_err(io::Error::from),
                }
            };
            match socket.try_io(Interest::WRITABLE, &mut once) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

impl Read for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_read(context, into)
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        if let Some(body) = stream.sending.get() {
            match stream.poll_spooled(context, &body, slices) {
                None => {}
                // A system that knows no such thing copies.
                Some(Poll::Ready(Err(error))) if is_unknown(&error) => stream.sending.set(None),
                Some(written) => return written,
            }
        }
        Pin::new(&mut stream.socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(context)
    }
}

/// Whether a system call failed since there is no such one, or not for such a file.
fn is_unknown(error: &io::Error) -> bool {
    [Errno::EINVAL, Errno::ENOSYS].iter().any(|unknown| error.raw_os_error() == Some(*unknown as i32))
}
