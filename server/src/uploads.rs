//! Uploads by HTTP: a wheel that has arrived is checked as `pkgsrv publish` checks it, and published.

mod form;
mod refusal;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use pkgsrv_builder::BuildError;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::audit::Event;
use crate::gate::{Gate, abis_of};
use crate::http::error::HttpError;
use crate::tokens::UploadToken;
use crate::{ChannelName, DataDir, PublishedLine, ServerError, Store, Upload, UploadSettings, publish, sign_files};

pub(crate) use form::{Received, read_form};
pub(crate) use refusal::problem;

/// Wheels that are checked at the same time; others wait.
const AT_ONCE: usize = 2;
/// What is older in the staging directory was left by a program that was killed.
const OLDEST_STAGED: Duration = Duration::from_hours(24);

/// How many wheels may still be checked beside those that are.
#[derive(Debug)]
pub(crate) struct Turns(Arc<Semaphore>);

/// May check a wheel, as long as it is not dropped.
pub(crate) struct Turn {
    /// Always there: nobody closes the semaphore.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Turns {
    /// Waits for a turn.
    pub(crate) async fn next(&self) -> Turn {
        Turn { _permit: Arc::clone(&self.0).acquire_owned().await.ok() }
    }
}

/// A directory for an upload, removed with what is in it when this is dropped.
pub(crate) fn staging(data: &DataDir) -> Result<TempDir, ServerError> {
    let staging = data.staging();
    let failed = |source| ServerError::Write { path: staging.clone(), source };
    fs::create_dir_all(&staging).map_err(failed)?;
    for left in fs::read_dir(&staging).map_err(failed)?.flatten() {
        let changed = left.metadata().and_then(|metadata| metadata.modified());
        if changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age > OLDEST_STAGED)) {
            let _kept_then = fs::remove_dir_all(left.path());
        }
    }
    tempfile::Builder::new().tempdir_in(&staging).map_err(failed)
}

/// Checks a file that has arrived, and publishes it; that it was asked for, and what became of it, is noted.
pub(crate) fn publish_received(
    settings: &UploadSettings,
    data: &DataDir,
    channel: &ChannelName,
    token: &UploadToken,
    received: &Received,
) -> Result<Vec<PublishedLine>, HttpError> {
    let (token, channel_name, filename) = (token.name.as_str(), channel.as_str(), received.filename.as_str());
    let sha256 = received.sha256;
    let audit = data.audit();
    audit.add(&Event::UploadReceived { token, channel: channel_name, filename, sha256 })?;
    let published = publish_file(settings, &data.store(), channel, received);
    let event = match &published {
        Ok(_) => Event::UploadPublished { token, channel: channel_name, filename, sha256 },
        Err(error) => {
            let code = refusal::code(error);
            Event::UploadRefused { token, channel: channel_name, filename, sha256, code }
        }
    };
    audit.add(&event)?;
    let lines = published.map_err(refusal::refused)?;
    // It is published whatever becomes of this, which is done every hour too.
    if let Err(error) = sign_files(data, SystemTime::now()) {
        tracing::error!(error = &error as &dyn std::error::Error, "cannot sign the lists of files");
    }
    Ok(lines)
}

fn publish_file(
    settings: &UploadSettings,
    store: &Store,
    channel: &ChannelName,
    received: &Received,
) -> Result<Vec<PublishedLine>, ServerError> {
    if let Some(attestations) = &received.attestations {
        write_provenance(&received.path, attestations)?;
    }
    let upload = Upload::read(&received.path)?;
    let uploads = std::slice::from_ref(&upload);
    let paths = [(received.filename.clone(), received.path.clone())];
    let gate = Gate::new(&settings.context, store, paths, &settings.test);
    publish(store, channel, &abis_of(uploads), uploads, SystemTime::now(), &|candidate| gate.admit(candidate))
}

/// Lays the attestations of an upload beside it, as the provenance object that is published with the wheel.
///
/// Who uploaded is known by a token, which is no identity that the signatures could be compared with: the publisher says
/// no more than that.
fn write_provenance(wheel: &Path, attestations: &[Value]) -> Result<(), ServerError> {
    let publisher = json!({ "kind": "Upload Token", "claims": null });
    let provenance = json!({
        "version": 1,
        "attestation_bundles": [{ "publisher": publisher, "attestations": attestations }],
    });
    let mut path = wheel.as_os_str().to_owned();
    path.push(pkgsrv_index::DocumentKind::Attestations.ending());
    fs::write(&path, provenance.to_string()).map_err(|source| ServerError::Write { path: path.into(), source })
}

/// Whether the admission of a wheel ended with a word on the wheel, and not with a fault of this machine.
fn is_verdict(source: &crate::AdmissionError) -> bool {
    matches!(source.downcast_ref(), Some(BuildError::NotAdmitted { .. }))
}
