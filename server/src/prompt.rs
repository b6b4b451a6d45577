//! The origin of the Python prompt.
//!
//! The page runs packages' code, so it shares no origin with anything that tokens are sent to. Only its own files and a
//! few addresses are served here, and nothing can be written: runtime, loader and packages come from the main origin,
//! which answers everyone without credentials.

mod config;
mod files;
mod policy;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;

use crate::http::error::HttpError;
use crate::http::page::{Page, Vary};
use crate::http::{blocking, with_headers};
use crate::object::CachePolicy;
use crate::routes::{Asked, nothing, only_reading};
use crate::{BaseUrl, ServeSettings};
use files::Files;

/// What every handler works with.
struct Prompt {
    settings: ServeSettings,
    files: Files,
}

/// The prompt's whole HTTP interface without a socket.
pub fn prompt_app(settings: ServeSettings) -> Router {
    let router = Router::new()
        .route("/", get(document))
        .route("/config.json", get(configuration))
        .route("/c/{channel}/", get(document))
        .route("/c/{channel}/config.json", get(configuration))
        .route("/{file}", get(file))
        .fallback(nothing)
        .method_not_allowed_fallback(only_reading)
        .with_state(Arc::new(Prompt { settings, files: Files::new() }));
    let secured = with_headers(router.layer(CatchPanicLayer::new()), policy::HEADERS);
    // What sets a policy of its own, the worker, keeps it.
    let strict = SetResponseHeaderLayer::if_not_present(policy::CSP, policy::document());
    secured.layer(strict).layer(TraceLayer::new_for_http())
}

async fn document(State(prompt): State<Arc<Prompt>>, asked: Asked) -> Result<Response, HttpError> {
    asked.channel()?;
    prompt.respond("index.html", &asked).await
}

async fn file(State(prompt): State<Arc<Prompt>>, asked: Asked) -> Result<Response, HttpError> {
    prompt.respond(asked.text("file").unwrap_or_default(), &asked).await
}

async fn configuration(State(prompt): State<Arc<Prompt>>, asked: Asked) -> Result<Response, HttpError> {
    let main = prompt.main(&asked)?;
    let channel = asked.channel()?;
    let runtimes = prompt.settings.data.runtimes();
    let bytes = blocking(move || config::config(&main, &channel, &runtimes)).await;
    let page = Arc::new(Page::new("application/json", Vary::Encoding, bytes));
    Ok(page.respond(&asked.headers, CachePolicy::Checked).await)
}

impl Prompt {
    async fn respond(&self, name: &str, asked: &Asked) -> Result<Response, HttpError> {
        let main = self.main(asked)?;
        let page = self.files.get(name).ok_or_else(HttpError::no_page)?;
        let mut response = page.respond(&asked.headers, CachePolicy::Checked).await;
        if name == files::WORKER {
            response.headers_mut().insert(policy::CSP, policy::worker(&main)?);
        }
        Ok(response)
    }

    /// The main origin as the client that asks can reach it: the settings' address, else the host that it found us at,
    /// with the main port. A page of another site that has its name point here finds nothing.
    fn main(&self, asked: &Asked) -> Result<BaseUrl, HttpError> {
        let host = asked.host().ok_or(HttpError::BadHost)?;
        self.settings.prompt.check_host(host)?;
        match &self.settings.base_url {
            Some(base) => Ok(base.clone()),
            None => asked.host_with_port(self.settings.listen.port()).ok_or(HttpError::BadHost),
        }
    }
}
