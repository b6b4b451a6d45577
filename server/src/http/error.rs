//! Errors as responses: a status that says the truth and a sentence that a person can read.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::ServerError;
use crate::object::CachePolicy;

/// Why a request gets no page.
#[derive(Debug)]
pub(crate) enum HttpError {
    /// Nothing is at this address; the sentence says what was looked for.
    NotFound(String),
    /// Nothing that the client takes can be offered.
    NotAcceptable,
    /// The client takes no encoding that there is, and refuses the file as it is.
    NoEncodingFits,
    /// A range that a file of this many bytes does not have.
    NoSuchRange(u64),
    /// Another method than the address has; the sentence says which it has.
    MethodNotAllowed(&'static str),
    /// The request names no host that addresses could be made from.
    BadHost,
    /// The request names a host that this server is not.
    OtherHost(String),
    /// What is asked for cannot be answered, for a reason with a code of its own.
    Refused(Problem),
    /// A fault of this server.
    Internal(Box<ServerError>),
}

impl HttpError {
    /// For addresses that are not those of anything.
    pub(crate) fn no_page() -> Self {
        Self::NotFound("nothing is at this address".to_owned())
    }

    fn problem(&self) -> Problem {
        let (status, code, title, detail) = match self {
            Self::NotFound(text) => (StatusCode::NOT_FOUND, "not_found", "Nothing is there", text.clone()),
            Self::NotAcceptable => (
                StatusCode::NOT_ACCEPTABLE,
                "not_acceptable",
                "No representation that the client takes",
                "this page is available as application/vnd.pypi.simple.v1+json, \
                 application/vnd.pypi.simple.v1+html and text/html, and the Accept header takes none of them"
                    .to_owned(),
            ),
            Self::NoEncodingFits => (
                StatusCode::NOT_ACCEPTABLE,
                "no_encoding_fits",
                "No encoding that the client takes",
                "this file is available as it is and, where that is smaller, as br, gzip or zstd, and the \
                 Accept-Encoding header takes none of them"
                    .to_owned(),
            ),
            Self::NoSuchRange(length) => (
                StatusCode::RANGE_NOT_SATISFIABLE,
                "no_such_range",
                "A range that the file does not have",
                format!("the range lies behind the file's {length} bytes"),
            ),
            Self::MethodNotAllowed(text) => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "Another method than the address knows",
                (*text).to_owned(),
            ),
            Self::BadHost => (
                StatusCode::BAD_REQUEST,
                "bad_host",
                "No usable Host header",
                "the Host header is missing or malformed".to_owned(),
            ),
            Self::OtherHost(host) => (
                StatusCode::MISDIRECTED_REQUEST,
                "other_host",
                "Another host than this server's",
                format!(
                    "this server answers for localhost and loopback addresses, not for `{host}`; if browsers are to \
                     reach it by that name, start it with --base-url and --prompt-url"
                ),
            ),
            Self::Refused(problem) => return problem.clone(),
            // Paths of this machine are for its log.
            Self::Internal(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "A fault of this server",
                "this server cannot read its store; its log says more".to_owned(),
            ),
        };
        Problem { status, code, title, detail }
    }
}

impl From<ServerError> for HttpError {
    fn from(error: ServerError) -> Self {
        Self::Internal(Box::new(error))
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        if let Self::Internal(error) = &self {
            let source = std::error::Error::source(error).map(ToString::to_string);
            tracing::error!(%error, source, "a request failed");
        }
        let problem = self.problem();
        let status = problem.status;
        let mut response = Response::new(Body::from(format!("{}\n", problem.detail)));
        *response.status_mut() = status;
        response.extensions_mut().insert(problem);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(CachePolicy::Never.header()));
        match self {
            Self::NotAcceptable => headers.insert(header::VARY, HeaderValue::from_static("Accept")),
            Self::NoEncodingFits => headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding")),
            Self::NoSuchRange(length) => HeaderValue::from_str(&format!("bytes */{length}"))
                .ok()
                .and_then(|value| headers.insert(header::CONTENT_RANGE, value)),
            _ => None,
        };
        response
    }
}
