//! Source archives and tools: fetched once by hash, kept by hash, unpacked with care.

use std::fs::{self, File};
use std::io::{BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bzip2::read::MultiBzDecoder;
use flate2::read::GzDecoder;
use lzma_rust2::XzReader;
use pkgsrv_index::{Digest, PackageName};
use pkgsrv_recipe::{LockedWheel, Recipe, SourceOrigin};
use pkgsrv_wheel::{Metadata, Wheel};
use sha2::{Digest as _, Sha256};

use crate::admission::file_name;
use crate::cache;
use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::toolchain::Toolchain;
use crate::upstream::{self, Failed, UpstreamFile};
use crate::zip_archive;

/// A file of this size is larger than any sdist; reading on would only fill the disk.
const LARGEST_SOURCE: u64 = 2 << 30;

/// Bytes that all files of an archive may have together.
pub(crate) const LARGEST_UNPACKED: u64 = 8 << 30;

/// Entries of a tar archive; the largest sources have some 100,000.
const MOST_ENTRIES: u64 = 1_000_000;

/// Bytes of an entry that only tells of the next one: its name, its times.
const LONGEST_EXTENSION: u64 = 1 << 20;

/// Bytes of a PKG-INFO, with the description at its end.
const LONGEST_METADATA: u64 = 16 << 20;

/// KiB; `xz -9` needs 65 MiB.
const MOST_XZ_MEMORY: u32 = 256 << 10;

/// A file in the cache, its bytes checked against the hash.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Where it lies.
    pub path: PathBuf,
    /// Its own name.
    pub filename: String,
}

/// Fetches the recipe's source archive, or finds it in the cache.
pub fn fetch_source(context: &Context, toolchain: &Toolchain, recipe: &Recipe) -> Result<Fetched, BuildError> {
    let sha256 = &recipe.source.sha256;
    if let Some(found) = cached(context, sha256)? {
        return Ok(found);
    }
    match &recipe.source.origin {
        SourceOrigin::PyPi(project) => {
            let version = recipe.version.to_string();
            let is_sdist = |name: &str| {
                let stem = name.strip_suffix(".tar.gz");
                stem.and_then(|stem| stem.rsplit_once('-'))
                    .is_some_and(|(_, v)| v.parse::<pep440_rs::Version>().is_ok_and(|v| v == recipe.version))
            };
            fetch_upstream(context, project, sha256, &format!("an sdist of version {version}"), is_sdist)
        }
        SourceOrigin::PyPiWheel { project, filename } => {
            fetch_upstream(context, project, sha256, filename, |name| name == filename)
        }
        SourceOrigin::Url(url) => {
            let file = UpstreamFile::at(url);
            check_plain(&file.filename)?;
            fetch(context, &context.upstream.client()?, &file, sha256)
        }
        SourceOrigin::Debian { package, file } => fetch_debian(context, toolchain, (package, file), sha256),
    }
}

/// Fetches a file of a Debian source package that is not in the cache.
pub(crate) fn fetch_debian(
    context: &Context,
    toolchain: &Toolchain,
    (package, file): (&str, &str),
    sha256: &Digest,
) -> Result<Fetched, BuildError> {
    let work = context.cache.work_directory("debian-source")?;
    let path = toolchain.fetch_debian_source(context, package, file, work.path())?;
    keep(context, &path, file, sha256)
}

/// Fetches a pinned build tool, or finds it in the cache.
pub fn fetch_wheel(context: &Context, wheel: &LockedWheel) -> Result<Fetched, BuildError> {
    if let Some(found) = cached(context, &wheel.sha256)? {
        return Ok(found);
    }
    let filename = wheel.filename.as_str();
    fetch_upstream(context, wheel.filename.name(), &wheel.sha256, filename, |name| name == filename)
}

/// Fetches a file of a project by its name and hash, or finds it in the cache.
pub(crate) fn fetch_file(
    context: &Context,
    project: &PackageName,
    sha256: &Digest,
    filename: &str,
) -> Result<Fetched, BuildError> {
    match cached(context, sha256)? {
        Some(found) => Ok(found),
        None => fetch_upstream(context, project, sha256, filename, |name| name == filename),
    }
}

