//! A small index that has one of everything.

use pkgsrv_index::{Abi, ChannelIndex, ContentCoding, Digest, FileEntry, Twin, UploadTime, WheelFilename};

/// An entry whose digests are made from its filename's length and first byte.
pub fn entry(filename: &str, depends: &[&str]) -> FileEntry {
    let filename: WheelFilename = filename.parse().unwrap();
    let seed = filename.as_str().bytes().fold(0u8, u8::wrapping_add);
    FileEntry {
        name: filename.name().clone(),
        version: filename.version().clone(),
        sha256: Digest::from_bytes([seed; 32]),
        size: 1000 + u64::from(seed),
        twin: None,
        compiled: None,
        metadata_sha256: Digest::from_bytes([!seed; 32]),
        admission_sha256: None,
        documents: std::collections::BTreeMap::default(),
        upload_time: UploadTime::from_unix_micros(1_795_305_600_000_000),
        requires_python: None,
        depends: depends.iter().map(|text| text.parse().unwrap()).collect(),
        extras: std::collections::BTreeMap::default(),
        imports: vec![filename.name().as_str().replace('-', "_")],
        yanked: None,
        filename,
    }
}

/// An entry with one extra.
pub fn with_extra(mut entry: FileEntry, extra: &str, depends: &[&str]) -> FileEntry {
    let depends = depends.iter().map(|text| text.parse().unwrap()).collect();
    entry.extras.insert(extra.parse().unwrap(), depends);
    entry
}

/// An entry that is yanked.
pub fn yanked(mut entry: FileEntry, reason: &str) -> FileEntry {
    entry.yanked = Some(reason.to_owned());
    entry
}

/// An entry with a stored twin, three times as large.
pub fn with_twin(mut entry: FileEntry) -> FileEntry {
    let encodings = [(ContentCoding::Br, 600), (ContentCoding::Gzip, 900), (ContentCoding::Zstd, 700)].into();
    entry.twin = Some(Twin { sha256: Digest::from_bytes([0x77; 32]), size: 3 * entry.size, encodings });
    entry
}

/// An entry with a `Requires-Python`.
pub fn requires_python(mut entry: FileEntry, specifiers: &str) -> FileEntry {
    entry.requires_python = Some(specifiers.parse().unwrap());
    entry
}

/// An index of these entries.
pub fn index_of(entries: impl IntoIterator<Item = FileEntry>) -> ChannelIndex {
    let mut index = ChannelIndex::empty(Abi::preferred());
    for entry in entries {
        index.insert(entry).unwrap();
    }
    index
}

/// Versions, tags, build numbers, yanking, extras, Python limits.
pub fn index() -> ChannelIndex {
    index_of([
        requires_python(entry("numpy-2.4.6-cp314-cp314-pyemscripten_2026_0_wasm32.whl", &[]), ">=3.11"),
        entry("numpy-2.4.5-cp314-cp314-pyemscripten_2026_0_wasm32.whl", &[]),
        entry("numpy-2.4.5-1-cp314-cp314-pyemscripten_2026_0_wasm32.whl", &[]),
        entry("numpy-2.4.5-cp312-abi3-pyemscripten_2026_0_wasm32.whl", &[]),
        yanked(entry("numpy-2.4.4-cp314-cp314-pyemscripten_2026_0_wasm32.whl", &[]), "wrong \"BLAS\" <linked>"),
        entry("numpy-2.5.0rc1-cp314-cp314-pyemscripten_2026_0_wasm32.whl", &[]),
        requires_python(entry("numpy-2.6.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl", &[]), ">=3.15"),
        requires_python(entry("future_only-1.0-py3-none-any.whl", &[]), ">=3.15"),
        with_extra(entry("frames-1.0-py3-none-any.whl", &["numpy>=2", "absent"]), "io", &["Py_Yaml[fast]"]),
        with_twin(entry("app-1.0-py3-none-any.whl", &["frames[io]"])),
        with_extra(entry("py_yaml-6.0-py3-none-any.whl", &[]), "fast", &["numpy", "app"]),
    ])
}
