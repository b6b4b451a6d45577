//! Environments: files that `pkgsrv bake` has made, served as they are, and the list of them.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::{Asked, files};
use crate::environments::environments;
use crate::file_list::Listed;
use crate::http::App;
use crate::http::assets::{AssetPath, environment_policy};
use crate::http::blocking;
use crate::http::error::HttpError;
use crate::http::page::{Page, Vary};
use crate::object::CachePolicy;

pub(super) async fn list(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let (channel, abi) = (asked.channel()?, asked.parse("abi")?);
    let directory = app.settings.data.environments(&channel, abi);
    let found = blocking(move || environments(&directory)).await?;
    let bytes = json!({ "environments": found }).to_string().into_bytes();
    let page = Arc::new(Page::new("application/json", Vary::Encoding, bytes));
    Ok(page.respond(&asked.headers, CachePolicy::Page).await)
}

pub(super) async fn file_list(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let (channel, abi) = (asked.channel()?, asked.parse("abi")?);
    let directory = app.settings.data.environments(&channel, abi);
    files::list(&app, directory, Listed::Environments, &asked).await
}

pub(super) async fn file(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let (channel, abi) = (asked.channel()?, asked.parse("abi")?);
    let name = asked.text("file").unwrap_or_default();
    let path: AssetPath = name.parse()?;
    let directory = app.settings.data.environments(&channel, abi);
    app.assets.respond(&directory, &path, environment_policy(name), (&asked.method, &asked.headers)).await
}
