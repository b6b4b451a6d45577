//! The lockfile for the runtime's own package loader.

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
