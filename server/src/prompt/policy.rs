//! What browsers let the page do.

use axum::http::{HeaderName, HeaderValue};

use crate::BaseUrl;
use crate::http::error::HttpError;

/// The header of a [Content Security Policy](https://www.w3.org/TR/CSP3/).
pub(super) const CSP: HeaderName = HeaderName::from_static("content-security-policy");

/// Headers that every response of the prompt's origin has.
pub(super) const HEADERS: &[(&str, &str)] = &[
    // The first two make the page cross-origin isolated, which it needs for memory shared with the worker: Ctrl-C and
    // input() go through that.
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-resource-policy", "same-origin"),
    ("origin-agent-cluster", "?1"),
    ("permissions-policy", "camera=(), display-capture=(), geolocation=(), microphone=(), usb=()"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
];

/// The document's: it shows what the worker sends, and loads nothing but its own files. Pictures are blobs.
pub(super) const fn document() -> HeaderValue {
    HeaderValue::from_static(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
         worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )
}

/// The worker's. Someone else's code runs there by intention, and some side modules carry JavaScript that Emscripten
/// evaluates when it links them (`EM_JS`), so `unsafe-eval` gives nothing away. Python may fetch from anywhere that
/// speaks TLS, but plain HTTP from our main origin only: that is what other programs of the machine and of its network
/// speak, and packages' code has no business with them.
pub(super) fn worker(main: &BaseUrl) -> Result<HeaderValue, HttpError> {
    let main = origin(main);
    let text = format!(
        "default-src 'none'; script-src 'self' {main} 'wasm-unsafe-eval' 'unsafe-eval'; \
         connect-src 'self' {main} https: data: blob:"
    );
    HeaderValue::from_str(&text).map_err(|_| HttpError::BadHost)
}

/// Scheme, host and port: a path in a policy would be compared with whole addresses.
fn origin(base: &BaseUrl) -> &str {
    let text = base.as_str();
    let host = text.find("://").map_or(0, |at| at + 3);
    text[host..].find('/').map_or(text, |end| &text[..host + end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        for (base, expected) in [
            ("http://127.0.0.1:8417", "http://127.0.0.1:8417"),
            ("https://packages.example/py/all", "https://packages.example"),
        ] {
            assert_eq!(origin(&base.parse().unwrap()), expected);
        }
    }
}
