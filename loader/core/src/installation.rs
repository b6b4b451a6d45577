//! A wheel about to be installed: which file goes where, with dist-info's own files.

use std::collections::BTreeMap;

use pkgsrv_index::is_release;
use pkgsrv_wheel::{Entry, Metadata, Record, RecordHash, Wheel};
use serde::Serialize;

use crate::{CoreError, Layout};

/// What the repodata says about the wheel, and what dist-info is to say about the installation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expected {
    /// The wheel's filename.
    pub filename: String,
    /// Normalised project name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Address of the wheel, for `PYODIDE_SOURCE`.
    pub source: String,
    /// Whether it was asked for by name.
    pub requested: bool,
    /// Whether it is a compiled twin, which has bytecode in the place of modules.
    pub compiled: bool,
}

/// One file to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedFile {
    /// Absolute path.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// Whether its owner may execute it.
    pub executable: bool,
    /// Whether its name is that of a shared library.
    pub library: bool,
    /// Where its contents begin in the archive, if they lie there as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<usize>,
    /// Whether only the wheel as it was published has it.
    pub absent: bool,
}

/// A verified wheel and where its files go.
#[derive(Debug)]
pub struct Installation {
    filename: String,
    wheel: Wheel<'static>,
    files: Vec<PlannedFile>,
    sources: Vec<Source>,
}

/// Where a file's contents come from.
#[derive(Debug)]
enum Source {
    Archive(Entry),
    Written(Vec<u8>),
    /// A module that is there as bytecode.
    Absent,
}

/// Written into `INSTALLER`, by which other tools know who put a distribution there.
const INSTALLER: &str = "pkgsrv";

impl Installation {
    /// Plans the files of a wheel, sorted by path. Its bytes must have the digest that the repodata
    /// states; the caller has checked it.
    pub fn plan(wheel: Wheel<'static>, expected: &Expected, layout: &Layout) -> Result<Self, CoreError> {
        let bad = |source| CoreError::Wheel { filename: expected.filename.clone(), source };
        let metadata = wheel.metadata().map_err(bad)?;
        check_identity(&metadata, expected)?;
        let record = if expected.compiled { wheel.check_compiled_record() } else { wheel.check_record() };
        let record = record.map_err(bad)?;
        wheel.entry_points().map_err(bad)?;
        let mut planned = archive_files(&wheel, &metadata, expected, layout)?;
        add_absent(&mut planned, &wheel, &record, layout);
        add_hashes(&mut planned, &wheel, &metadata, &record, layout);
        add_written(&mut planned, &wheel, expected, layout);
        let (mut files, mut sources) = (Vec::new(), Vec::new());
        for Planned { file, source, .. } in planned.into_values() {
            files.push(file);
            sources.push(source);
        }
        Ok(Self { filename: expected.filename.clone(), wheel, files, sources })
    }

    /// The files, sorted by path.
    pub fn files(&self) -> &[PlannedFile] {
        &self.files
    }

    /// The contents of the file at `index`; size and checksum are checked.
    pub fn contents(&self, index: usize) -> Result<Vec<u8>, CoreError> {
        match self.sources.get(index) {
            Some(Source::Archive(entry)) => {
                self.wheel.read(entry).map_err(|source| CoreError::Wheel { filename: self.filename.clone(), source })
            }
            Some(Source::Written(contents)) => Ok(contents.clone()),
            Some(Source::Absent) | None => Err(CoreError::HostValue { problem: format!("there is no file {index}") }),
        }
    }
}

fn check_identity(metadata: &Metadata, expected: &Expected) -> Result<(), CoreError> {
    if is_release((&metadata.name, &metadata.version), (&expected.name, &expected.version)) {
        return Ok(());
    }
    Err(CoreError::OtherWheel {
        filename: expected.filename.clone(),
        found: format!("{} {}", metadata.name, metadata.version),
        expected: format!("{} {}", expected.name, expected.version),
    })
}

/// The files by path.
type Plan = BTreeMap<String, Planned>;

struct Planned {
    file: PlannedFile,
    source: Source,
    /// As the wheel's RECORD has it, or the new one.
    hash: String,
}

