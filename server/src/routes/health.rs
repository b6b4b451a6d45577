//! For those who run the server.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::ChannelName;
use crate::http::{App, blocking};
use crate::object::CachePolicy;

/// The process answers.
pub(super) async fn healthz() -> Response {
    state(StatusCode::OK, "ok\n")
}

/// The main channel can be read, so requests can be sent here.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Response {
    let read = move || {
        let main = ChannelName::main();
        match app.channels.current(&main)? {
            Some(snapshot) => Ok(Some(snapshot)),
            None => app.channels.reload(&main),
        }
    };
    match blocking(read).await {
        Ok(_) => state(StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::error!(%error, "not ready");
            state(StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read; the log says more\n")
        }
    }
}

fn state(status: StatusCode, text: &'static str) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, CachePolicy::Never.header())];
    (status, headers, text).into_response()
}
