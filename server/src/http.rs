//! The server: listening, the headers that every response has, shutting down.

pub(crate) mod accept;
pub(crate) mod assets;
pub(crate) mod error;
pub(crate) mod page;
pub(crate) mod stream;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{Any, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;

use crate::http::assets::Assets;
use crate::views::Channels;
use crate::{BaseUrl, ServeSettings, ServerError, routes};

/// How long downloads may go on after the server was told to stop.
const LAST_DOWNLOADS: Duration = Duration::from_secs(5);

/// What every handler works with.
pub(crate) struct App {
    pub(crate) settings: ServeSettings,
    pub(crate) channels: Channels,
    pub(crate) assets: Arc<Assets>,
}

/// The whole HTTP interface without a socket.
pub fn app(settings: ServeSettings) -> Router {
    let channels = Channels::new(settings.store.clone());
    let app = Arc::new(App { settings, channels, assets: Arc::default() });
    let answering = routes::router().with_state(app).layer(CatchPanicLayer::new()).layer(cors());
    with_headers_for_all(answering).layer(TraceLayer::new_for_http())
}

/// Everything here is public, errors included: a page that cannot read an error cannot report it.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers(Any)
        .expose_headers([
            header::ACCEPT_RANGES,
            header::CONTENT_ENCODING,
            header::CONTENT_LENGTH,
            header::CONTENT_RANGE,
            header::ETAG,
        ])
        .max_age(Duration::from_hours(24))
        // The answer is the same for every origin, so caches need not tell origins apart.
        .vary([])
}

/// Headers that every response has.
const FOR_ALL: &[(&str, &str)] = &[
    // Pages that isolate themselves may use everything here.
    ("cross-origin-resource-policy", "cross-origin"),
    ("timing-allow-origin", "*"),
    ("x-content-type-options", "nosniff"),
];

fn with_headers_for_all(router: Router) -> Router {
    FOR_ALL.iter().fold(router, |router, (name, value)| {
        let (name, value) = (HeaderName::from_static(name), HeaderValue::from_static(value));
        router.layer(SetResponseHeaderLayer::overriding(name, value))
    })
}

/// A server that has its socket and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    settings: ServeSettings,
}

impl Server {
    /// Takes the address of the settings.
    pub async fn bind(settings: ServeSettings) -> Result<Self, ServerError> {
        let address = settings.listen;
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => ServerError::PortTaken { address, source },
            _ => ServerError::Listen { address, source },
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, settings })
    }

    /// The address that it listens on, with the port that was taken.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address that clients on this machine, or those meant by the settings, can use.
    ///
    /// # Panics
    /// Never: a socket's address is a host and a port.
    pub fn base_url(&self) -> BaseUrl {
        let local = || format!("http://{}", self.address).parse().expect("a socket address is a host and port");
        self.settings.base_url.clone().unwrap_or_else(local)
    }

    /// Answers requests until `shutdown` completes, then a little longer for downloads under way.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), ServerError> {
        let address = self.address;
        let stopping = Arc::new(Notify::new());
        let told = Arc::clone(&stopping);
        let shutdown = async move {
            shutdown.await;
            told.notify_one();
        };
        let listener = self.listener.tap_io(|connection| {
            // Small pages are one write each; waiting for more only delays them.
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "no TCP_NODELAY");
            }
        });
        let serving = axum::serve(listener, app(self.settings)).with_graceful_shutdown(shutdown);
        let grace = async {
            stopping.notified().await;
            tokio::time::sleep(LAST_DOWNLOADS).await;
        };
        tokio::select! {
            ended = async { serving.await } => ended.map_err(|source| ServerError::Serve { address, source }),
            () = grace => Ok(()),
        }
    }
}

/// Binds, reports the address and serves until `shutdown` completes.
pub async fn serve(
    settings: ServeSettings,
    shutdown: impl Future<Output = ()> + Send + 'static,
    ready: impl FnOnce(&Server),
) -> Result<(), ServerError> {
    let server = Server::bind(settings).await?;
    ready(&server);
    server.run(shutdown).await
}

/// Runs work that waits for disks or takes long on a thread where that does no harm.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let span = tracing::Span::current();
    let work = move || span.in_scope(work);
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
