//! Solving on the server, for who has no solver or wants a lock.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use pkgsrv_index::{Abi, IndexError};

use super::Asked;
use crate::http::error::HttpError;
use crate::http::page::{Page, Vary};
use crate::http::problem::Problem;
use crate::http::{App, blocking};
use crate::object::CachePolicy;
use crate::resolution::{Question, ResolveError, resolve};

type Parameters = Result<Query<Vec<(String, String)>>, QueryRejection>;

pub(super) async fn lock(
    State(app): State<Arc<App>>,
    parameters: Parameters,
    asked: Asked,
) -> Result<Response, HttpError> {
    let Query(parameters) = parameters.map_err(|error| invalid_query(error.body_text()))?;
    let (abi, question) = read(parameters)?;
    let (base, channel) = (asked.base(&app)?, asked.channel()?);
    let snapshot = asked.snapshot(&app).await?;
    let nothing = ResolveError::NothingPublished { channel: channel.clone(), abi };
    let solve = move || {
        let line = snapshot.line(abi).ok_or(nothing)?;
        resolve(line, &channel, &base, &question).map(|lock| lock.to_bytes())
    };
    let lock = blocking(solve).await.map_err(refused)?;
    let page = Arc::new(Page::new("application/json", Vary::Encoding, lock));
    Ok(page.respond(&asked.headers, CachePolicy::Page).await)
}

/// The question in a query; without an ABI it is about the preferred one.
fn read(parameters: Vec<(String, String)>) -> Result<(Abi, Question), HttpError> {
    let (mut abis, mut question) = (Vec::new(), Question::default());
    for (name, value) in parameters {
        match name.as_str() {
            "requirement" => question.requirements.push(value),
            "constraint" => question.constraints.push(value),
            "extra" => question.extras.push(value),
            "abi" => abis.push(value),
            _ => {
                let found: String = name.chars().take(40).collect();
                return Err(invalid_query(format!(
                    "unknown parameter `{found}`: expected requirement, constraint, extra or abi"
                )));
            }
        }
    }
    let abi = match abis.as_slice() {
        [] => Abi::preferred(),
        [abi] => abi.parse().map_err(|error: IndexError| problem(BAD_REQUEST, "unknown_abi", error.to_string()))?,
        several => return Err(invalid_query(format!("{} times abi: expected it once", several.len()))),
    };
    Ok((abi, question))
}

const BAD_REQUEST: StatusCode = StatusCode::BAD_REQUEST;

fn invalid_query(detail: String) -> HttpError {
    problem(BAD_REQUEST, "invalid_query", detail)
}

fn refused(error: ResolveError) -> HttpError {
    let status = match &error {
        ResolveError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        ResolveError::NothingPublished { .. } => StatusCode::NOT_FOUND,
        ResolveError::Solve(_) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => BAD_REQUEST,
    };
    match error {
        ResolveError::Store(error) => error.into(),
        error => problem(status, error.code(), error.to_string()),
    }
}

/// Titles by code.
const TITLES: &[(&str, &str)] = &[
    ("invalid_query", "The query cannot be read"),
    ("invalid_requirement", "A requirement cannot be read"),
    ("no_requirement", "Nothing is asked for"),
    ("no_solution", "No versions go together"),
    ("nothing_published", "Nothing is published"),
    ("too_complex", "The search was given up"),
    ("too_large", "The question is too large"),
    ("unknown_abi", "The ABI is not known"),
    ("unknown_package", "A package does not exist"),
];

fn problem(status: StatusCode, code: &'static str, detail: String) -> HttpError {
    let title = TITLES.iter().find(|(of, _)| *of == code).map_or("No answer", |(_, title)| title);
    HttpError::Refused(Problem { status, code, title, detail })
}
