//! Head and repodata for our loader, and the index for mirrors.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use pkgsrv_index::{Abi, Digest, IndexError, Requirement};

use super::Asked;
use crate::StoredObject;
use crate::closure_nodes::nodes_of_closure;
use crate::http::error::HttpError;
use crate::http::page::{Page, Vary};
use crate::http::stream::{self, FileHeaders};
use crate::http::{App, blocking};
use crate::object::CachePolicy;
use crate::views::View;

pub(super) async fn object(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let abi: Abi = asked.parse("abi")?;
    let name = asked.text("object").unwrap_or_default();
    if name == "head.json" {
        let missing = || format!("nothing has been published for ABI {abi}");
        return asked.view(&app, View::Head { abi }, missing).await;
    }
    if let Some(sha256) = name.strip_suffix(".sig.json") {
        let sha256 = parsed(sha256)?;
        return asked.view(&app, View::HeadSignature { abi, sha256 }, || format!("{sha256} is not signed")).await;
    }
    let sha256 = digest(name)?;
    asked.view(&app, View::Node { abi, sha256 }, || format!("there is no repodata {sha256}")).await
}

/// A head of the line's history.
pub(super) async fn past_head(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let abi: Abi = asked.parse("abi")?;
    let name = asked.text("object").unwrap_or_default().strip_suffix(".json").unwrap_or_default();
    // One spelling: `01` and `+1` name nothing.
    let serial = name.parse::<u64>().ok().filter(|serial| serial.to_string() == name);
    let serial = serial.ok_or_else(HttpError::no_page)?;
    asked.view(&app, View::PastHead { abi, serial }, || format!("there is no head {serial} of ABI {abi}")).await
}

/// The nodes that requirements lead to from a root, a line each.
pub(super) async fn nodes(
    State(app): State<Arc<App>>,
    Query(parameters): Query<Vec<(String, String)>>,
    asked: Asked,
) -> Result<Response, HttpError> {
    let abi: Abi = asked.parse("abi")?;
    let root = parsed(asked.text("root").unwrap_or_default())?;
    let wanted = parameters.into_iter().filter(|(name, _)| name == "requirement").map(|(_, text)| text.parse());
    let wanted: Vec<Requirement> =
        wanted.collect::<Result<_, _>>().map_err(|error: IndexError| HttpError::NotFound(error.to_string()))?;
    let snapshot = asked.snapshot(&app).await?;
    let find = move || snapshot.line(abi).map(|line| nodes_of_closure(line, root, &wanted)).transpose();
    match blocking(find).await?.flatten() {
        Some(lines) => {
            let page = Arc::new(Page::new("application/x-ndjson", Vary::Encoding, lines));
            Ok(page.respond(&asked.headers, CachePolicy::ImmutableView).await)
        }
        None => Err(HttpError::NotFound(format!("there is no repodata {root}"))),
    }
}

/// A node of the index, which mirrors read.
pub(super) async fn index(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let (channel, abi) = (asked.channel()?, asked.parse("abi")?);
    let object = StoredObject::Index { channel, abi, sha256: digest(asked.text("object").unwrap_or_default())? };
    let about = FileHeaders::of(&object, Vary::Nothing);
    Ok(stream::file(&app.channels.store().file(&object), about, &asked.method, &asked.headers).await)
}

/// The digest in the name of an object.
fn digest(name: &str) -> Result<Digest, HttpError> {
    parsed(name.strip_suffix(".json").ok_or_else(HttpError::no_page)?)
}

fn parsed(text: &str) -> Result<Digest, HttpError> {
    text.parse().map_err(|error: IndexError| HttpError::NotFound(error.to_string()))
}