fn archive_files(
    wheel: &Wheel<'static>,
    metadata: &Metadata,
    expected: &Expected,
    layout: &Layout,
) -> Result<Plan, CoreError> {
    let (data_dir, own_record) = (wheel.data_dir(), format!("{}/RECORD", wheel.dist_info_dir()));
    let mut planned = Plan::new();
    // The installation has a RECORD of its own.
    for entry in wheel.entries().filter(|entry| entry.path() != own_record) {
        let Some(path) = layout.place(entry.path(), &data_dir, &metadata.name) else {
            return Err(CoreError::UnknownScheme {
                filename: expected.filename.clone(),
                path: entry.path().to_owned(),
            });
        };
        let file = PlannedFile {
            path: path.clone(),
            size: entry.size(),
            executable: entry.is_executable(),
            library: is_library(&path),
            offset: entry.is_stored().then(|| entry.packed_range().start),
            absent: false,
        };
        planned.insert(path, Planned { file, source: Source::Archive(entry.clone()), hash: String::new() });
    }
    Ok(planned)
}

/// `name.so`, `name.cpython-314-wasm32-emscripten.so`, `name.so.3`.
fn is_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let mut parts = name.split('.').skip(1).skip_while(|part| *part != "so");
    let version_part = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    parts.next().is_some() && parts.all(version_part)
}

/// Adds the modules of which a compiled twin has the bytecode.
fn add_absent(planned: &mut Plan, wheel: &Wheel<'static>, record: &Record, layout: &Layout) {
    for line in record.entries().iter().filter(|line| wheel.entry(&line.path).is_none()) {
        // They are at the root, as bytecode is.
        let path = format!("{}/{}", layout.site, line.path);
        let size = line.size.unwrap_or_default();
        let file =
            PlannedFile { path: path.clone(), size, executable: false, library: false, offset: None, absent: true };
        planned.insert(path, Planned { file, source: Source::Absent, hash: String::new() });
    }
}

/// Adds the wheel's hashes to the paths of the installed files. Bytecode has none, as installers write it.
fn add_hashes(planned: &mut Plan, wheel: &Wheel<'static>, metadata: &Metadata, record: &Record, layout: &Layout) {
    let data_dir = wheel.data_dir();
    for line in record.entries() {
        let Some(hash) = &line.hash else { continue };
        let path = layout.place(&line.path, &data_dir, &metadata.name);
        let Some(file) = path.and_then(|path| planned.get_mut(&path)) else { continue };
        // Of two entries that go to one place, only one is there.
        if !matches!(&file.source, Source::Archive(entry) if entry.path() != line.path) {
            file.hash = hash.to_string();
        }
    }
}

/// Adds what an installer writes into dist-info, and RECORD with all of it.
fn add_written(planned: &mut Plan, wheel: &Wheel<'static>, expected: &Expected, layout: &Layout) {
    let dist_info = format!("{}/{}", layout.site, wheel.dist_info_dir());
    let mut written = vec![("INSTALLER", INSTALLER), ("PYODIDE_SOURCE", expected.source.as_str())];
    if expected.requested {
        written.push(("REQUESTED", ""));
    }
    for (name, contents) in written {
        insert_written(planned, format!("{dist_info}/{name}"), contents.as_bytes().to_vec());
    }
    let path = format!("{dist_info}/RECORD");
    let text = record_text(planned, layout, &path);
    insert_written(planned, path, text.into_bytes());
}

fn insert_written(planned: &mut Plan, path: String, contents: Vec<u8>) {
    let size = contents.len() as u64;
    let file = PlannedFile { path: path.clone(), size, executable: false, library: false, offset: None, absent: false };
    let hash = RecordHash::of(&contents).to_string();
    planned.insert(path, Planned { file, source: Source::Written(contents), hash });
}

/// The installation's RECORD.
fn record_text(planned: &Plan, layout: &Layout, own_path: &str) -> String {
    let mut text = String::new();
    for (path, Planned { file, hash, .. }) in planned {
        let size = file.size.to_string();
        text.extend([quoted(&layout.recorded(path)).as_str(), ",", hash, ",", &size, "\n"]);
    }
    text.push_str(&quoted(&layout.recorded(own_path)));
    text.push_str(",,\n");
    text
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::is_library;

    #[test]
    fn library_names() {
        let cases = [
            ("/s/a/b.so", true),
            ("/s/_x.cpython-314-wasm32-emscripten.so", true),
            ("/s/x.libs/libfoo.so.3.1", true),
            ("/s/a.sofa", false),
            ("/s/a.so.txt", false),
            ("/s/so", false),
            ("/s.so/a.py", false),
        ];
        for (path, expected) in cases {
            assert_eq!(is_library(path), expected, "{path}");
        }
    }
}
