//! A wheel as a directory, for the script that changes it, and back.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use pkgsrv_wheel::Wheel;

use crate::error::{BuildError, IoContext as _};
use crate::repack::{self, Files};

/// Bytes that the files of a wheel may have together.
const LARGEST: u64 = 4 << 30;

/// Writes the files of a wheel below `directory`, which is there and empty.
pub(crate) fn unpack(filename: &str, bytes: &[u8], directory: &Path) -> Result<(), BuildError> {
    let wheel_error = |source| BuildError::Wheel { filename: filename.to_owned(), source };
    // The reader refuses names that lead out, and files that are links.
    let wheel = Wheel::parse(bytes).map_err(wheel_error)?;
    for entry in wheel.entries() {
        let path = directory.join(entry.path());
        let folder = path.parent().unwrap_or(directory);
        fs::create_dir_all(folder).doing("create", folder)?;
        fs::write(&path, wheel.read(entry).map_err(wheel_error)?).doing("write", &path)?;
        if entry.is_executable() {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).doing("make executable", &path)?;
        }
    }
    Ok(())
}

/// The directory's files as a wheel, with the RECORD that it had. Links and the like, which a script may have made, are
/// an error: read, they could be files of the machine's.
pub(crate) fn pack(filename: &str, directory: &Path) -> Result<Vec<u8>, BuildError> {
    let bad = |reason: String| BuildError::Package { package: filename.to_owned(), reason };
    let mut files = Files::new();
    let mut total = 0;
    let mut pending = vec![(directory.to_owned(), String::new())];
    while let Some((folder, prefix)) = pending.pop() {
        for entry in fs::read_dir(&folder).doing("read", &folder)? {
            let path = entry.doing("read", &folder)?.path();
            let metadata = fs::symlink_metadata(&path).doing("read", &path)?;
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                return Err(bad(format!("`post` left {}, whose name is not UTF-8", path.display())));
            };
            let name = format!("{prefix}{name}");
            if metadata.is_dir() {
                pending.push((path, format!("{name}/")));
                continue;
            }
            if !metadata.is_file() {
                return Err(bad(format!("`post` left {name}, which is no regular file")));
            }
            total += metadata.len();
            if total > LARGEST {
                return Err(bad(format!("`post` left more than {LARGEST} bytes")));
            }
            let bytes = fs::read(&path).doing("read", &path)?;
            files.insert(name, (bytes, metadata.permissions().mode() & 0o111 != 0));
        }
    }
    repack::write(files.into_iter()).map_err(|error| bad(format!("cannot write the wheel: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wheel() -> Vec<u8> {
        let file = |text: &str, executable| (text.as_bytes().to_vec(), executable);
        let files = Files::from([
            ("demo/a.py".to_owned(), file("a", false)),
            ("demo/run".to_owned(), file("b", true)),
            (
                "demo-1.0.dist-info/METADATA".to_owned(),
                file("Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n", false),
            ),
            (
                "demo-1.0.dist-info/WHEEL".to_owned(),
                file("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n", false),
            ),
            ("demo-1.0.dist-info/RECORD".to_owned(), file("", false)),
        ]);
        repack::write(files.into_iter()).unwrap()
    }

    #[test]
    fn a_wheel_comes_back_as_it_was_changed() {
        let directory = tempfile::tempdir().unwrap();
        let name = "demo-1.0-py3-none-any.whl";
        unpack(name, &wheel(), directory.path()).unwrap();
        fs::remove_file(directory.path().join("demo/a.py")).unwrap();
        fs::write(directory.path().join("demo/new.py"), "c").unwrap();
        let bytes = pack(name, directory.path()).unwrap();
        let wheel = Wheel::parse(bytes.as_slice()).unwrap();
        let found: Vec<(&str, bool)> = wheel.entries().map(|entry| (entry.path(), entry.is_executable())).collect();
        assert!(found.contains(&("demo/run", true)) && found.contains(&("demo/new.py", false)), "{found:?}");
        assert!(!found.iter().any(|(path, _)| *path == "demo/a.py"), "{found:?}");
    }

    #[test]
    fn a_link_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", directory.path().join("secret")).unwrap();
        let error = pack("demo.whl", directory.path()).unwrap_err().to_string();
        assert_eq!(error, "demo.whl: `post` left secret, which is no regular file");
    }
}