/// Keeps a copy of a file of this machine among the sources.
pub(crate) fn keep_copy(context: &Context, path: &Path, sha256: &Digest) -> Result<Fetched, BuildError> {
    if let Some(found) = cached(context, sha256)? {
        return Ok(found);
    }
    let work = context.cache.work_directory("copy")?;
    let copy = work.path().join("file");
    fs::copy(path, &copy).doing("copy", path)?;
    let filename = path.file_name().unwrap_or_default().to_string_lossy();
    keep(context, &copy, &filename, sha256)
}

pub(crate) fn cached(context: &Context, sha256: &Digest) -> Result<Option<Fetched>, BuildError> {
    let directory = context.cache.sources().join(sha256.to_string());
    match read(&directory, sha256)? {
        None => Ok(None),
        Some(Ok(fetched)) => {
            cache::mark_used(&directory);
            Ok(Some(fetched))
        }
        Some(Err(reason)) => context.discard("source", &directory, &reason).map(|()| None),
    }
}

/// The file in a source's directory, checked; `None` if there is no directory. The inner error is what is damaged.
pub(crate) fn read(directory: &Path, sha256: &Digest) -> Result<Option<Result<Fetched, String>>, BuildError> {
    let Ok(entries) = fs::read_dir(directory) else { return Ok(None) };
    let files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    let [path] = files.as_slice() else {
        return Ok(Some(Err(format!("it has {} files, expected one", files.len()))));
    };
    let filename = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let found = hash_file(path)?;
    Ok(Some(if found == *sha256 {
        Ok(Fetched { path: path.clone(), filename })
    } else {
        Err(format!("{filename} has SHA-256 {found}, expected {sha256}"))
    }))
}

/// The file with this hash; where the index has none, the one of this name is fetched all the same, so that the error
/// can tell both hashes.
fn fetch_upstream(
    context: &Context,
    project: &PackageName,
    sha256: &Digest,
    wanted: &str,
    fits: impl Fn(&str) -> bool,
) -> Result<Fetched, BuildError> {
    let client = context.upstream.client()?;
    let found = context.upstream.find(&client, context, project, |files| {
        let with_hash = files.iter().position(|file| file.has_hash(sha256));
        with_hash.or_else(|| files.iter().position(|file| fits(&file.filename)))
    })?;
    let file = found.ok_or_else(|| BuildError::NotUpstream { project: project.clone(), file: wanted.to_owned() })?;
    check_plain(&file.filename)?;
    fetch(context, &client, &file, sha256)
}

fn fetch(
    context: &Context,
    client: &reqwest::blocking::Client,
    file: &UpstreamFile,
    sha256: &Digest,
) -> Result<Fetched, BuildError> {
    let work = context.cache.work_directory("fetch")?;
    let path = work.path().join("file");
    upstream::persistently(context, || download(context, client, file, &path))?;
    keep(context, &path, &file.filename, sha256)
}

/// The index names the file, and the name becomes a path.
fn check_plain(filename: &str) -> Result<(), BuildError> {
    let plain = !filename.starts_with('.') && !filename.contains(['/', '\\', '\0']) && !filename.is_empty();
    let reason = || "the index gives it a name that is not a plain file name".to_owned();
    if plain {
        Ok(())
    } else {
        Err(BuildError::Fetch { what: format!("{filename:?}"), reason: reason(), source: None })
    }
}

