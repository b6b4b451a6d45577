//! A package that was built again: published names keep their bytes, so other bytes get a build number.

use anyhow::{Context as _, Result};
use pkgsrv::{Line, Upload, digest_of};
use pkgsrv_builder::{WheelDocuments, with_build_number};
use pkgsrv_index::{BuildTag, Digest, Project, WheelFilename};

/// The upload under the name by which a line publishes it: its own if that is free or has the same bytes, else with the
/// next build number, so that clients prefer it to what was published before. Names of deleted files are not free.
pub(crate) fn named_for(line: &Line, upload: Upload) -> Result<Upload> {
    let Some((number, sha256)) = newest_rival(&line.project(upload.filename.name())?, &upload.filename) else {
        return Ok(upload);
    };
    let same = if number == 0 { upload.clone() } else { numbered(&upload, number)? };
    if digest_of(&same.bytes) == sha256 { Ok(same) } else { numbered(&upload, number + 1) }
}

/// The highest build number that the wheel's name was ever published with, and the digest of that file.
fn newest_rival(project: &Project, ours: &WheelFilename) -> Option<(u64, Digest)> {
    let there = project.files().map(|entry| (entry.filename.clone(), entry.sha256));
    let deleted = project.deleted().filter_map(|(filename, sha256)| Some((filename.parse().ok()?, sha256)));
    let rivals = there.chain(deleted).filter(|(theirs, _): &(WheelFilename, _)| {
        theirs.name() == ours.name()
            && theirs.version() == ours.version()
            && theirs.compressed_tags() == ours.compressed_tags()
    });
    let numbers = rivals.map(|(theirs, sha256)| (theirs.build().map_or(0, BuildTag::number), sha256));
    numbers.max_by_key(|(number, _)| *number)
}

fn numbered(upload: &Upload, number: u64) -> Result<Upload> {
    let (filename, bytes) = with_build_number(upload.filename.as_str(), &upload.bytes, number)?;
    let filename = filename.parse().context("a build number made a wheel's name invalid")?;
    // They are about the bytes of before.
    Ok(Upload { filename, bytes, documents: WheelDocuments::new() })
}

#[cfg(test)]
mod tests {
    use pkgsrv_index::{Abi, FileEntry, UploadTime};

    use super::*;

    fn entry(filename: &str, byte: u8) -> FileEntry {
        let filename: WheelFilename = filename.parse().unwrap();
        let text = serde_json::json!({
            "filename": filename, "name": filename.name(), "version": filename.version(),
            "sha256": Digest::from_bytes([byte; 32]), "size": 1, "metadata_sha256": Digest::from_bytes([0; 32]),
            "upload_time": UploadTime::from_unix_micros(0), "depends": [], "imports": [],
        });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn a_deleted_file_counts() {
        let mut project = Project::default();
        let filenames = ["demo-1.0-py3-none-any.whl", "demo-1.0-1-py3-none-any.whl", "demo-2.0-py3-none-any.whl"];
        for (filename, byte) in filenames.iter().zip(1..) {
            project.insert(Abi::preferred(), entry(filename, byte)).unwrap();
        }
        let ours = filenames[0].parse().unwrap();
        let expected = Some((1, Digest::from_bytes([2; 32])));
        assert_eq!(newest_rival(&project, &ours), expected);
        project.delete(filenames[1]);
        assert_eq!(newest_rival(&project, &ours), expected);
        assert_eq!(newest_rival(&project, &"demo-3.0-py3-none-any.whl".parse().unwrap()), None);
    }
}
