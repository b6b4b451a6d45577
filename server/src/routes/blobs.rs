//! Wheels, their twins and their METADATA, by digest.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use pkgsrv_index::{ContentCoding, Digest, IndexError, WheelFilename};

use super::Asked;
use crate::http::App;
use crate::http::accept::{Chosen, choose};
use crate::http::error::HttpError;
use crate::http::page::Vary;
use crate::http::stream::{self, FileHeaders};
use crate::{Store, StoredObject};

pub(super) async fn blob(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let store = app.channels.store();
    let named = named(asked.digest("sha256")?, asked.text("filename").unwrap_or_default())?;
    let (object, vary) = chosen(store, named, &asked.headers)?;
    let about = FileHeaders::of(&object, vary);
    Ok(stream::file(&store.file(&object), about, &asked.method, &asked.headers).await)
}

/// The object that an address names. Wheels and twins are named alike.
fn named(sha256: Digest, name: &str) -> Result<StoredObject, HttpError> {
    let parse = |name: &str| -> Result<WheelFilename, HttpError> {
        name.parse().map_err(|error: IndexError| HttpError::NotFound(error.to_string()))
    };
    if let Some(wheel) = name.strip_suffix(".metadata") {
        return Ok(StoredObject::Metadata { sha256, filename: parse(wheel)? });
    }
    let encoded = |coding: ContentCoding| Some((name.strip_suffix(coding.ending())?, coding));
    Ok(match ContentCoding::ALL.into_iter().find_map(encoded) {
        Some((wheel, coding)) => StoredObject::EncodedTwin { sha256, filename: parse(wheel)?, coding },
        None => StoredObject::Wheel { sha256, filename: parse(name)? },
    })
}

/// The object to send: where the address names a twin, which has encodings beside it, the one that the client wants.
fn chosen(store: &Store, named: StoredObject, request: &HeaderMap) -> Result<(StoredObject, Vary), HttpError> {
    let StoredObject::Wheel { sha256, filename } = named else { return Ok((named, Vary::Nothing)) };
    let encoded = |coding| StoredObject::EncodedTwin { sha256, filename: filename.clone(), coding };
    // A look at three files costs less than handing that to another thread.
    let size = |coding| Some((coding, store.size(&encoded(coding))?));
    let encodings: Vec<(ContentCoding, u64)> = ContentCoding::ALL.into_iter().filter_map(size).collect();
    match choose(request, &encodings) {
        Chosen::Nothing => Err(HttpError::NoEncodingFits),
        Chosen::Encoded(coding) => Ok((encoded(coding), Vary::Encoding)),
        Chosen::Identity if encodings.is_empty() => Ok((StoredObject::Wheel { sha256, filename }, Vary::Nothing)),
        Chosen::Identity => Ok((StoredObject::Twin { sha256, filename }, Vary::Encoding)),
    }
}