fn download(
    context: &Context,
    client: &reqwest::blocking::Client,
    file: &UpstreamFile,
    path: &Path,
) -> Result<(), Failed> {
    let failed = |source| context.upstream.failed(file.filename.clone(), source);
    let mut response =
        client.get(file.address()).send().and_then(reqwest::blocking::Response::error_for_status).map_err(failed)?;
    let length = response.content_length().or(file.size);
    let bar = context.progress.download(&file.filename, length);
    let mut out = File::create(path).doing("create", path)?;
    let mut buffer = vec![0; 1 << 16];
    let mut total = 0;
    loop {
        context.interrupt.check()?;
        let count = response.read(&mut buffer).map_err(|error| broken(context, file, total, &error))?;
        if count == 0 {
            break;
        }
        total += count as u64;
        if total > LARGEST_SOURCE {
            let reason = format!("it is larger than {LARGEST_SOURCE} bytes");
            return Err(BuildError::Fetch { what: file.filename.clone(), reason, source: None }.into());
        }
        out.write_all(&buffer[..count]).doing("write", path)?;
        bar.advance(count as u64);
    }
    if let Some(length) = length.filter(|length| *length != total) {
        let reason = format!("the transfer ended after {total} of {length} bytes");
        return Err(Failed::ForNow(BuildError::Fetch { what: file.filename.clone(), reason, source: None }));
    }
    bar.done(&format!("{total} bytes"));
    Ok(())
}

/// The error of a transfer that began; one that stalled is not tried again.
fn broken(context: &Context, file: &UpstreamFile, total: u64, error: &std::io::Error) -> Failed {
    let failed = |reason| BuildError::Fetch { what: file.filename.clone(), reason, source: None };
    let causes = std::iter::successors(error.get_ref().map(|inner| inner as &dyn std::error::Error), |e| e.source());
    let stalled = error.kind() == std::io::ErrorKind::TimedOut
        || causes.filter_map(|cause| cause.downcast_ref::<reqwest::Error>()).any(reqwest::Error::is_timeout);
    if !stalled {
        return Failed::ForNow(failed(format!("the transfer broke after {total} bytes: {error}")));
    }
    let wait = context.upstream.patience().as_secs_f32();
    Failed::ForGood(failed(format!(
        "the server stalled: {total} bytes came, then nothing for {wait} s; try again, or wait longer with \
         --upstream-timeout SECONDS"
    )))
}

/// Checks the hash and moves the file to its place.
fn keep(context: &Context, path: &Path, filename: &str, expected: &Digest) -> Result<Fetched, BuildError> {
    check_hash(path, filename, expected)?;
    let finished = context.cache.work_directory("source")?;
    let place = finished.path().join(filename);
    fs::rename(path, &place).doing("move the fetched file to", &place)?;
    let directory = context.cache.sources().join(expected.to_string());
    finished.move_into_place(&directory)?;
    Ok(Fetched { path: directory.join(filename), filename: filename.to_owned() })
}

/// Refuses a fetched file that is not the one that was pinned; `filename` is what it is called in the message.
pub(crate) fn check_hash(path: &Path, filename: &str, expected: &Digest) -> Result<(), BuildError> {
    let found = hash_file(path)?;
    if found == *expected {
        return Ok(());
    }
    Err(BuildError::WrongHash {
        filename: filename.to_owned(),
        found: found.to_string(),
        expected: expected.to_string(),
    })
}

/// SHA-256 of a file's bytes.
pub(crate) fn hash_file(path: &Path) -> Result<Digest, BuildError> {
    let mut file = File::open(path).doing("open", path)?;
    let mut hasher = Sha256::new();
    std::io::copy(&mut file, &mut hasher).doing("read", path)?;
    Ok(Digest::from_bytes(hasher.finalize().into()))
}

/// Unpacks a `.tar.gz`, `.tar.xz`, `.tar.bz2` or `.zip`, and returns the directory in it that is asked for, or the one at
/// the top if it has one; that lies in `into`. Entries that lead out of `into` (by name or through a link) are an error.
pub fn unpack(archive: &Fetched, into: &Path, directory: Option<&str>) -> Result<PathBuf, BuildError> {
    if archive.filename.strip_suffix(".zip").is_some() {
        zip_archive::unpack(archive, into)?;
    } else {
        unpack_tar(archive, into)?;
    }
    if let Some(relative) = directory {
        return zip_archive::directory_in(&archive.filename, into, relative);
    }
    let mut tops = fs::read_dir(into).doing("read", into)?;
    match (tops.next(), tops.next()) {
        // A link is none: it may lead to a directory of the machine's.
        (Some(Ok(top)), None) if top.file_type().is_ok_and(|kind| kind.is_dir()) => Ok(top.path()),
        _ => Err(BuildError::Archive {
            filename: archive.filename.clone(),
            reason: "expected one directory at the top; name the one that is the source by `extract-dir`".to_owned(),
        }),
    }
}

