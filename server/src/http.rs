//! The server: listening, the headers that every response has, shutting down.

pub(crate) mod accept;
pub(crate) mod assets;
pub(crate) mod error;
pub(crate) mod page;
pub(crate) mod problem;
pub(crate) mod range;
pub(crate) mod ready;
mod serving;
pub(crate) mod stream;

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::from_fn;
use axum::response::Response;
use axum::serve::Listener;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::Service;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{Any, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;

use crate::http::assets::Assets;
use crate::http::ready::Answering;
use crate::http::serving::{Workers, serve_connection};
use crate::uploads::Turns;
use crate::views::{Channels, LargeViews};
use crate::{BaseUrl, DataDir, PromptListen, ServeSettings, ServerError, prompt_app, refresh_due, routes, sign_files};

/// How long downloads may go on after the server was told to stop.
const LAST_DOWNLOADS: Duration = Duration::from_secs(5);

/// How often it is looked whether a signature has to be renewed; heads are valid for days at least.
const BETWEEN_RENEWALS: Duration = Duration::from_hours(1);

/// What every handler works with.
pub(crate) struct App {
    pub(crate) settings: ServeSettings,
    pub(crate) channels: Channels,
    pub(crate) large: LargeViews,
    pub(crate) assets: Arc<Assets>,
    pub(crate) turns: Turns,
}

/// The whole HTTP interface without a socket.
pub fn app(settings: ServeSettings) -> Router {
    Router::new().fallback_service(answering(settings))
}

fn answering(settings: ServeSettings) -> Answering {
    let channels = Channels::new(settings.store.clone());
    let (large, assets, turns) = (LargeViews::default(), Arc::default(), Turns::default());
    let app = Arc::new(App { settings, channels, large, assets, turns });
    let answering = routes::router().with_state(Arc::clone(&app)).layer(from_fn(problem::in_asked_form));
    let answering = answering.layer(CatchPanicLayer::new()).layer(cors());
    let routes = with_headers(answering, FOR_ALL).layer(TraceLayer::new_for_http());
    Answering { app, routes }
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
            header::CONTENT_LOCATION,
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

/// Sets headers on every response.
pub(crate) fn with_headers(router: Router, headers: &[(&'static str, &'static str)]) -> Router {
    headers.iter().fold(router, |router, (name, value)| {
        let (name, value) = (HeaderName::from_static(name), HeaderValue::from_static(value));
        router.layer(SetResponseHeaderLayer::overriding(name, value))
    })
}

/// A server that has its sockets and does not answer yet.
#[derive(Debug)]
pub struct Server {
    main: Socket,
    prompt: Option<Socket>,
    /// With the addresses that were taken.
    settings: ServeSettings,
}

impl Server {
    /// Takes the addresses of the settings: the main one and the prompt's.
    pub async fn bind(mut settings: ServeSettings) -> Result<Self, ServerError> {
        settings.check_origins()?;
        let main = Socket::bind(settings.listen, "--listen").await?;
        settings.listen = main.address;
        let prompt = match settings.prompt.listen {
            PromptListen::Off => None,
            // Behind a proxy that knows only the main address nobody could reach it.
            PromptListen::NextPort if settings.base_url.is_some() && settings.prompt.url.is_none() => None,
            PromptListen::At(address) => Some(Socket::bind(address, "--prompt-listen").await?),
            PromptListen::NextPort => Some(Socket::after(main.address).await?),
        };
        if let Some(socket) = &prompt {
            settings.prompt.listen = PromptListen::At(socket.address);
        }
        Ok(Self { main, prompt, settings })
    }

    /// The address that it listens on, with the port that was taken.
    pub const fn address(&self) -> SocketAddr {
        self.main.address
    }

    /// The address that clients on this machine, or those meant by the settings, can use.
    ///
    /// # Panics
    /// Never: a socket's address is a host and a port.
    pub fn base_url(&self) -> BaseUrl {
        let local = || format!("http://{}", self.main.address).parse().expect("a socket address is a host and port");
        self.settings.base_url.clone().unwrap_or_else(local)
    }

    /// The origin of the prompt, without a slash at its end; `None` if it is switched off.
    pub fn prompt_url(&self) -> Option<String> {
        let socket = self.prompt.as_ref()?;
        let told = self.settings.prompt.url.as_ref().map(|url| url.as_str().to_owned());
        Some(told.unwrap_or_else(|| format!("http://{}", socket.address)))
    }

    /// Answers requests until `shutdown` completes, then a little longer for downloads under way.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), ServerError> {
        let (tell, told) = watch::channel(false);
        let workers = Workers::start().map_err(|source| ServerError::Serve { address: self.main.address, source })?;
        let prompt = self.prompt.map(|socket| socket.serve(prompt_app(self.settings.clone()), &workers, told.clone()));
        let renewing = renew_signatures(self.settings.data.clone());
        let uploads = self.settings.uploads.clone();
        let main = self.main.serve(answering(self.settings), &workers, told);
        let serving = async {
            match prompt {
                Some(prompt) => tokio::try_join!(main, prompt).map(|_| ()),
                None => main.await,
            }
        };
        let grace = async {
            shutdown.await;
            tell.send_replace(true);
            tokio::time::sleep(LAST_DOWNLOADS).await;
        };
        let ended = tokio::select! {
            ended = serving => ended,
            () = grace => Ok(()),
            never = renewing => match never {},
        };
        // What still checks an upload starts programs, which would outlive this one.
        if let Some(uploads) = uploads {
            blocking(move || uploads.context.interrupt.stop()).await;
        }
        ended
    }
}

/// Renews what will expire, as long as the server runs: nobody may publish for months.
async fn renew_signatures(data: DataDir) -> Infallible {
    let mut hours = tokio::time::interval(BETWEEN_RENEWALS);
    loop {
        hours.tick().await;
        let data = data.clone();
        let renew = move || {
            let renewed = refresh_due(&data.store(), SystemTime::now())?;
            sign_files(&data, SystemTime::now())?;
            Ok::<_, ServerError>(renewed)
        };
        match blocking(renew).await {
            Ok(renewed) => {
                for channel in renewed {
                    tracing::info!(channel = channel.channel, "renewed the signatures of the heads");
                }
            }
            Err(error) => tracing::error!(error = &error as &dyn Error, "cannot renew signatures"),
        }
    }
}

/// A socket and the address that it got.
#[derive(Debug)]
struct Socket {
    listener: TcpListener,
    address: SocketAddr,
}

impl Socket {
    async fn bind(address: SocketAddr, option: &'static str) -> Result<Self, ServerError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => ServerError::PortTaken { option, address, source },
            _ => ServerError::Listen { address, source },
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// The port after another one, else any free one.
    async fn after(address: SocketAddr) -> Result<Self, ServerError> {
        let at = |port| SocketAddr::new(address.ip(), port);
        let option = "--prompt-listen";
        match Self::bind(at(address.port().wrapping_add(1)), option).await {
            Err(_) => Self::bind(at(0), option).await,
            bound => bound,
        }
    }

    /// Accepts connections until it is told to stop, and waits until those that are open have come to their end.
    async fn serve<A>(mut self, app: A, workers: &Workers, told: watch::Receiver<bool>) -> Result<(), ServerError>
    where
        A: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
    {
        let (open, connection) = watch::channel(());
        let mut stop = told.clone();
        loop {
            let socket = tokio::select! {
                // Errors are logged, and what the system lacks for a connection is waited for.
                (socket, _) = Listener::accept(&mut self.listener) => socket,
                // That the teller is gone means the same.
                _ = stop.wait_for(|told| *told) => break,
            };
            // Small pages are one write each; waiting for more only delays them.
            if let Err(error) = socket.set_nodelay(true) {
                tracing::debug!(%error, "no TCP_NODELAY");
            }
            let (app, told, connection) = (app.clone(), told.clone(), connection.clone());
            let answer = async move |socket| {
                serve_connection(socket, app, told).await;
                drop(connection);
            };
            match socket.into_std() {
                Ok(socket) => workers.take(socket, answer),
                Err(error) => tracing::warn!(%error, "a connection is closed at once"),
            }
        }
        drop((self.listener, connection));
        open.closed().await;
        Ok(())
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
