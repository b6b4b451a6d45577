//! Runtimes and the loader: directories served as they are.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::Asked;
use crate::http::App;
use crate::http::assets::AssetPath;
use crate::http::error::HttpError;
use crate::object::CachePolicy;

pub(super) async fn runtime(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let part = |key| asked.text(key).unwrap_or_default();
    let path: AssetPath = format!("{}/{}/{}", part("runtime"), part("version"), part("path")).parse()?;
    let request = (&asked.method, &asked.headers);
    app.assets.respond(&app.settings.runtimes, &path, CachePolicy::ImmutableView, request).await
}

/// `/loader/{version}/…` names the files of one version, `/loader/…` whatever is current.
pub(super) async fn loader(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let path = asked.text("path").unwrap_or_default();
    let version = concat!(env!("CARGO_PKG_VERSION"), "/");
    let (path, policy) = match path.strip_prefix(version) {
        Some(path) => (path, CachePolicy::ImmutableView),
        None => (path, CachePolicy::Page),
    };
    let path: AssetPath = path.parse()?;
    app.assets.respond(&app.settings.loader, &path, policy, (&asked.method, &asked.headers)).await
}
