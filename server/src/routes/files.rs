//! Runtimes and the loader: directories served as they are, and the lists of their files.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::Asked;
use crate::file_list::Listed;
use crate::http::App;
use crate::http::assets::{AssetPath, runtime_policy};
use crate::http::blocking;
use crate::http::error::HttpError;
use crate::http::page::{Page, Vary};
use crate::object::CachePolicy;

pub(super) async fn runtime(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let part = |key| asked.text(key).unwrap_or_default();
    let path: AssetPath = format!("{}/{}/{}", part("runtime"), part("version"), part("path")).parse()?;
    let request = (&asked.method, &asked.headers);
    app.assets.respond(&app.settings.data.runtimes(), &path, runtime_policy(part("path")), request).await
}

/// `/loader/{version}/…` names the files of one version, `/loader/…` whatever is current. A version under development
/// changes, so neither may be kept for long.
pub(super) async fn loader(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let path = asked.text("path").unwrap_or_default();
    let version = concat!(env!("CARGO_PKG_VERSION"), "/");
    let path: AssetPath = path.strip_prefix(version).unwrap_or(path).parse()?;
    app.assets.respond(&app.settings.data.loader(), &path, CachePolicy::Page, (&asked.method, &asked.headers)).await
}

pub(super) async fn runtime_list(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let part = |key| asked.text(key).unwrap_or_default();
    let path: AssetPath = format!("{}/{}", part("runtime"), part("version")).parse()?;
    list(&app, app.settings.data.runtimes().join(path.as_str()), Listed::Served, &asked).await
}

pub(super) async fn loader_list(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    list(&app, app.settings.data.loader(), Listed::Served, &asked).await
}

/// What a mirror reads first: the files of a directory with their digests.
pub(super) async fn list(
    app: &Arc<App>,
    directory: PathBuf,
    listed: Listed,
    asked: &Asked,
) -> Result<Response, HttpError> {
    let assets = Arc::clone(&app.assets);
    let found = blocking(move || assets.list(&directory, listed)).await?;
    let list = found.ok_or_else(|| HttpError::NotFound("there are no such files".to_owned()))?;
    let page = Arc::new(Page::new("application/json", Vary::Encoding, list.to_bytes()));
    Ok(page.respond(&asked.headers, CachePolicy::Page).await)
}
