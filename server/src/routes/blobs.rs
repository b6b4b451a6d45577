//! Wheels, their twins and their METADATA, by digest.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use pkgsrv_index::{ContentCoding, Digest, IndexError, WheelFilename};

use super::Asked;
use crate::encoding::DELTA_CODING;
use crate::http::App;
use crate::http::accept::{Chosen, Encoded, choose, dictionary};
use crate::http::error::HttpError;
use crate::http::page::Vary;
use crate::http::stream::{self, FileHeaders};
use crate::{BaseUrl, Store, StoredObject};

pub(super) async fn blob(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let store = app.channels.store();
    let named = named(asked.digest("sha256")?, asked.text("filename").unwrap_or_default())?;
    let family = match &named {
        StoredObject::Wheel { filename, .. } => Some(filename.family()),
        _ => None,
    };
    let (object, vary) = chosen(store, named, &asked.headers)?;
    let mut about = FileHeaders::of(&object, vary);
    if vary == Vary::EncodingAndDictionary {
        about.dictionary_for = family.and_then(|family| dictionary_for(&asked.base(&app).ok()?, &family));
    }
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
    let encoded = |key: StoredObject, coding| Some(Encoded { size: store.size(&key)?, key, coding });
    let twin_in = |coding| StoredObject::EncodedTwin { sha256, filename: filename.clone(), coding };
    // A look at three files costs less than handing that to another thread.
    let made = ContentCoding::ALL.into_iter().filter_map(|coding| encoded(twin_in(coding), coding.name()));
    let mut encodings: Vec<_> = made.collect();
    if encodings.is_empty() {
        return match choose::<StoredObject>(request, Vec::new()) {
            Chosen::Nothing => Err(HttpError::NoEncodingFits),
            _ => Ok((StoredObject::Wheel { sha256, filename }, Vary::Nothing)),
        };
    }
    let delta = dictionary(request).map(|dictionary| StoredObject::Delta { sha256, dictionary });
    encodings.extend(delta.and_then(|delta| encoded(delta, DELTA_CODING)));
    match choose(request, encodings) {
        Chosen::Nothing => Err(HttpError::NoEncodingFits),
        Chosen::Encoded(object) => Ok((object, Vary::EncodingAndDictionary)),
        Chosen::Identity => Ok((StoredObject::Twin { sha256, filename }, Vary::EncodingAndDictionary)),
    }
}

/// The value of `Use-As-Dictionary` ([RFC 9842](https://www.rfc-editor.org/rfc/rfc9842#section-2.1)): a browser that has
/// this file may be sent other releases of it as deltas. `None` for names that would mean something else in a pattern.
fn dictionary_for(base: &BaseUrl, family: &str) -> Option<HeaderValue> {
    let is_plain = family.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-*".contains(&byte));
    let pattern = format!("match=\"{}/blobs/*/{family}\"", base.path());
    is_plain.then(|| HeaderValue::from_str(&pattern).ok())?
}
