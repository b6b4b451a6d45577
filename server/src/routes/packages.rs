//! The pages of one package, the reports on admission, and the documents about wheels.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use pkgsrv_index::{Abi, Digest, IndexError, PackageName, WheelFilename};

use super::Asked;
use super::simple::redirect;
use crate::environments::environments;
use crate::http::error::HttpError;
use crate::http::page::Vary;
use crate::http::stream::{self, FileHeaders};
use crate::http::{App, blocking};
use crate::package_page::PackagedIn;
use crate::views::{ReportFormat, View};
use crate::{ChannelName, ServerError, StoredObject};

pub(super) async fn package(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    let name: PackageName = asked.parse("name")?;
    if asked.text("name") != Some(name.as_str()) {
        return Ok(redirect(&format!("../{name}/")));
    }
    let missing = format!("there is no project {name} in this channel");
    let environments = environments_with(&app, asked.channel()?, name.clone()).await?;
    asked.view(&app, View::Package { name, environments }, || missing).await
}

/// Those of a channel; they change without its heads.
async fn environments_with(app: &App, channel: ChannelName, name: PackageName) -> Result<Vec<PackagedIn>, ServerError> {
    let data = app.settings.data.clone();
    blocking(move || {
        let mut found = Vec::new();
        for abi in Abi::known() {
            for overview in environments(&data.environments(&channel, abi))? {
                let package = overview.packages.into_iter().find(|package| package.name == name.as_str());
                let environment = overview.name;
                found.extend(package.map(|package| PackagedIn { abi, environment, version: package.version }));
            }
        }
        Ok(found)
    })
    .await
}

pub(super) async fn page(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    report(&app, &asked, ReportFormat::Html).await
}

pub(super) async fn json(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    report(&app, &asked, ReportFormat::Json).await
}

async fn report(app: &Arc<App>, asked: &Asked, format: ReportFormat) -> Result<Response, HttpError> {
    let name: PackageName = asked.parse("name")?;
    let filename: WheelFilename = asked.parse("filename")?;
    let missing = format!("there is no report on the admission of {filename} to this channel");
    if *filename.name() != name || asked.text("name") != Some(name.as_str()) {
        return Err(HttpError::NotFound(missing));
    }
    asked.view(app, View::Admission { filename, format }, || missing).await
}

/// A report under its own digest.
pub(super) async fn report_object(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    object(&app, &asked, |sha256| StoredObject::Admission { sha256 }).await
}

/// A document about a wheel under its own digest.
pub(super) async fn document_object(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, HttpError> {
    object(&app, &asked, |sha256| StoredObject::Document { sha256 }).await
}

async fn object(app: &App, asked: &Asked, named: fn(Digest) -> StoredObject) -> Result<Response, HttpError> {
    let name = asked.text("object").unwrap_or_default();
    let sha256: Digest = name
        .strip_suffix(".json")
        .ok_or_else(HttpError::no_page)?
        .parse()
        .map_err(|error: IndexError| HttpError::NotFound(error.to_string()))?;
    let object = named(sha256);
    let about = FileHeaders::of(&object, Vary::Nothing);
    Ok(stream::file(&app.channels.store().file(&object), about, &asked.method, &asked.headers).await)
}
