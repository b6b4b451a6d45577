//! Building against a Python package: its pinned wheel is installed for the build Python, which must be able to import
//! it; what compilers and linkers read of it is replaced by what our own wheel of it has.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use pkgsrv_wheel::Wheel;

use crate::error::{BuildError, IoContext as _};

/// Endings of what differs between platforms and is read by compilers, linkers, Cython, `CMake` and pkg-config.
const FOR_COMPILERS: &[&str] =
    &["a", "cmake", "h", "hh", "hpp", "hxx", "inc", "inl", "ini", "ipp", "pc", "pxd", "pxi", "tcc"];

/// Directories below one that are searched for `.pc` files.
const DEEPEST: usize = 8;

/// Writes the wheel's files for compilers over those in `tools`.
pub(crate) fn lay_over(wheel: &Path, tools: &Path) -> Result<(), BuildError> {
    let filename = wheel.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let wheel_error = |source| BuildError::Wheel { filename: filename.clone(), source };
    let bytes = fs::read(wheel).doing("read", wheel)?;
    let wheel = Wheel::parse(bytes.as_slice()).map_err(wheel_error)?;
    for entry in wheel.entries().filter(|entry| is_for_compilers(Path::new(entry.path()))) {
        let place = tools.join(entry.path());
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent).doing("create", parent)?;
        }
        let contents = wheel.read(entry).map_err(wheel_error)?;
        // What is there may be another build's too, under another name.
        match fs::remove_file(&place) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(BuildError::Io { doing: "replace", path: place, source });
            }
            _ => {}
        }
        fs::write(&place, contents).doing("write", &place)?;
    }
    Ok(())
}

fn is_for_compilers(path: &Path) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|it| FOR_COMPILERS.contains(&it))
}

/// The directories below `tools` with `.pc` files, relative and sorted.
pub(crate) fn pkg_config_directories(tools: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let mut found = Vec::new();
    let mut pending = vec![(PathBuf::new(), 0)];
    while let Some((relative, depth)) = pending.pop() {
        let directory = tools.join(&relative);
        let mut has_some = false;
        for entry in fs::read_dir(&directory).doing("read", &directory)? {
            let entry = entry.doing("read", &directory)?;
            let path = relative.join(entry.file_name());
            if entry.file_type().doing("read", &directory)?.is_dir() {
                if depth < DEEPEST {
                    pending.push((path, depth + 1));
                }
            } else {
                has_some |= path.extension().is_some_and(|extension| extension == "pc");
            }
        }
        if has_some {
            found.push(relative);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_with_pc_files_are_found() {
        let tools = tempfile::tempdir().unwrap();
        for (directory, file) in [("b/lib/pkgconfig", "b.pc"), ("a/share", "a.pc"), ("a/share/more", "a.txt")] {
            fs::create_dir_all(tools.path().join(directory)).unwrap();
            fs::write(tools.path().join(directory).join(file), "").unwrap();
        }
        let found = pkg_config_directories(tools.path()).unwrap();
        assert_eq!(found, [Path::new("a/share"), Path::new("b/lib/pkgconfig")]);
    }
}
