//! The page for people.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::Asked;
use crate::http::App;
use crate::http::error::HttpError;
use crate::views::View;

pub(super) async fn home(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let base = asked.base(&app)?;
    asked.view(&app, View::Home { base }, String::new).await
}
