//! The wheel: an archive with one dist-info directory.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::entry_points::{self, EntryPoint};
use crate::{Archive, Entry, Limits, Metadata, Record, WheelError, WheelFile};

/// The suffix of the directory that makes an archive a wheel.
const DIST_INFO: &str = ".dist-info";
/// What RECORD cannot list with a hash: itself and its signatures.
const UNRECORDED: [&str; 3] = ["RECORD", "RECORD.jws", "RECORD.p7s"];

/// A checked archive with one dist-info directory that holds METADATA, WHEEL and RECORD.
#[derive(Debug, Clone)]
pub struct Wheel<'a> {
    archive: Archive<'a>,
    dist_info: String,
    limits: Limits,
}

impl<'a> Wheel<'a> {
    /// Reads a wheel out of borrowed or owned bytes. The archive's structure is checked whole;
    /// contents are when they are read.
    pub fn parse(bytes: impl Into<Cow<'a, [u8]>>) -> Result<Self, WheelError> {
        Self::parse_with(bytes, Limits::default())
    }

    /// As [`Wheel::parse`], with limits of one's own.
    pub fn parse_with(bytes: impl Into<Cow<'a, [u8]>>, limits: Limits) -> Result<Self, WheelError> {
        Self::of_archive(Archive::parse_with(bytes, &limits)?, limits)
    }

    /// As [`Wheel::parse`], of bytes of the page, which have to stay as they are: of those only what is looked at is copied.
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    pub fn parse_from_page(bytes: js_sys::Uint8Array) -> Result<Self, WheelError> {
        Self::of_archive(Archive::parse_from_page(bytes)?, Limits::default())
    }

    fn of_archive(archive: Archive<'a>, limits: Limits) -> Result<Self, WheelError> {
        let dist_info = dist_info(&archive)?;
        let wheel = Self { archive, dist_info, limits };
        for name in ["METADATA", "WHEEL", "RECORD"] {
            wheel.dist_info_entry(name)?;
        }
        Ok(wheel)
    }

