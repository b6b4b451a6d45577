//! A package that was built again: published names keep their bytes, so other bytes get a build number.

use anyhow::{Context as _, Result};
use pkgsrv::{Line, Upload, digest_of};
use pkgsrv_builder::{WheelDocuments, with_build_number};
use pkgsrv_index::{BuildTag, FileEntry};

/// The upload under the name by which a line publishes it: its own if that is free or has the same bytes, else with the
/// next build number, so that clients prefer it to what was published before.
pub(crate) fn named_for(line: &Line, upload: Upload) -> Result<Upload> {
    let project = line.project(upload.filename.name())?;
    let rivals = project.files().filter(|entry| {
        let (theirs, ours) = (&entry.filename, &upload.filename);
        theirs.name() == ours.name()
            && theirs.version() == ours.version()
            && theirs.compressed_tags() == ours.compressed_tags()
    });
    let number = |entry: &FileEntry| entry.filename.build().map_or(0, BuildTag::number);
    let Some(newest) = rivals.max_by_key(|entry| number(entry)) else { return Ok(upload) };
    let same = if number(newest) == 0 { upload.clone() } else { numbered(&upload, number(newest))? };
    if digest_of(&same.bytes) == newest.sha256 { Ok(same) } else { numbered(&upload, number(newest) + 1) }
}

fn numbered(upload: &Upload, number: u64) -> Result<Upload> {
    let (filename, bytes) = with_build_number(upload.filename.as_str(), &upload.bytes, number)?;
    let filename = filename.parse().context("a build number made a wheel's name invalid")?;
    // They are about the bytes of before.
    Ok(Upload { filename, bytes, documents: WheelDocuments::new() })
}
