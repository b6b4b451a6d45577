//! Stored objects sent from disk: whole, in ranges, or not at all if the client has them.

use std::path::Path;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt;
use tower_http::services::ServeFile;

use super::error::HttpError;
use super::page::{is_known, not_modified};
use crate::object::CachePolicy;

/// What is sent with a file.
pub(crate) struct FileHeaders {
    pub(crate) content_type: &'static str,
    pub(crate) policy: CachePolicy,
    /// The entity tag, quotes included.
    pub(crate) etag: Option<String>,
}

/// A file as the response to a request. The body is never encoded, so a range of it is a range of
/// the file.
pub(crate) async fn file(path: &Path, about: FileHeaders, method: &Method, request: &HeaderMap) -> Response {
    let etag = about.etag.as_deref().unwrap_or_default();
    let answer = if !etag.is_empty() && is_known(request, etag) {
        let there = tokio::fs::metadata(path).await.ok().filter(std::fs::Metadata::is_file);
        there.map(|there| not_modified(there.len())).ok_or_else(missing)
    } else {
        read(path, etag, method, request).await
    };
    let mut response = match answer {
        Ok(response) => response,
        Err(error) => return error.into_response(),
    };
    let headers = response.headers_mut();
    // When a file came to lie on this disk says nothing; the entity tag says all.
    headers.remove(header::LAST_MODIFIED);
    headers.remove(header::VARY);
    if response.status() != StatusCode::NOT_MODIFIED {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(about.content_type));
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(about.policy.header()));
    if let Some(etag) = about.etag.as_deref().and_then(|etag| HeaderValue::from_str(etag).ok()) {
        headers.insert(header::ETAG, etag);
    }
    response
}

async fn read(path: &Path, etag: &str, method: &Method, request: &HeaderMap) -> Result<Response, HttpError> {
    let mut inner = Request::new(Body::empty());
    *inner.method_mut() = method.clone();
    if let Some(range) = wanted_range(request, etag) {
        inner.headers_mut().insert(header::RANGE, range.clone());
    }
    let service = ServeFile::new(path).with_buf_chunk_size(256 * 1024).ignore_multi_range_requests(true);
    let response = match service.oneshot(inner).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    };
    match response.status() {
        StatusCode::NOT_FOUND => Err(missing()),
        _ => Ok(response),
    }
}

fn missing() -> HttpError {
    HttpError::NotFound("no such file is stored here".to_owned())
}

/// The range, unless the client holds part of another version.
fn wanted_range<'h>(request: &'h HeaderMap, etag: &str) -> Option<&'h HeaderValue> {
    let range = request.get(header::RANGE)?;
    let other_version = request.get(header::IF_RANGE).is_some_and(|held| held.as_bytes() != etag.as_bytes());
    (!other_version).then_some(range)
}