    /// The files, sorted by path.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> + Clone {
        self.archive.entries()
    }

    /// The file at `path`.
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        self.archive.entry(path)
    }

    /// The unpacked bytes of one of this wheel's entries, of the stated size and checksum.
    pub fn read(&self, entry: &Entry) -> Result<Vec<u8>, WheelError> {
        self.archive.read(entry)
    }

    /// The archive itself.
    pub fn archive(&self) -> &Archive<'a> {
        &self.archive
    }

    /// The name of the dist-info directory, such as `numpy-2.4.6.dist-info`.
    pub fn dist_info_dir(&self) -> &str {
        &self.dist_info
    }

    /// The name of the directory whose subdirectories go elsewhere than the root, such as
    /// `numpy-2.4.6.data`; the wheel may have none.
    pub fn data_dir(&self) -> String {
        format!("{}.data", self.dist_info.strip_suffix(DIST_INFO).unwrap_or_default())
    }

    /// METADATA's bytes as they are, which an index serves beside the wheel.
    pub fn metadata_bytes(&self) -> Result<Vec<u8>, WheelError> {
        let entry = self.dist_info_entry("METADATA")?;
        self.check_text_size(entry)?;
        self.read(entry)
    }

    /// METADATA, read; its name must be the dist-info directory's.
    pub fn metadata(&self) -> Result<Metadata, WheelError> {
        let (path, text) = self.text("METADATA")?;
        let metadata = Metadata::parse(&path, &text)?;
        let directory = self.dist_info.split('-').next().unwrap_or_default();
        if !same_name(directory, &metadata.name) {
            return Err(WheelError::HeaderValue {
                path,
                header: "Name",
                value: metadata.name,
                expected: "the name in the dist-info directory's",
            });
        }
        Ok(metadata)
    }

    /// WHEEL, read.
    pub fn wheel_file(&self) -> Result<WheelFile, WheelError> {
        let (path, text) = self.text("WHEEL")?;
        WheelFile::parse(&path, &text)
    }

    /// RECORD, read.
    pub fn record(&self) -> Result<Record, WheelError> {
        let (path, text) = self.text("RECORD")?;
        Record::parse(&path, &text)
    }

    /// The entry points, none if there is no `entry_points.txt`.
    pub fn entry_points(&self) -> Result<Vec<EntryPoint>, WheelError> {
        if self.dist_info_entry("entry_points.txt").is_err() {
            return Ok(Vec::new());
        }
        let (path, text) = self.text("entry_points.txt")?;
        entry_points::parse(&path, &text)
    }

    /// Checks that RECORD lists exactly the archive's files, each with a hash, with their sizes.
    /// Contents are not read: for whoever has the wheel's own digest already.
    pub fn check_record(&self) -> Result<Record, WheelError> {
        self.check_record_with(false)
    }

    /// As [`Wheel::check_record`], of a compiled twin: a module may be missing if its bytecode is there.
    pub fn check_compiled_record(&self) -> Result<Record, WheelError> {
        self.check_record_with(true)
    }

    fn check_record_with(&self, compiled: bool) -> Result<Record, WheelError> {
        let mut bytecode: BTreeSet<String> = BTreeSet::new();
        bytecode.extend(self.entries().filter(|_| compiled).filter_map(|entry| source_of(entry.path())));
        let record = self.record()?;
        let mut recorded = BTreeSet::new();
        for line in record.entries() {
            let path = || line.path.clone();
            let Some(entry) = self.entry(&line.path) else {
                if line.size.is_some() && bytecode.contains(&line.path) {
                    recorded.insert(line.path.as_str());
                    continue;
                }
                return Err(WheelError::RecordedButMissing { path: path() });
            };
            if line.size.is_some_and(|size| size != entry.size()) {
                return Err(WheelError::RecordMismatch { path: path(), field: "its size" });
            }
            if !recorded.insert(line.path.as_str()) {
                return Err(WheelError::RecordMismatch { path: path(), field: "how often it is there" });
            }
            if line.hash.is_none() && !self.is_unrecorded(&line.path) {
                return Err(WheelError::NotRecorded { path: path() });
            }
        }
        let is_compiled = |path: &str| compiled && source_of(path).is_some_and(|source| recorded.contains(&*source));
        let missing = |entry: &&Entry| {
            let path = entry.path();
            !recorded.contains(path) && !self.is_unrecorded(path) && !is_compiled(path)
        };
        match self.entries().find(missing) {
            Some(entry) => Err(WheelError::NotRecorded { path: entry.path().to_owned() }),
            None => Ok(record),
        }
    }

    /// Reads every file and checks that RECORD lists exactly these, with their hashes and sizes.
    pub fn verify_record(&self) -> Result<(), WheelError> {
        let record = self.check_record()?;
        for line in record.entries() {
            let Some(entry) = self.entry(&line.path) else { continue };
            let contents = self.read(entry)?;
            if line.hash.as_ref().is_some_and(|hash| !hash.matches(&contents)) {
                let path = line.path.clone();
                return Err(WheelError::RecordMismatch { path, field: "its hash" });
            }
        }
        Ok(())
    }

    /// What can be imported at the top level after installing: `Import-Name` where METADATA has
    /// it, else modules and packages at the root of `purelib` and `platlib`. Sorted.
    pub fn top_level_modules(&self) -> Result<Vec<String>, WheelError> {
        let mut modules = BTreeSet::new();
        if let Some(names) = self.metadata()?.import_names {
            let top = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
            let public = names.iter().filter(|name| !name.private);
            modules.extend(public.map(|name| top(&name.name)));
            return Ok(modules.into_iter().collect());
        }
        let data = self.data_dir();
        for entry in self.entries() {
            let path = match entry.path().strip_prefix(&data) {
                Some(below) => {
                    let below = below.trim_start_matches('/');
                    let root = below.strip_prefix("purelib/").or(below.strip_prefix("platlib/"));
                    let Some(path) = root else { continue };
                    path
                }
                None => entry.path(),
            };
            modules.extend(top_level_module(path));
        }
        Ok(modules.into_iter().collect())
    }

    fn is_unrecorded(&self, path: &str) -> bool {
        let name = path.strip_prefix(&self.dist_info).and_then(|name| name.strip_prefix('/'));
        name.is_some_and(|name| UNRECORDED.contains(&name))
    }

    fn dist_info_entry(&self, name: &str) -> Result<&Entry, WheelError> {
        let path = format!("{}/{name}", self.dist_info);
        self.archive.entry(&path).ok_or(WheelError::MissingFile { path })
    }

    fn check_text_size(&self, entry: &Entry) -> Result<(), WheelError> {
        if entry.size() > self.limits.text_size {
            let path = entry.path().to_owned();
            return Err(WheelError::NotText { path, problem: "it is too large" });
        }
        Ok(())
    }

    /// A text file of dist-info, and its path.
    fn text(&self, name: &str) -> Result<(String, String), WheelError> {
        let entry = self.dist_info_entry(name)?;
        self.check_text_size(entry)?;
        let path = entry.path().to_owned();
        match String::from_utf8(self.read(entry)?) {
            Ok(text) => Ok((path, text)),
            Err(_) => Err(WheelError::NotText { path, problem: "it is not UTF-8" }),
        }
    }
}

/// The path of the module whose bytecode would be kept at `path`: `a/b.py` for `a/__pycache__/b.cpython-314.pyc`.
fn source_of(path: &str) -> Option<String> {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = directory.strip_suffix("__pycache__")?;
    let (stem, _tag) = name.strip_suffix(".pyc")?.rsplit_once('.')?;
    (parent.is_empty() || parent.ends_with('/')).then(|| format!("{parent}{stem}.py"))
}

fn dist_info(archive: &Archive<'_>) -> Result<String, WheelError> {
    let roots = archive.entries().filter_map(|entry| entry.path().split_once('/'));
    let mut found: BTreeSet<&str> = BTreeSet::new();
    found.extend(roots.map(|(root, _)| root).filter(|root| root.ends_with(DIST_INFO)));
    match found.first() {
        Some(only) if found.len() == 1 => Ok((*only).to_owned()),
        _ => Err(WheelError::DistInfoCount { count: found.len() }),
    }
}

/// Whether two spellings are one project: runs of `-`, `_` and `.` are one, case does not count.
fn same_name(one: &str, other: &str) -> bool {
    let normalise = |name: &str| {
        let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
        parts.map(str::to_ascii_lowercase).collect::<Vec<_>>()
    };
    normalise(one) == normalise(other)
}

/// The module that a file at `path` below a root of imports belongs to.
fn top_level_module(path: &str) -> Option<String> {
    let identifier = crate::metadata::is_identifier;
    let (_, extension) = path.rsplit_once('.')?;
    if !matches!(extension, "py" | "so") {
        return None;
    }
    // A directory, `name.py` or `name.cpython-314-wasm32-emscripten.so`.
    let module = match path.split_once('/') {
        Some((directory, _)) => directory,
        None => path.split('.').next()?,
    };
    identifier(module).then(|| module.to_owned())
}
