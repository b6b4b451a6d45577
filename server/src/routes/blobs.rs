//! Wheels and their METADATA, by digest.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use pkgsrv_index::WheelFilename;

use super::Asked;
use crate::StoredObject;
use crate::http::App;
use crate::http::error::HttpError;
use crate::http::stream::{self, FileHeaders};

pub(super) async fn blob(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let sha256 = asked.digest("sha256")?;
    let name = asked.text("filename").unwrap_or_default();
    let parse = |name: &str| -> Result<WheelFilename, HttpError> {
        name.parse().map_err(|error: pkgsrv_index::IndexError| HttpError::NotFound(error.to_string()))
    };
    let object = match name.strip_suffix(".metadata") {
        Some(wheel) => StoredObject::Metadata { sha256, filename: parse(wheel)? },
        None => StoredObject::Wheel { sha256, filename: parse(name)? },
    };
    let about = FileHeaders { content_type: object.content_type(), policy: object.cache_policy(), etag: object.etag() };
    Ok(stream::file(&app.channels.store().file(&object), about, &asked.method, &asked.headers).await)
}
