//! What others' package loaders read whole: the runtime's own, and piplite.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::Asked;
use crate::http::App;
use crate::http::error::HttpError;
use crate::views::View;

pub(super) async fn lockfile(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let abi = asked.parse("abi")?;
    asked.view(&app, View::Lockfile { abi }, String::new).await
}

pub(super) async fn piplite(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let abi = asked.parse("abi")?;
    asked.view(&app, View::Piplite { abi }, String::new).await
}
