//! Sources in `.zip` archives, unpacked with the care of the others.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use zip::ZipArchive;

use crate::error::{BuildError, IoContext as _};
use crate::source::{Fetched, LARGEST_UNPACKED, not_unpacked};

/// 1980-01-02 for all files: their times are of no known zone, and of two that are equal neither is made from the other
/// again.
const TIME: Duration = Duration::from_hours(24 * 3653);

/// Writes the entries below `into`; one that leads out of it, by name or as a link, is an error.
pub(crate) fn unpack(archive: &Fetched, into: &Path) -> Result<(), BuildError> {
    let bad = |reason: String| BuildError::Archive { filename: archive.filename.clone(), reason };
    let file = File::open(&archive.path).doing("open", &archive.path)?;
    let mut zip = ZipArchive::new(file).map_err(|error| bad(error.to_string()))?;
    let mut links = Vec::new();
    let mut total: u64 = 0;
    for at in 0..zip.len() {
        let mut entry = zip.by_index(at).map_err(|error| bad(error.to_string()))?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let leads_out = || bad(format!("{name} leads out of the archive"));
        let relative = entry.enclosed_name().ok_or_else(leads_out)?;
        let place = into.join(&relative);
        let failed = |error: io::Error| not_unpacked(&archive.filename, &name, into, error);
        if entry.is_dir() {
            fs::create_dir_all(&place).map_err(failed)?;
            continue;
        }
        total = total.saturating_add(entry.size());
        if total > LARGEST_UNPACKED {
            return Err(bad(format!("its files have more than {LARGEST_UNPACKED} bytes")));
        }
        fs::create_dir_all(place.parent().unwrap_or(into)).map_err(failed)?;
        if entry.is_symlink() {
            let mut target = String::new();
            entry.by_ref().take(4096).read_to_string(&mut target).map_err(failed)?;
            if !stays_inside(&relative, Path::new(&target)) {
                return Err(leads_out());
            }
            links.push((place, target));
            continue;
        }
        let executable = entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
        let mut out = File::create_new(&place).map_err(failed)?;
        let size = entry.size();
        let copied = io::copy(&mut entry.by_ref().take(size.saturating_add(1)), &mut out).map_err(failed)?;
        if copied != size {
            return Err(bad(format!("{name} has another size than the archive says")));
        }
        let mode = if executable { 0o755 } else { 0o644 };
        out.set_permissions(fs::Permissions::from_mode(mode)).map_err(failed)?;
        out.set_modified(SystemTime::UNIX_EPOCH + TIME).map_err(failed)?;
    }
    // After all files: none is written through a link.
    for (place, target) in links {
        symlink(&target, &place).map_err(|error| not_unpacked(&archive.filename, &target, into, error))?;
    }
    Ok(())
}

/// Whether a link in the archive leads to a place in it.
fn stays_inside(link: &Path, target: &Path) -> bool {
    let mut depth = link.components().count() - 1;
    target.components().all(|part| match part {
        Component::Normal(_) => {
            depth += 1;
            true
        }
        Component::ParentDir => {
            let is_inside = depth > 0;
            depth = depth.saturating_sub(1);
            is_inside
        }
        Component::CurDir => true,
        Component::RootDir | Component::Prefix(_) => false,
    })
}

/// Where a directory in an unpacked archive is; links are not followed.
pub(crate) fn directory_in(filename: &str, into: &Path, relative: &str) -> Result<PathBuf, BuildError> {
    let place = into.join(relative);
    let is_in_place = match (place.canonicalize(), into.canonicalize()) {
        (Ok(real), Ok(top)) => real == top.join(relative) && real.is_dir(),
        _ => false,
    };
    if is_in_place {
        return Ok(place);
    }
    let reason = format!("it has no directory {relative}, which `extract-dir` names");
    Err(BuildError::Archive { filename: filename.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    enum Entry {
        File(&'static str, u32),
        Link(&'static str),
    }

    fn unpacked(entries: &[(&str, Entry)]) -> (tempfile::TempDir, Result<(), String>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.zip");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        for (name, entry) in entries {
            match entry {
                Entry::File(text, mode) => {
                    zip.start_file(*name, SimpleFileOptions::default().unix_permissions(*mode)).unwrap();
                    zip.write_all(text.as_bytes()).unwrap();
                }
                Entry::Link(target) => zip.add_symlink(*name, *target, SimpleFileOptions::default()).unwrap(),
            }
        }
        zip.finish().unwrap();
        let into = directory.path().join("into");
        fs::create_dir(&into).unwrap();
        let result = unpack(&Fetched { path, filename: "a.zip".to_owned() }, &into);
        (directory, result.map_err(|error| error.to_string()))
    }

    #[test]
    fn files_modes_and_links_are_kept() {
        let (directory, result) = unpacked(&[
            ("demo/link", Entry::Link("../demo/configure")),
            ("demo/configure", Entry::File("x", 0o755)),
            ("demo/c/src/a.c", Entry::File("y", 0o644)),
        ]);
        result.unwrap();
        let into = directory.path().join("into");
        assert_eq!(fs::read_to_string(into.join("demo/link")).unwrap(), "x");
        assert_eq!(fs::metadata(into.join("demo/configure")).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(directory_in("a.zip", &into, "demo/c").unwrap(), into.join("demo/c"));
        let error = directory_in("a.zip", &into, "demo/link").unwrap_err().to_string();
        assert!(error.contains("it has no directory demo/link, which `extract-dir` names"), "{error}");
    }

    #[test]
    fn what_leads_out_is_refused() {
        for (name, entry) in [
            ("../evil", Entry::File("x", 0o644)),
            ("demo/link", Entry::Link("/etc/passwd")),
            ("demo/link", Entry::Link("../../evil")),
        ] {
            let (directory, result) = unpacked(&[(name, entry)]);
            let expected = format!("a.zip: not a whole archive: {name} leads out of the archive; nothing was kept");
            assert_eq!(result.unwrap_err(), expected);
            assert!(!directory.path().join("evil").exists());
        }
    }
}
