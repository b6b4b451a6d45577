//! Stored objects sent from disk: whole, in ranges, or not at all if the client has them.

use std::path::Path;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt;
use tower_http::services::ServeFile;

use super::error::HttpError;
use super::page::{Vary, is_known, not_modified};
use super::range::{Wanted, is_asked, wanted};
use crate::StoredObject;
use crate::object::CachePolicy;

/// What is sent with a file.
pub(crate) struct FileHeaders {
    pub(crate) content_type: &'static str,
    pub(crate) policy: CachePolicy,
    /// The entity tag, quotes included.
    pub(crate) etag: Option<String>,
    /// The encoding that the file itself has.
    pub(crate) encoding: Option<&'static str>,
    /// What the file was chosen by.
    pub(crate) vary: Vary,
    /// The value of `Use-As-Dictionary`.
    pub(crate) dictionary_for: Option<HeaderValue>,
}

const USE_AS_DICTIONARY: HeaderName = HeaderName::from_static("use-as-dictionary");

impl FileHeaders {
    /// Those of a stored object.
    pub(crate) fn of(object: &StoredObject, vary: Vary) -> Self {
        Self {
            content_type: object.content_type(),
            policy: object.cache_policy(),
            etag: object.etag(),
            encoding: object.content_encoding(),
            vary,
            dictionary_for: None,
        }
    }
}

/// A file as the response to a request. The body is not encoded on the way, so a range of it is a range of the file,
/// which may have an encoding of its own.
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
    let is_not_modified = response.status() == StatusCode::NOT_MODIFIED;
    let is_whole = response.status() != StatusCode::PARTIAL_CONTENT;
    let headers = response.headers_mut();
    // When a file came to lie on this disk says nothing; the entity tag says all.
    headers.remove(header::LAST_MODIFIED);
    headers.remove(header::VARY);
    if !is_not_modified {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(about.content_type));
        about.encoding.map(|coding| headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding)));
    }
    // A part is no dictionary.
    if is_whole {
        headers.extend(about.dictionary_for.map(|value| (USE_AS_DICTIONARY, value)));
    }
    about.vary.header().map(|names| headers.insert(header::VARY, HeaderValue::from_static(names)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(about.policy.header()));
    if let Some(etag) = about.etag.as_deref().and_then(|etag| HeaderValue::from_str(etag).ok()) {
        headers.insert(header::ETAG, etag);
    }
    response
}

async fn read(path: &Path, etag: &str, method: &Method, request: &HeaderMap) -> Result<Response, HttpError> {
    let mut inner = Request::new(Body::empty());
    *inner.method_mut() = method.clone();
    if is_asked(method, request, etag) {
        let length = tokio::fs::metadata(path).await.map_err(|_| missing())?.len();
        match wanted(method, request, etag, length) {
            Wanted::Whole => {}
            Wanted::Part(part) => {
                let range = HeaderValue::from_str(&format!("bytes={}-{}", part.start(), part.end()));
                inner.headers_mut().extend(range.ok().map(|range| (header::RANGE, range)));
            }
            Wanted::Nothing => return Err(HttpError::NoSuchRange(length)),
        }
    }
    let service = ServeFile::new(path).with_buf_chunk_size(256 * 1024);
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
