//! What others' package loaders read whole: the runtime's own, and piplite.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::Asked;
use crate::http::App;
use crate::http::error::HttpError;
use crate::lockfile::LockfileAt;
use crate::object::CachePolicy;
use crate::views::View;

pub(super) async fn lockfile(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let abi = asked.parse("abi")?;
    asked.view(&app, View::Lockfile { abi }, String::new).await
}

/// The lockfile of one head: `{serial}-{sha256}.json`. The serial finds it, the digest is that of its bytes.
pub(super) async fn past(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let abi = asked.parse("abi")?;
    let name = asked.text("object").unwrap_or_default();
    let (serial, sha256) = LockfileAt::parse_name(name).ok_or_else(HttpError::no_page)?;
    let page = asked.page(&app, View::PastLockfile { abi, serial }).await?;
    match page.filter(|page| page.sha256() == sha256) {
        Some(page) => Ok(page.respond(&asked.headers, CachePolicy::ImmutableView).await),
        None => Err(HttpError::NotFound(format!("no head {serial} of ABI {abi} has the lockfile {sha256}"))),
    }
}

pub(super) async fn piplite(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let abi = asked.parse("abi")?;
    asked.view(&app, View::Piplite { abi }, String::new).await
}
