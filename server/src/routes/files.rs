//! Runtimes and the loader: directories served as they are.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::Asked;
use crate::http::App;
use crate::http::assets::{AssetPath, runtime_policy};
use crate::http::error::HttpError;
use crate::object::CachePolicy;

pub(super) async fn runtime(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let part = |key| asked.text(key).unwrap_or_default();
    let path: AssetPath = format!("{}/{}/{}", part("runtime"), part("version"), part("path")).parse()?;
    let request = (&asked.method, &asked.headers);
    app.assets.respond(&app.settings.runtimes, &path, runtime_policy(part("path")), request).await
}

/// `/loader/{version}/…` names the files of one version, `/loader/…` whatever is current. A version under development
/// changes, so neither may be kept for long.
pub(super) async fn loader(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let path = asked.text("path").unwrap_or_default();
    let version = concat!(env!("CARGO_PKG_VERSION"), "/");
    let path: AssetPath = path.strip_prefix(version).unwrap_or(path).parse()?;
    app.assets.respond(&app.settings.loader, &path, CachePolicy::Page, (&asked.method, &asked.headers)).await
}
