//! Small wheels, made of text: the same arguments give the same bytes.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use pkgsrv::Upload;
use pkgsrv_builder::WheelDocuments;
use pkgsrv_index::{DocumentKind, WheelFilename};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;

/// A wheel with one module and these extra METADATA lines.
pub fn wheel(filename: &str, metadata: &str) -> Upload {
    let parsed: WheelFilename = filename.parse().unwrap();
    let module = parsed.name().as_str().replace('-', "_");
    let name_and_version = format!("Name: {}\nVersion: {}\n", parsed.name(), parsed.version());
    build(filename, &format!("{name_and_version}{metadata}"), &[(&format!("{module}.py"), "answer = 42\n")])
}

/// A wheel whose METADATA is the format's version and these lines.
pub fn build(filename: &str, metadata: &str, files: &[(&str, &str)]) -> Upload {
    let parsed: WheelFilename = filename.parse().unwrap();
    let dist_info = format!("{}-{}.dist-info", parsed.name().as_str().replace('-', "_"), parsed.version());
    let metadata = format!("Metadata-Version: 2.4\n{metadata}");
    let tags: Vec<String> = parsed.tags().map(|tag| format!("Tag: {tag}")).collect();
    let wheel =
        format!("Wheel-Version: 1.0\nGenerator: fixture\nRoot-Is-Purelib: {}\n{}\n", parsed.is_pure(), tags.join("\n"));
    let mut contents: Vec<(String, String)> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    contents.push((format!("{dist_info}/METADATA"), metadata));
    contents.push((format!("{dist_info}/WHEEL"), wheel));
    let mut record: String = contents.iter().map(|(path, text)| recorded(path, text)).collect();
    writeln!(record, "{dist_info}/RECORD,,").unwrap();
    contents.push((format!("{dist_info}/RECORD"), record));
    Upload { filename: parsed, bytes: zipped(&contents), documents: WheelDocuments::new() }
}

fn recorded(path: &str, text: &str) -> String {
    let path = if path.contains(',') { format!("\"{path}\"") } else { path.to_owned() };
    format!("{path},sha256={},{}\n", base64(&Sha256::digest(text)), text.len())
}

/// URL-safe and without padding, as RECORD has it.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            text.push(char::from(DIGITS[(word >> (18 - 6 * at)) as usize & 63]));
        }
    }
    text
}

fn zipped(contents: &[(String, String)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (path, text) in contents {
        archive.start_file(path.as_str(), options).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A wheel for the preferred ABI's platform, needing one of the others only there.
pub fn native() -> Upload {
    wheel(
        "native_code-1.2.3-cp314-cp314-pyemscripten_2026_0_wasm32.whl",
        "Requires-Python: >=3.12\nRequires-Dist: helper>=1\nRequires-Dist: winonly; sys_platform == 'win32'\n\
         Requires-Dist: plotting; extra == 'Plot'\nProvides-Extra: plot\n",
    )
}

/// The upload with a lock and a provenance that are about it.
pub fn documented(mut upload: Upload) -> Upload {
    let (filename, sha256) = (&upload.filename, pkgsrv::digest_of(&upload.bytes));
    let lock = format!(
        "{{\"name\": \"{}\", \"version\": \"{}\", \"sha256\": \"{}\"}}\n",
        filename.name(),
        filename.version(),
        pkgsrv::digest_of(&upload.bytes)
    );
    let provenance = format!(
        "{{\"_type\": \"https://in-toto.io/Statement/v1\", \"subject\": [{{\"name\": \"{filename}\", \"digest\": \
         {{\"sha256\": \"{sha256}\"}}}}]}}\n"
    );
    upload.documents =
        WheelDocuments::from([(DocumentKind::Lock, lock.into()), (DocumentKind::Provenance, provenance.into())]);
    upload
}

/// A pure wheel.
pub fn helper() -> Upload {
    wheel("helper-1.0-py3-none-any.whl", "")
}
