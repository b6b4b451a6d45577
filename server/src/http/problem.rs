//! Errors for programs: problem details ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use serde::Serialize;

use super::accept::asks_for_json;

/// What a program is told about an error. Responses carry it with them until [`in_asked_form`] decides on their form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// Stable across versions.
    pub(crate) code: &'static str,
    /// The kind of error, the same for every error of one code.
    pub(crate) title: &'static str,
    /// This error, for people.
    pub(crate) detail: String,
}

/// The members, in the order of the RFC, and the code.
#[derive(Serialize)]
struct Members<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
}

impl Problem {
    fn to_json(&self) -> Vec<u8> {
        let Self { status, code, title, detail } = self;
        let members = Members { title, status: status.as_u16(), detail, code };
        serde_json::to_vec(&members).unwrap_or_default()
    }
}

/// Gives errors the form that is asked for: problem details at addresses for programs, and to who takes JSON; else they
/// stay text.
pub(crate) async fn in_asked_form(request: Request, next: Next) -> Response {
    let is_for_programs = is_for_programs(request.uri().path()) || asks_for_json(request.headers());
    let is_head = request.method() == Method::HEAD;
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    if is_for_programs {
        let body = problem.to_json();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CONTENT_LENGTH, body.len().into());
        *response.body_mut() = if is_head { Body::empty() } else { Body::from(body) };
    }
    response
}

/// Whether only programs ask at this address, in whichever channel.
fn is_for_programs(path: &str) -> bool {
    let in_channel = path.strip_prefix("/c/").and_then(|rest| rest.split_once('/')).map(|(_, rest)| rest);
    matches!(in_channel.or(path.strip_prefix('/')), Some("resolve" | "legacy" | "legacy/"))
}