/// Reads through a tar archive and refuses what would take too much: names that the tar reader holds in memory, entries
/// without number, files of more bytes than [`LARGEST_UNPACKED`].
fn check_tar(archive: &Fetched) -> Result<(), BuildError> {
    let bad = |reason: String| BuildError::Archive { filename: archive.filename.clone(), reason };
    let file = File::open(&archive.path).doing("open", &archive.path)?;
    let mut tar = tar::Archive::new(inflated(&archive.filename, file));
    let (mut total, mut count) = (0_u64, 0_u64);
    for entry in tar.entries().map_err(|error| bad(error.to_string()))?.raw(true) {
        let entry = entry.map_err(|error| bad(error.to_string()))?;
        let kind = entry.header().entry_type();
        let tells_of_another = kind.is_gnu_longname()
            || kind.is_gnu_longlink()
            || kind.is_pax_local_extensions()
            || kind.is_pax_global_extensions();
        if tells_of_another && entry.size() > LONGEST_EXTENSION {
            return Err(bad(format!("a name or a header in it has more than {LONGEST_EXTENSION} bytes")));
        }
        (total, count) = (total.saturating_add(entry.size()), count + 1);
        if total > LARGEST_UNPACKED {
            return Err(bad(format!("its files have more than {LARGEST_UNPACKED} bytes")));
        }
        if count > MOST_ENTRIES {
            return Err(bad(format!("it has more than {MOST_ENTRIES} entries")));
        }
    }
    Ok(())
}

fn unpack_tar(archive: &Fetched, into: &Path) -> Result<(), BuildError> {
    check_tar(archive)?;
    let bad = |reason: String| BuildError::Archive { filename: archive.filename.clone(), reason };
    let file = File::open(&archive.path).doing("open", &archive.path)?;
    let mut tar = tar::Archive::new(inflated(&archive.filename, file));
    let place = |entry: &mut tar::Entry<'_, _>| {
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        match entry.unpack_in(into) {
            Ok(true) => Ok(()),
            Ok(false) => Err(bad(format!("{name} leads out of the archive"))),
            Err(error) => Err(not_unpacked(&archive.filename, &name, into, error)),
        }
    };
    let mut directories = Vec::new();
    let mut total: u64 = 0;
    for entry in tar.entries().map_err(|error| bad(error.to_string()))? {
        let mut entry = entry.map_err(|error| bad(error.to_string()))?;
        // Of a sparse file it is what it would have without holes.
        total = total.saturating_add(entry.size());
        if total > LARGEST_UNPACKED {
            return Err(bad(format!("its files have more than {LARGEST_UNPACKED} bytes")));
        }
        // Last, since one that is read-only would refuse its files.
        if entry.header().entry_type().is_dir() {
            directories.push(entry);
        } else {
            place(&mut entry)?;
        }
    }
    directories.iter_mut().try_for_each(place)?;
    bring_to_the_past(into)
}

/// The METADATA of a wheel.
pub(crate) fn wheel_metadata(path: &Path) -> Result<Metadata, BuildError> {
    let bytes = fs::read(path).doing("read", path)?;
    let wheel_error = |source| BuildError::Wheel { filename: file_name(path), source };
    Wheel::parse(bytes.as_slice()).and_then(|wheel| wheel.metadata()).map_err(wheel_error)
}

/// The PKG-INFO at the top of an sdist; `None` where there is none, or what is there is no sdist.
pub(crate) fn pkg_info(archive: &Fetched) -> Option<String> {
    check_tar(archive).ok()?;
    let mut tar = tar::Archive::new(inflated(&archive.filename, File::open(&archive.path).ok()?));
    for entry in tar.entries().ok()? {
        let entry = entry.ok()?;
        let path = entry.path().ok()?.into_owned();
        if path.components().count() == 2 && path.file_name()? == "PKG-INFO" {
            let mut text = Vec::new();
            entry.take(LONGEST_METADATA).read_to_end(&mut text).ok()?;
            return Some(String::from_utf8_lossy(&text).into_owned());
        }
    }
    None
}

