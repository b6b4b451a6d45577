//! What is said to who uploads something that is not taken.

use std::error::Error;
use std::fmt::Write as _;

use axum::http::StatusCode;
use pkgsrv_index::IndexError;

use super::is_verdict;
use crate::ServerError;
use crate::http::error::HttpError;
use crate::http::problem::Problem;

/// Statuses and titles by code.
const CODES: &[(&str, StatusCode, &str)] = &[
    ("bad_credentials", StatusCode::UNAUTHORIZED, "No usable token"),
    ("cannot_check", StatusCode::SERVICE_UNAVAILABLE, "The wheel cannot be checked here"),
    ("filename_taken", StatusCode::CONFLICT, "The filename has other bytes"),
    ("invalid_attestations", StatusCode::BAD_REQUEST, "The attestations are not the wheel's"),
    ("invalid_form", StatusCode::BAD_REQUEST, "The form cannot be read"),
    ("invalid_wheel", StatusCode::BAD_REQUEST, "The wheel is refused"),
    ("no_uploads", StatusCode::FORBIDDEN, "No uploads are taken"),
    ("not_admitted", StatusCode::BAD_REQUEST, "The wheel does not work in the runtime"),
    ("not_a_wheel", StatusCode::BAD_REQUEST, "The file is no wheel"),
    ("not_allowed", StatusCode::FORBIDDEN, "The token does not allow it"),
    ("project_closed", StatusCode::FORBIDDEN, "The project takes no files"),
    ("too_large", StatusCode::PAYLOAD_TOO_LARGE, "The file is too large"),
    ("wrong_digest", StatusCode::BAD_REQUEST, "The file arrived with other bytes"),
];

/// A refusal with one of the codes above.
pub(crate) fn problem(code: &'static str, detail: impl Into<String>) -> HttpError {
    let known = CODES.iter().find(|(of, ..)| *of == code);
    let (status, title) =
        known.map_or((StatusCode::INTERNAL_SERVER_ERROR, "No answer"), |(_, status, title)| (*status, *title));
    HttpError::Refused(Problem { status, code, title, detail: detail.into() })
}

/// The code of the answer that an error gets.
pub(super) fn code(error: &ServerError) -> &'static str {
    match error {
        ServerError::Index { source: IndexError::FilenameTaken { .. }, .. } => "filename_taken",
        ServerError::Wheel { .. }
        | ServerError::Index { .. }
        | ServerError::MetadataMismatch { .. }
        | ServerError::MetadataValue { .. } => "invalid_wheel",
        ServerError::Document { .. } => "invalid_attestations",
        ServerError::NotAdmitted { source, .. } if is_verdict(source) => "not_admitted",
        ServerError::NotAdmitted { .. } => "cannot_check",
        ServerError::ProjectClosed { .. } => "project_closed",
        _ => "internal",
    }
}

/// What is said of an error. Faults of this machine are for its log.
pub(super) fn refused(error: ServerError) -> HttpError {
    match code(&error) {
        "internal" => error.into(),
        "cannot_check" => {
            tracing::error!(error = &error as &dyn Error, "an upload cannot be checked");
            problem(
                "cannot_check",
                "nothing was published: this server cannot check wheels now, its log says why; upload it again later",
            )
        }
        code => problem(code, chain(&error)),
    }
}

/// An error with what caused it, as one text.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _infallible = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
