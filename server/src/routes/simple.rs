//! The Simple API.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use pkgsrv_index::PackageName;

use super::Asked;
use crate::http::App;
use crate::http::accept::simple_format;
use crate::http::error::HttpError;
use crate::object::CachePolicy;
use crate::views::View;

pub(super) async fn list(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let abi = asked.abi()?;
    let format = simple_format(&asked.headers).ok_or(HttpError::NotAcceptable)?;
    asked.view(&app, View::ProjectList { abi, format }, String::new).await
}

pub(super) async fn project(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let abi = asked.abi()?;
    let name: PackageName = asked.parse("name")?;
    if asked.text("name") != Some(name.as_str()) {
        return Ok(redirect(&format!("../{name}/")));
    }
    let format = simple_format(&asked.headers).ok_or(HttpError::NotAcceptable)?;
    let base = asked.base(&app)?;
    let missing = format!("there is no project {name} in this channel");
    asked.view(&app, View::Project { abi, name, format, base }, || missing).await
}

/// Pages end in a slash, which is what relative links in them count on.
pub(super) async fn add_slash(asked: Asked) -> Result<Response, HttpError> {
    match asked.text("name") {
        Some(_) => {
            let name: PackageName = asked.parse("name")?;
            Ok(redirect(&format!("{name}/")))
        }
        None => Ok(redirect("simple/")),
    }
}

/// Locations are relative: a proxy may have this server below a path of its own.
pub(super) fn redirect(location: &str) -> Response {
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, CachePolicy::Page.header())];
    (StatusCode::MOVED_PERMANENTLY, headers).into_response()
}
