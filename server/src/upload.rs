//! A wheel on its way into a channel: read, checked, described.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use pkgsrv_builder::WheelDocuments;
use pkgsrv_index::{
    Abi, Digest, ExtraName, FileEntry, IndexError, PackageName, UploadTime, Version, VersionSpecifiers, WheelFilename,
    evaluate,
};
use pkgsrv_wheel::{Metadata, Wheel};

use crate::store::digest_of;
use crate::{ServerError, wheel_document};

/// Largest wheel that is read whole, bytes.
const LARGEST: u64 = 1 << 30;

/// A wheel's filename and bytes, and what comes with it.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The filename it is to have.
    pub filename: WheelFilename,
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Documents about it, which are published with it.
    pub documents: WheelDocuments,
}

impl Upload {
    /// Reads a wheel from disk, and the documents beside it; the path's last part is its filename.
    pub fn read(path: &Path) -> Result<Self, ServerError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let filename = name.parse().map_err(|source| ServerError::NotAWheelName { path: path.to_owned(), source })?;
        let failed = |source| ServerError::Read { path: path.to_owned(), source };
        let size = fs::metadata(path).map_err(failed)?.len();
        if size > LARGEST {
            return Err(ServerError::TooLarge { path: path.to_owned(), size, limit: LARGEST });
        }
        Ok(Self { filename, bytes: fs::read(path).map_err(failed)?, documents: wheel_document::beside(path)? })
    }
}

/// An upload whose archive, RECORD, entry points, METADATA and documents have been checked.
#[derive(Debug)]
pub(crate) struct CheckedUpload<'a> {
    pub(crate) filename: &'a WheelFilename,
    pub(crate) bytes: &'a [u8],
    pub(crate) sha256: Digest,
    pub(crate) wheel: Wheel<'a>,
    pub(crate) metadata_bytes: Vec<u8>,
    pub(crate) documents: &'a WheelDocuments,
    metadata: Metadata,
    requires_python: Option<VersionSpecifiers>,
    extras: BTreeSet<ExtraName>,
    imports: Vec<String>,
}

impl<'a> CheckedUpload<'a> {
    pub(crate) fn new(upload: &'a Upload) -> Result<Self, ServerError> {
        let filename = &upload.filename;
        let refused = |source| ServerError::Wheel { filename: filename.to_string(), source };
        let wheel = Wheel::parse(upload.bytes.as_slice()).map_err(refused)?;
        wheel.verify_record().map_err(refused)?;
        wheel.wheel_file().map_err(refused)?;
        wheel.entry_points().map_err(refused)?;
        let metadata = wheel.metadata().map_err(refused)?;
        check_identity(filename, &metadata)?;
        let sha256 = digest_of(&upload.bytes);
        wheel_document::check(filename, sha256, &upload.documents)?;
        Ok(Self {
            filename,
            bytes: &upload.bytes,
            sha256,
            documents: &upload.documents,
            metadata_bytes: wheel.metadata_bytes().map_err(refused)?,
            requires_python: requires_python(filename, &metadata)?,
            extras: provided_extras(filename, &metadata)?,
            imports: wheel.top_level_modules().map_err(refused)?,
            metadata,
            wheel,
        })
    }

    /// What the index of one line records about it.
    pub(crate) fn entry(&self, abi: Abi, upload_time: UploadTime) -> Result<FileEntry, ServerError> {
        let lines = self.metadata.requires_dist.iter().map(String::as_str);
        let dependencies = evaluate(lines, &self.extras, abi)
            .map_err(|source| ServerError::Index { filename: self.filename.to_string(), source })?;
        Ok(FileEntry {
            filename: self.filename.clone(),
            name: self.filename.name().clone(),
            version: self.filename.version().clone(),
            sha256: self.sha256,
            size: self.bytes.len() as u64,
            twin: None,
            compiled: None,
            metadata_sha256: digest_of(&self.metadata_bytes),
            admission_sha256: None,
            documents: self.documents.iter().map(|(kind, bytes)| (*kind, digest_of(bytes))).collect(),
            upload_time,
            requires_python: self.requires_python.clone(),
            depends: dependencies.depends,
            extras: dependencies.extras,
            imports: self.imports.clone(),
            yanked: None,
        })
    }
}

fn check_identity(filename: &WheelFilename, metadata: &Metadata) -> Result<(), ServerError> {
    let mismatch = |field, found: &str, expected: String| ServerError::MetadataMismatch {
        filename: filename.to_string(),
        field,
        found: found.to_owned(),
        expected,
    };
    if metadata.name.parse::<PackageName>().as_ref() != Ok(filename.name()) {
        return Err(mismatch("Name", &metadata.name, filename.name().to_string()));
    }
    if metadata.version.parse::<Version>().as_ref() != Ok(filename.version()) {
        return Err(mismatch("Version", &metadata.version, filename.version().to_string()));
    }
    Ok(())
}

fn requires_python(filename: &WheelFilename, metadata: &Metadata) -> Result<Option<VersionSpecifiers>, ServerError> {
    let Some(text) = &metadata.requires_python else { return Ok(None) };
    let specifiers =
        text.parse().map_err(|error: <VersionSpecifiers as std::str::FromStr>::Err| ServerError::MetadataValue {
            filename: filename.to_string(),
            field: "Requires-Python",
            found: text.clone(),
            reason: error.to_string().lines().next().unwrap_or_default().to_owned(),
        })?;
    Ok(Some(specifiers))
}

fn provided_extras(filename: &WheelFilename, metadata: &Metadata) -> Result<BTreeSet<ExtraName>, ServerError> {
    let parse = |text: &String| {
        text.parse().map_err(|source: IndexError| ServerError::Index { filename: filename.to_string(), source })
    };
    metadata.provides_extra.iter().map(parse).collect()
}
