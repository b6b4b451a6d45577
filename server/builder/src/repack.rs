//! From the wheel that a backend wrote to the one that is published: the ABI's platform tag, sorted entries, fixed
//! times, a fresh RECORD. The same contents give the same bytes.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};

use pkgsrv_index::{Abi, WheelFilename};
use pkgsrv_wheel::{Record, Wheel};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::error::BuildError;
use crate::vendoring::WheelNames;

/// The longest deflate search: wheels are written once and fetched often.
const DEFLATE_LEVEL: i64 = 9;

/// The files of a wheel by path: bytes, and whether they are executable.
pub(crate) type Files = BTreeMap<String, (Vec<u8>, bool)>;

/// Returns the file name and bytes of the wheel for `abi`, without the files that are left out, and with what `complete`
/// adds to the others or changes of them. Pure wheels keep their tag; with no `abi` all do, since what others built is
/// for what they say.
pub(crate) fn repack(
    filename: &str,
    bytes: &[u8],
    abi: Option<Abi>,
    is_left_out: impl Fn(&str) -> bool,
    complete: impl FnOnce(&WheelNames<'_>, &mut Files) -> Result<(), BuildError>,
) -> Result<(String, Vec<u8>), BuildError> {
    let retag = |tags: &str| abi.map_or_else(|| tags.to_owned(), |abi| retag(tags, abi));
    rewrite(filename, bytes, retag, None, is_left_out, complete)
}

/// Returns the file name and bytes of the same wheel with a [build
/// number](https://packaging.python.org/en/latest/specifications/binary-distribution-format/#file-name-convention): of
/// two wheels of one version, installers take the one with the higher.
pub fn with_build_number(filename: &str, bytes: &[u8], number: u64) -> Result<(String, Vec<u8>), BuildError> {
    rewrite(filename, bytes, str::to_owned, Some(number), |_| false, |_, _| Ok(()))
}

fn rewrite(
    filename: &str,
    bytes: &[u8],
    retag: impl Fn(&str) -> String,
    build_number: Option<u64>,
    is_left_out: impl Fn(&str) -> bool,
    complete: impl FnOnce(&WheelNames<'_>, &mut Files) -> Result<(), BuildError>,
) -> Result<(String, Vec<u8>), BuildError> {
    let wheel_error = |source| BuildError::Wheel { filename: filename.to_owned(), source };
    let package_error = |reason: String| BuildError::Package { package: filename.to_owned(), reason };
    let parsed: WheelFilename =
        filename.parse().map_err(|error: pkgsrv_index::IndexError| package_error(error.to_string()))?;
    let wheel = Wheel::parse(bytes).map_err(wheel_error)?;
    let tags = retag(parsed.compressed_tags());
    let record_path = format!("{}/RECORD", wheel.dist_info_dir());
    let wheel_path = format!("{}/WHEEL", wheel.dist_info_dir());
    let mut files = Files::new();
    for entry in wheel.entries() {
        if entry.path() == record_path || is_left_out(entry.path()) {
            continue;
        }
        let mut contents = wheel.read(entry).map_err(wheel_error)?;
        if entry.path() == wheel_path {
            contents = retag_wheel_file(&contents, &tags, build_number);
        }
        files.insert(entry.path().to_owned(), (contents, entry.is_executable()));
    }
    complete(&WheelNames { dist_info: wheel.dist_info_dir(), data: &wheel.data_dir() }, &mut files)?;
    let record = record(&files, &record_path);
    let dist_info = format!("{}/", wheel.dist_info_dir());
    // Metadata last, as the wheel format recommends; RECORD last of all.
    let (metadata, code): (Vec<_>, Vec<_>) = files.into_iter().partition(|(path, _)| path.starts_with(&dist_info));
    let entries = code.into_iter().chain(metadata).chain([(record_path, (record.into_bytes(), false))]);
    let bytes = write(entries).map_err(|error| package_error(format!("cannot write the wheel: {error}")))?;
    let stem = filename.strip_suffix(&format!("{}.whl", parsed.compressed_tags())).unwrap_or(filename);
    let stem = match build_number {
        // Project and version; a build number of before goes.
        Some(number) => stem.split('-').take(2).chain([number.to_string().as_str(), ""]).collect::<Vec<_>>().join("-"),
        None => stem.to_owned(),
    };
    Ok((format!("{stem}{tags}.whl"), bytes))
}

/// The tag set with the ABI's platform; `any` stays.
fn retag(tags: &str, abi: Abi) -> String {
    match tags.rsplit_once('-') {
        Some((_, "any")) | None => tags.to_owned(),
        Some((python, _)) => format!("{python}-{}", abi.platform_tag()),
    }
}

fn retag_wheel_file(contents: &[u8], tags: &str, build_number: Option<u64>) -> Vec<u8> {
    let text = String::from_utf8_lossy(contents);
    let replaced = |line: &str| line.starts_with("Tag:") || line.starts_with("Build:") || line.is_empty();
    let mut lines: Vec<String> = text.lines().filter(|line| !replaced(line)).map(str::to_owned).collect();
    lines.extend(build_number.map(|number| format!("Build: {number}")));
    let mut sets = tags.split('-');
    let mut next = || sets.next().unwrap_or_default().split('.').collect::<Vec<_>>();
    let (pythons, abis, platforms) = (next(), next(), next());
    for python in &pythons {
        for abi in &abis {
            lines.extend(platforms.iter().map(|platform| format!("Tag: {python}-{abi}-{platform}")));
        }
    }
    lines.push(String::new());
    lines.join("\n").into_bytes()
}

fn record(files: &Files, record_path: &str) -> String {
    Record::text(files.iter().map(|(path, (contents, _))| (path.as_str(), contents.as_slice())), record_path)
}

pub(crate) fn write(entries: impl Iterator<Item = (String, (Vec<u8>, bool))>) -> zip::result::ZipResult<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, (contents, executable)) in entries {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(DEFLATE_LEVEL))
            .last_modified_time(DateTime::default())
            .unix_permissions(if executable { 0o755 } else { 0o644 });
        writer.start_file(path, options)?;
        writer.write_all(&contents)?;
    }
    Ok(writer.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn native_wheel() -> Vec<u8> {
        let file = |text: &str| (text.as_bytes().to_vec(), false);
        let entries = [
            ("z.py".to_owned(), file("z")),
            ("demo/_x.cpython-314-wasm32-emscripten.so".to_owned(), file("so")),
            ("demo-1.0.dist-info/METADATA".to_owned(), file("Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")),
            (
                "demo-1.0.dist-info/WHEEL".to_owned(),
                file("Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp314-cp314-emscripten_5_0_3_wasm32\n\n"),
            ),
            ("demo-1.0.dist-info/RECORD".to_owned(), file("old\n")),
        ];
        write(entries.into_iter()).unwrap()
    }

    #[test]
    fn the_platform_becomes_the_abis_and_record_is_right_again() {
        let abi: Abi = "2026_0".parse().unwrap();
        let (name, bytes) = repack(
            "demo-1.0-cp314-cp314-emscripten_5_0_3_wasm32.whl",
            &native_wheel(),
            Some(abi),
            |_| false,
            |_, _| Ok(()),
        )
        .unwrap();
        assert_eq!(name, "demo-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl");
        let wheel = Wheel::parse(bytes.as_slice()).unwrap();
        wheel.verify_record().unwrap();
        assert_eq!(wheel.wheel_file().unwrap().tags, ["cp314-cp314-pyemscripten_2026_0_wasm32"]);
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes.as_slice())).unwrap();
        let order: Vec<String> =
            (0..archive.len()).map(|at| archive.by_index(at).unwrap().name().unwrap().into_owned()).collect();
        assert_eq!(
            order,
            [
                "demo/_x.cpython-314-wasm32-emscripten.so",
                "z.py",
                "demo-1.0.dist-info/METADATA",
                "demo-1.0.dist-info/WHEEL",
                "demo-1.0.dist-info/RECORD",
            ]
        );
    }

    #[test]
    fn what_is_left_out_is_not_in_record_either() {
        let name = "demo-1.0-cp314-cp314-emscripten_5_0_3_wasm32.whl";
        let (kept_name, bytes) = repack(name, &native_wheel(), None, |path| path == "z.py", |_, _| Ok(())).unwrap();
        assert_eq!(kept_name, name);
        let wheel = Wheel::parse(bytes.as_slice()).unwrap();
        wheel.verify_record().unwrap();
        assert!(!wheel.entries().any(|entry| entry.path() == "z.py"));
    }

    #[test]
    fn the_same_contents_give_the_same_bytes() {
        let abi: Abi = "2026_0".parse().unwrap();
        let name = "demo-1.0-cp314-cp314-emscripten_5_0_3_wasm32.whl";
        let (name_1, once) = repack(name, &native_wheel(), Some(abi), |_| false, |_, _| Ok(())).unwrap();
        let (name_2, twice) = repack(&name_1, &once, Some(abi), |_| false, |_, _| Ok(())).unwrap();
        assert_eq!((name_1, once), (name_2, twice));
    }

    #[test]
    fn a_build_number_goes_into_name_and_wheel_file_and_replaces_the_one_before() {
        let (name, bytes) = with_build_number("demo-1.0-py3-none-any.whl", &native_wheel(), 1).unwrap();
        assert_eq!(name, "demo-1.0-1-py3-none-any.whl");
        let (name, bytes) = with_build_number(&name, &bytes, 2).unwrap();
        assert_eq!(name, "demo-1.0-2-py3-none-any.whl");
        let wheel = Wheel::parse(bytes.as_slice()).unwrap();
        wheel.verify_record().unwrap();
        assert_eq!(wheel.wheel_file().unwrap().build.as_deref(), Some("2"));
    }
}
