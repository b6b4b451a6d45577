//! Uploads by the form that twine, `uv publish` and flit send.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use hyper::ext::ReasonPhrase;

use super::Asked;
use crate::http::error::HttpError;
use crate::http::problem::Problem;
use crate::http::{App, blocking};
use crate::object::CachePolicy;
use crate::tokens::UploadToken;
use crate::uploads::{Received, problem, publish_received, read_form, staging};
use crate::{ChannelName, PublishedLine, UploadSettings};

/// The user name that goes with a token.
const USER: &str = "__token__";
/// What a form may have beside the file, bytes.
const OTHER_FIELDS: u64 = 16 << 20;
/// How long what nobody reads may go on arriving.
const LONGEST_REST: Duration = Duration::from_secs(30);
/// Characters of the longest reason beside a status: from the beginning of the sentence, and from its end, where tracebacks
/// say what they are about. The body has all of it.
const LONGEST_REASON: (usize, usize) = (300, 300);

pub(super) async fn upload(State(app): State<Arc<App>>, asked: Asked, request: Request) -> Response {
    match take(&app, &asked, request).await {
        Ok((channel, lines)) => done(&channel, &lines),
        Err(error) => refused(error),
    }
}

/// For other methods than POST.
pub(super) async fn only_uploads() -> Response {
    let detail = "this address takes uploads with POST: `twine upload --repository-url` and its address";
    let mut response = HttpError::MethodNotAllowed(detail).into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

async fn take(app: &Arc<App>, asked: &Asked, request: Request) -> Result<(ChannelName, Vec<PublishedLine>), HttpError> {
    let allowed = permission(app, asked).await;
    let (channel, settings, token) = match allowed {
        Ok(allowed) => allowed,
        Err(error) => {
            let limit = app.settings.uploads.as_ref().map_or(0, |settings| settings.limit);
            read_rest(request.into_body(), limit + OTHER_FIELDS).await;
            return Err(error);
        }
    };
    let directory = staging(&app.settings.data)?;
    let received = receive(request, &settings, directory.path()).await?;
    let project = received.filename.name();
    if !token.allows_project(project) {
        let projects = token.projects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let detail = format!("the token {} is for the projects {projects}, not for {project}", token.name);
        return Err(problem("not_allowed", detail));
    }
    let turn = app.turns.next().await;
    let (data, into) = (app.settings.data.clone(), channel.clone());
    let publish = move || {
        // It goes on if the client goes away, so file and turn are its own.
        let _held = (directory, turn);
        publish_received(&settings, &data, &into, &token, &received)
    };
    Ok((channel, blocking(publish).await?))
}

/// What is decided before the form is read: the channel, and the token that allows it.
async fn permission(
    app: &Arc<App>,
    asked: &Asked,
) -> Result<(ChannelName, Arc<UploadSettings>, UploadToken), HttpError> {
    let channel = asked.channel()?;
    let settings = app.settings.uploads.clone();
    let settings = settings.ok_or_else(|| problem("no_uploads", "this server takes no uploads"))?;
    let secret = secret(&asked.headers)?;
    let data = app.settings.data.clone();
    let token = blocking(move || data.tokens().with_secret(&secret)).await?;
    let token = token.ok_or_else(|| problem("bad_credentials", "the token is not one of this server's"))?;
    if token.is_expired(SystemTime::now()) {
        let detail = format!("the token {} has expired on {}: ask for another one", token.name, token.expires.as_str());
        return Err(problem("bad_credentials", detail));
    }
    if !token.allows_channel(&channel) {
        let detail = format!("the token {} is for {}, not for {channel}", token.name, token.channels.join(", "));
        return Err(problem("not_allowed", detail));
    }
    Ok((channel, settings, token))
}

/// The token in the header `Authorization`.
fn secret(headers: &HeaderMap) -> Result<String, HttpError> {
    let refused = |detail: &str| problem("bad_credentials", format!("{detail}; `pkgsrv token create` makes a token"));
    let value = headers
        .get(header::AUTHORIZATION)
        .ok_or_else(|| refused("an upload needs a token, sent as the password of the user `__token__`"))?;
    let (scheme, credentials) = value.to_str().ok().and_then(|value| value.split_once(' ')).unwrap_or_default();
    let decoded = STANDARD.decode(credentials.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let (user, password) = decoded
        .as_deref()
        .filter(|_| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|text| text.split_once(':'))
        .ok_or_else(|| refused("the header Authorization cannot be read: expected `Basic`, user name and token"))?;
    if user != USER {
        return Err(refused("the user name is not `__token__`"));
    }
    Ok(password.trim().to_owned())
}

async fn receive(mut request: Request, settings: &UploadSettings, into: &Path) -> Result<Received, HttpError> {
    let limit = usize::try_from(settings.limit + OTHER_FIELDS).unwrap_or(usize::MAX);
    DefaultBodyLimit::max(limit).apply(&mut request);
    let parts = match Multipart::from_request(request, &()).await {
        Ok(parts) => parts,
        Err(error) => {
            return Err(problem("invalid_form", format!("{}: expected multipart/form-data", error.body_text())));
        }
    };
    read_form(parts, into, settings.limit).await?.checked()
}

/// Reads what a client is still sending, since it does not listen before.
async fn read_rest(body: Body, limit: u64) {
    let mut read = 0;
    let reading = async {
        let mut chunks = body.into_data_stream();
        while let Some(Ok(chunk)) = chunks.next().await {
            read += chunk.len() as u64;
            if read > limit {
                break;
            }
        }
    };
    let _too_slow = tokio::time::timeout(LONGEST_REST, reading).await;
}

fn done(channel: &ChannelName, lines: &[PublishedLine]) -> Response {
    let text: String = lines.iter().map(|line| line.described(channel)).collect();
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(CachePolicy::Never.header()));
    response
}

/// The error, with its sentence also as the reason beside the status: that is what twine shows.
fn refused(error: HttpError) -> Response {
    let mut response = error.into_response();
    let detail = response.extensions().get::<Problem>().map(|problem| problem.detail.clone()).unwrap_or_default();
    if let Ok(reason) = ReasonPhrase::try_from(as_reason(&detail).into_bytes()) {
        response.extensions_mut().insert(reason);
    }
    if response.status() == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Basic realm=\"pkgsrv\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// A text as one line of ASCII, as the protocol has reasons.
fn as_reason(text: &str) -> String {
    let plain: String = text.chars().map(|it| if it.is_ascii_graphic() { it } else { ' ' }).collect();
    let words: Vec<&str> = plain.split(' ').filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    let (first, last) = LONGEST_REASON;
    if line.len() <= first + last {
        return line;
    }
    format!("{} ... {}", &line[..first], &line[line.len() - last..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_of_ascii_with_both_ends_of_a_long_text() {
        assert_eq!(as_reason("not\n  a\u{2014}wheel\r\n"), "not a wheel");
        let long = format!("first {} last", "word ".repeat(400));
        let reason = as_reason(&long);
        assert!(reason.starts_with("first word") && reason.ends_with("word last"), "{reason}");
        assert_eq!(reason.len(), 605);
    }
}
