//! The form that twine and its like send: `multipart/form-data`, the file in `content`. It is called the legacy upload
//! API; PyPI's documentation of that is its only description.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartError};
use pkgsrv_index::{Digest, IndexError, WheelFilename};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::problem;
use crate::ServerError;
use crate::http::error::HttpError;

/// Fields that are read, each with its longest value, bytes. What else clients send repeats METADATA.
const READ: &[(&str, usize)] = &[
    (":action", 64),
    ("attestations", 8 << 20),
    ("filetype", 64),
    ("name", 256),
    ("protocol_version", 64),
    ("sha256_digest", 64),
    ("version", 256),
];
/// What every form says.
const FIXED: &[(&str, &str)] = &[(":action", "file_upload"), ("protocol_version", "1")];

/// A form as it was sent.
#[derive(Debug, Default)]
pub(crate) struct Form {
    fields: BTreeMap<&'static str, String>,
    file: Option<Received>,
}

/// A file that has arrived.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) filename: WheelFilename,
    pub(crate) path: PathBuf,
    pub(crate) sha256: Digest,
    /// Signed statements about it.
    pub(crate) attestations: Option<Vec<Value>>,
}

/// Reads a form to its end; the file goes into a directory. What is wrong with it is told when all has been read: clients
/// do not listen before.
pub(crate) async fn read_form(mut parts: Multipart, into: &Path, limit: u64) -> Result<Form, HttpError> {
    let mut form = Form::default();
    let mut first_error = None;
    while let Some(field) = parts.next_field().await.map_err(|error| unreadable(&error))? {
        if first_error.is_none() {
            first_error = form.read(field, into, limit).await.err();
        }
    }
    first_error.map_or(Ok(form), Err)
}

impl Form {
    async fn read(&mut self, field: Field<'_>, into: &Path, limit: u64) -> Result<(), HttpError> {
        let name = field.name().unwrap_or_default();
        if name == "content" {
            if self.file.is_some() {
                return Err(twice("content"));
            }
            self.file = Some(receive(field, into, limit).await?);
            return Ok(());
        }
        let Some(&(name, longest)) = READ.iter().find(|(known, _)| *known == name) else { return Ok(()) };
        if self.fields.insert(name, text(field, name, longest).await?).is_some() {
            return Err(twice(name));
        }
        Ok(())
    }

    /// The file, if the form fits it.
    pub(crate) fn checked(self) -> Result<Received, HttpError> {
        let Self { fields, file } = self;
        let field = |name: &str| fields.get(name).map(String::as_str);
        for &(name, expected) in FIXED {
            match field(name) {
                // Some clients leave it out.
                None if name == "protocol_version" => {}
                found if found == Some(expected) => {}
                found => return Err(unexpected(name, found, &format!("`{expected}`"))),
            }
        }
        match field("filetype") {
            None | Some("bdist_wheel") => {}
            Some("sdist") => return Err(no_sdist()),
            found => return Err(unexpected("filetype", found, "`bdist_wheel`")),
        }
        let Some(file) = file else {
            return Err(problem("invalid_form", "the form has no file: expected one in its field `content`"));
        };
        let is_name = |text: &str| text.parse().as_ref() == Ok(file.filename.name());
        let is_version = |text: &str| text.parse().as_ref() == Ok(file.filename.version());
        for (name, found, fits, expected) in [
            ("name", field("name"), field("name").is_some_and(is_name), file.filename.name().to_string()),
            (
                "version",
                field("version"),
                field("version").is_some_and(is_version),
                file.filename.version().to_string(),
            ),
        ] {
            if !fits {
                return Err(unexpected(name, found, &format!("that of {}, `{expected}`", file.filename)));
            }
        }
        let told = field("sha256_digest").map(str::to_ascii_lowercase);
        if told != Some(file.sha256.to_string()) {
            let found = told.map_or_else(|| "none".to_owned(), |told| format!("`{told}`"));
            return Err(problem(
                "wrong_digest",
                format!(
                    "{} arrived with SHA-256 {}, and the form's sha256_digest is {found}; upload it again",
                    file.filename, file.sha256
                ),
            ));
        }
        let attestations = field("attestations").map(attestations).transpose()?;
        Ok(Received { attestations, ..file })
    }
}

fn attestations(text: &str) -> Result<Vec<Value>, HttpError> {
    serde_json::from_str(text)
        .map_err(|error| problem("invalid_attestations", format!("the field `attestations` is no JSON array: {error}")))
}

/// Writes the file where it is checked, as it arrives.
async fn receive(mut field: Field<'_>, into: &Path, limit: u64) -> Result<Received, HttpError> {
    let sent_as = field.file_name().unwrap_or_default();
    let filename: WheelFilename = sent_as.parse().map_err(|error: IndexError| {
        if is_sdist(sent_as) { no_sdist() } else { problem("not_a_wheel", error.to_string()) }
    })?;
    let path = into.join(filename.as_str());
    let failed = |source| HttpError::from(ServerError::Write { path: path.clone(), source });
    let mut file = File::create_new(&path).await.map_err(failed)?;
    let (mut hasher, mut size) = (Sha256::new(), 0);
    while let Some(chunk) = field.chunk().await.map_err(|error| unreadable(&error))? {
        size += chunk.len() as u64;
        if size > limit {
            let detail = format!(
                "{filename} has more than {limit} bytes, which is all that this server takes; who runs it can raise \
                 --upload-limit"
            );
            return Err(problem("too_large", detail));
        }
        hasher.update(&chunk);
        file.write_all(&chunk).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    Ok(Received { filename, path, sha256: Digest::from_bytes(hasher.finalize().into()), attestations: None })
}

async fn text(mut field: Field<'_>, name: &str, longest: usize) -> Result<String, HttpError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| unreadable(&error))? {
        if bytes.len() + chunk.len() > longest {
            return Err(problem("invalid_form", format!("the field `{name}` has more than {longest} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| problem("invalid_form", format!("the field `{name}` is not UTF-8")))
}

fn is_sdist(filename: &str) -> bool {
    [".tar.gz", ".zip", ".tar.bz2", ".tar.xz"].iter().any(|ending| filename.ends_with(ending))
}

fn no_sdist() -> HttpError {
    let detail = "this index has wheels only: build one with `pkgsrv build FILE.tar.gz`, and upload that";
    problem("not_a_wheel", detail)
}

fn twice(name: &str) -> HttpError {
    problem("invalid_form", format!("the form has its field `{name}` twice: expected it once"))
}

fn unexpected(name: &str, found: Option<&str>, expected: &str) -> HttpError {
    let found = found.map_or_else(|| "is missing".to_owned(), |found| format!("is `{}`", excerpt(found)));
    problem("invalid_form", format!("the form's field `{name}` {found}: expected {expected}"))
}

fn excerpt(text: &str) -> String {
    text.chars().take(60).collect()
}

fn unreadable(error: &MultipartError) -> HttpError {
    if error.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
        return problem("too_large", "the form is larger than this server takes; who runs it can raise --upload-limit");
    }
    problem("invalid_form", format!("the form cannot be read to its end: {}", error.body_text()))
}
