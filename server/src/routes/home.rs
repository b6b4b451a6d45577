//! The page for people: the prompt for browsers, the list of packages for everyone.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Asked;
use super::simple::redirect;
use crate::PromptListen;
use crate::http::App;
use crate::http::accept::asks_for_html;
use crate::http::error::HttpError;
use crate::object::CachePolicy;
use crate::views::View;

/// Browsers are sent on to the prompt, who else asks gets the list.
pub(super) async fn home(
    State(app): State<Arc<App>>,
    asked: Asked,
    RawQuery(query): RawQuery,
) -> Result<Response, HttpError> {
    if asks_for_html(&asked.headers)
        && let Some(prompt) = prompt(&app, &asked)
    {
        // So that a channel that is not there is told about here.
        asked.snapshot(&app).await?;
        // The page reads from it what it starts with. A header has no other letters.
        let query = query.filter(|query| query.is_ascii()).map(|query| format!("?{query}")).unwrap_or_default();
        let location = format!("{prompt}/{}{query}", asked.channel()?.prefix());
        let headers = [
            (header::LOCATION, location.as_str()),
            (header::CACHE_CONTROL, CachePolicy::Never.header()),
            (header::VARY, "Accept"),
        ];
        return Ok((StatusCode::TEMPORARY_REDIRECT, headers).into_response());
    }
    list(State(app), asked).await
}

/// The list of packages, with code for each client.
pub(super) async fn list(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let base = asked.base(&app)?;
    asked.view(&app, View::Home { base }, String::new).await
}

/// The list's own address ends in a slash.
pub(super) async fn add_slash() -> Response {
    redirect("packages/")
}

/// The prompt's origin as this client can reach it: the settings' address, else the host that it found us at. Behind a
/// proxy that we know of only the main address, there is none to tell.
fn prompt(app: &App, asked: &Asked) -> Option<String> {
    let PromptListen::At(address) = app.settings.prompt.listen else { return None };
    match (&app.settings.prompt.url, &app.settings.base_url) {
        (Some(url), _) => Some(url.as_str().to_owned()),
        (None, Some(_)) => None,
        (None, None) => asked.host_with_port(address.port()).map(|url| url.as_str().to_owned()),
    }
}
