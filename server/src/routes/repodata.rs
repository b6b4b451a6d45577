//! Head and repodata for our loader.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use pkgsrv_index::{Abi, Digest, IndexError};

use super::Asked;
use crate::StoredObject;
use crate::http::App;
use crate::http::error::HttpError;
use crate::http::page::Vary;
use crate::http::stream::{self, FileHeaders};
use crate::views::View;

pub(super) async fn object(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let abi: Abi = asked.parse("abi")?;
    let name = asked.text("object").unwrap_or_default();
    if name == "head.json" {
        let missing = || format!("nothing has been published for ABI {abi}");
        return asked.view(&app, View::Head { abi }, missing).await;
    }
    let sha256: Digest = name
        .strip_suffix(".json")
        .ok_or_else(HttpError::no_page)?
        .parse()
        .map_err(|error: IndexError| HttpError::NotFound(error.to_string()))?;
    if asked.snapshot(&app).await?.is_current_repodata(abi, sha256) {
        return asked.view(&app, View::Repodata { abi }, || format!("there is no repodata {sha256}")).await;
    }
    // An earlier one: asked for by who read the head a moment ago, so not worth keeping in memory.
    let object = StoredObject::Repodata { channel: asked.channel()?, abi, sha256 };
    let about = FileHeaders::of(&object, Vary::Nothing);
    Ok(stream::file(&app.channels.store().file(&object), about, &asked.method, &asked.headers).await)
}