/// The tar archive inside, by what the file's name says that it is packed with.
fn inflated(filename: &str, file: File) -> Box<dyn Read> {
    match filename.rsplit_once('.') {
        Some((_, "xz")) => Box::new(XzReader::new_mem_limit(BufReader::new(file), true, MOST_XZ_MEMORY)),
        Some((_, "bz2")) => Box::new(MultiBzDecoder::new(file)),
        _ => Box::new(GzDecoder::new(file)),
    }
}

/// The error of one entry: the archive's, unless it is the disk's.
pub(crate) fn not_unpacked(archive: &str, entry: &str, into: &Path, error: std::io::Error) -> BuildError {
    use std::io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    if matches!(error.kind(), PermissionDenied | QuotaExceeded | ReadOnlyFilesystem | StorageFull) {
        return BuildError::Io { doing: "unpack to", path: into.join(entry), source: error };
    }
    BuildError::Archive { filename: archive.to_owned(), reason: format!("{entry}: {error}") }
}

/// Moves all times back by the same, if some are in the future: a clock that is wrong, here or where the archive was
/// made, would stop build systems, and their order tells what is made from what.
fn bring_to_the_past(top: &Path) -> Result<(), BuildError> {
    let mut times = Vec::new();
    let mut pending = vec![top.to_owned()];
    while let Some(path) = pending.pop() {
        let metadata = fs::symlink_metadata(&path).doing("read", &path)?;
        if metadata.is_dir() {
            for entry in fs::read_dir(&path).doing("read", &path)? {
                pending.push(entry.doing("read", &path)?.path());
            }
        } else if metadata.is_file() {
            let modified = metadata.modified().doing("read the time of", &path)?;
            times.push((path, modified));
        }
    }
    let newest = times.iter().map(|(_, time)| *time).max();
    let Some(ahead) = newest.and_then(|newest| newest.duration_since(SystemTime::now()).ok()) else { return Ok(()) };
    for (path, time) in times {
        // Before what a file system can hold there is nothing to keep in order.
        let time = time.checked_sub(ahead).unwrap_or(SystemTime::UNIX_EPOCH);
        File::open(&path).and_then(|file| file.set_modified(time)).doing("set the time of", &path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(directory: &Path, build: impl FnOnce(&mut tar::Builder<flate2::write::GzEncoder<File>>)) -> Fetched {
        let path = directory.join("a.tar.gz");
        let file = File::create(&path).unwrap();
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
        build(&mut tar);
        tar.into_inner().unwrap().finish().unwrap();
        Fetched { path, filename: "a.tar.gz".to_owned() }
    }

    fn add(tar: &mut tar::Builder<flate2::write::GzEncoder<File>>, name: &str, bytes: &[u8]) {
        let mut header = tar::Header::new_gnu();
        // Set as raw bytes: the library refuses to write what this test must read.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append(&header, bytes).unwrap();
    }

    #[test]
    fn the_top_directory_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let archive = archive(directory.path(), |tar| add(tar, "demo-1.0/setup.py", b"x"));
        let into = tempfile::tempdir().unwrap();
        let top = unpack(&archive, into.path(), None).unwrap();
        assert_eq!(fs::read(top.join("setup.py")).unwrap(), b"x");
    }

    #[test]
    fn what_debian_packs_with_is_unpacked() {
        let directory = tempfile::tempdir().unwrap();
        let plain = archive(directory.path(), |tar| add(tar, "demo-1.0/setup.py", b"x"));
        let mut tar = Vec::new();
        GzDecoder::new(File::open(&plain.path).unwrap()).read_to_end(&mut tar).unwrap();
        let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0)).unwrap();
        xz.write_all(&tar).unwrap();
        let mut bz2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bz2.write_all(&tar).unwrap();
        for (filename, bytes) in [("a.tar.xz", xz.finish().unwrap()), ("a.tar.bz2", bz2.finish().unwrap())] {
            let path = directory.path().join(filename);
            fs::write(&path, bytes).unwrap();
            let into = tempfile::tempdir().unwrap();
            let top = unpack(&Fetched { path, filename: filename.to_owned() }, into.path(), None).unwrap();
            assert_eq!(fs::read(top.join("setup.py")).unwrap(), b"x", "{filename}");
        }
    }

    #[test]
    fn times_in_the_future_are_moved_and_keep_their_order() {
        let directory = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let day = std::time::Duration::from_hours(24);
        for (name, time) in [("configure.ac", now + day), ("configure", now + 2 * day), ("old", now - 400 * day)] {
            File::create(directory.path().join(name)).unwrap().set_modified(time).unwrap();
        }
        bring_to_the_past(directory.path()).unwrap();
        let time = |name: &str| fs::metadata(directory.path().join(name)).unwrap().modified().unwrap();
        assert!(time("configure") <= SystemTime::now());
        assert!(time("configure.ac") < time("configure"));
        assert!(time("old") < now - 401 * day);
    }

    #[test]
    fn an_entry_that_leads_out_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let archive = archive(directory.path(), |tar| add(tar, "../evil", b"x"));
        let into = directory.path().join("into");
        fs::create_dir(&into).unwrap();
        let error = unpack(&archive, &into, None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a.tar.gz: not a whole archive: ../evil leads out of the archive; nothing was kept"
        );
        assert!(!directory.path().join("evil").exists());
    }

    #[test]
    fn files_of_too_many_bytes_are_refused_before_they_are_written() {
        let directory = tempfile::tempdir().unwrap();
        let archive = archive(directory.path(), |tar| {
            add(tar, "demo-1.0/file", b"x");
            let mut header = tar::Header::new_gnu();
            header.set_size(LARGEST_UNPACKED);
            header.set_cksum();
            tar.append_data(&mut header, "demo-1.0/bomb", std::io::empty()).unwrap();
        });
        let into = tempfile::tempdir().unwrap();
        let error = unpack(&archive, into.path(), None).unwrap_err().to_string();
        assert!(error.contains("its files have more than 8589934592 bytes"), "{error}");
        assert!(!into.path().join("demo-1.0/bomb").exists());
    }

    #[test]
    fn a_name_without_end_is_refused_before_it_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let archive = archive(directory.path(), |tar| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::GNULongName);
            header.set_size(LONGEST_EXTENSION + 1);
            header.set_cksum();
            tar.append(&header, std::io::repeat(b'x').take(LONGEST_EXTENSION + 1)).unwrap();
            add(tar, "demo-1.0/file", b"x");
        });
        let into = tempfile::tempdir().unwrap();
        let error = unpack(&archive, into.path(), None).unwrap_err().to_string();
        assert!(error.contains("a name or a header in it has more than 1048576 bytes"), "{error}");
        assert_eq!(pkg_info(&archive), None);
    }

    #[test]
    fn a_link_at_the_top_is_no_source() {
        let directory = tempfile::tempdir().unwrap();
        let archive = archive(directory.path(), |tar| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            tar.append_link(&mut header, "demo-1.0", "/usr").unwrap();
        });
        let into = tempfile::tempdir().unwrap();
        let error = unpack(&archive, into.path(), None).unwrap_err().to_string();
        assert!(error.contains("expected one directory at the top"), "{error}");
    }

    #[test]
    fn a_truncated_archive_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let archive = archive(directory.path(), |tar| add(tar, "demo-1.0/data", &vec![7; 100_000]));
        let bytes = fs::read(&archive.path).unwrap();
        fs::write(&archive.path, &bytes[..bytes.len() / 2]).unwrap();
        let into = tempfile::tempdir().unwrap();
        let error = unpack(&archive, into.path(), None).unwrap_err().to_string();
        assert!(error.starts_with("a.tar.gz: not a whole archive: "), "{error}");
    }
}
