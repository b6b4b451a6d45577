//! The side modules of libraries: what a recipe for a shared library must have made, and where those that link it find
//! what it made.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use pkgsrv_side_module::SideModule;

use crate::error::{BuildError, IoContext as _};

/// The directory of a prefix that linkers look in.
const LIB: &str = "lib";

/// Bytes; a side module beyond this would not be loaded anywhere.
const LARGEST: u64 = 1 << 30;

/// The libraries of several prefixes, in the order in which a linker looks through them.
pub(crate) struct SharedLibraries {
    /// Whose build asks, for errors.
    pub package: String,
    pub prefixes: Vec<PathBuf>,
}

impl SharedLibraries {
    /// The bytes of the library that a side module needs by this name; `None` where there is none. One that leads out of
    /// its prefix is an error: a build made it, and read, it could be a file of the machine's.
    pub(crate) fn find(&self, name: &str) -> Result<Option<Vec<u8>>, BuildError> {
        if name.contains(['/', '\0']) || ["", ".", ".."].contains(&name) {
            return Ok(None);
        }
        for prefix in &self.prefixes {
            if let Some(bytes) = self.read(prefix, name)? {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    fn read(&self, prefix: &Path, name: &str) -> Result<Option<Vec<u8>>, BuildError> {
        let path = prefix.join(LIB).join(name);
        match fs::symlink_metadata(&path) {
            Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => return Ok(None),
            found => found.doing("read", &path)?,
        };
        let top = prefix.canonicalize().doing("read", prefix)?;
        let Some(real) = path.canonicalize().ok().filter(|real| real.starts_with(&top) && real.is_file()) else {
            let reason = format!("{LIB}/{name} is no file in the library's prefix; links in it must be relative");
            return Err(self.error(reason));
        };
        let size = fs::metadata(&real).doing("read", &real)?.len();
        if size > LARGEST {
            return Err(self.error(format!("{LIB}/{name} has {size} bytes, expected at most {LARGEST}")));
        }
        fs::read(&real).doing("read", &real).map(Some)
    }

    fn error(&self, reason: String) -> BuildError {
        BuildError::Package { package: self.package.clone(), reason }
    }
}

/// Checks what the recipe for a shared library installed into `prefix`, and copies what its side modules need of `host`
/// beside them, so that who links it gets all of it. Returns the names of its side modules.
pub(crate) fn complete(prefix: &Path, host: &SharedLibraries) -> Result<Vec<String>, BuildError> {
    let own = SharedLibraries { package: host.package.clone(), prefixes: vec![prefix.to_owned()] };
    let directory = prefix.join(LIB);
    let mut pending = Vec::new();
    let mut made = Vec::new();
    // No link: what is copied would land elsewhere.
    if fs::symlink_metadata(&directory).is_ok_and(|found| found.is_dir()) {
        for entry in fs::read_dir(&directory).doing("read", &directory)? {
            let name = entry.doing("read", &directory)?.file_name();
            let Some(name) = name.to_str().filter(|name| is_shared_library(name)) else { continue };
            let bytes = own.find(name)?.unwrap_or_default();
            // In a prefix that libraries share, those of the others are there as well.
            if host.find(name)?.as_ref() != Some(&bytes) {
                made.push(name.to_owned());
            }
            pending.push((name.to_owned(), bytes));
        }
    }
    if made.is_empty() {
        return Err(
            own.error(format!("its script installed no side module, expected $PREFIX/{LIB}/lib*.so; {NO_MODULE}"))
        );
    }
    made.sort();
    let mut brought = BTreeMap::new();
    while let Some((by, bytes)) = pending.pop() {
        let module = SideModule::parse(&bytes)
            .map_err(|error| own.error(format!("{LIB}/{by} is no side module: {error}; {NO_MODULE}")))?;
        for name in &module.dylink.needed {
            if brought.contains_key(name) || own.find(name)?.is_some() {
                continue;
            }
            let Some(found) = host.find(name)? else {
                let reason = format!(
                    "{LIB}/{by} needs {name}, which is neither in $PREFIX/{LIB} nor made by a library in `host`; add \
                     the recipe that makes it, or link it statically"
                );
                return Err(own.error(reason));
            };
            brought.insert(name.clone(), found.clone());
            pending.push((name.clone(), found));
        }
    }
    for (name, bytes) in brought {
        let path = directory.join(name);
        let mut file = fs::File::create_new(&path).doing("create", &path)?;
        file.write_all(&bytes).doing("write", &path)?;
    }
    Ok(made)
}

/// Whether a file's name is that of a shared library: `libz.so`, `libz.so.1`.
fn is_shared_library(name: &str) -> bool {
    name.split('.').skip(1).any(|part| part == "so")
}

const NO_MODULE: &str = "it is linked by `$CC -shared OBJECTS -o lib/libNAME.so`, and of an archive by `$CC -shared \
                         -Wl,--whole-archive libNAME.a -Wl,--no-whole-archive -o …`";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn module(needed: &str) -> Vec<u8> {
        wat::parse_str(format!("(module (@dylink.0 (mem-info) (needed {needed})))")).unwrap()
    }

    /// Prefixes by name, each with the files of its `lib`.
    fn prefixes(files: &[(&str, &str, &[u8])]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (prefix, name, bytes) in files {
            let lib = directory.path().join(prefix).join(LIB);
            fs::create_dir_all(&lib).unwrap();
            fs::write(lib.join(name), bytes).unwrap();
        }
        directory
    }

    fn libraries(directory: &tempfile::TempDir, names: &[&str]) -> SharedLibraries {
        let prefixes = names.iter().map(|name| directory.path().join(name)).collect();
        SharedLibraries { package: "demo 1.0".to_owned(), prefixes }
    }

    #[test]
    fn the_first_prefix_that_has_it_counts_and_links_stay_inside() {
        let directory = prefixes(&[("a", "liba.so.1", b"a"), ("b", "liba.so", b"b"), ("b", "libb.so", b"b")]);
        fs::write(directory.path().join("outside"), "secret").unwrap();
        let lib = directory.path().join("a/lib");
        symlink("liba.so.1", lib.join("liba.so")).unwrap();
        symlink("../../outside", lib.join("libout.so")).unwrap();
        symlink("/pkgsrv/prefix/lib/liba.so", lib.join("libabsolute.so")).unwrap();
        let libraries = libraries(&directory, &["a", "b", "none"]);
        let found = |name| libraries.find(name).map_err(|error| error.to_string());
        assert_eq!(found("liba.so"), Ok(Some(b"a".to_vec())));
        assert_eq!(found("libb.so"), Ok(Some(b"b".to_vec())));
        for name in ["libc.so", "../../outside", "..", ".", "", "/etc/passwd"] {
            assert_eq!(found(name), Ok(None), "{name}");
        }
        for name in ["libout.so", "libabsolute.so"] {
            let expected =
                format!("demo 1.0: lib/{name} is no file in the library's prefix; links in it must be relative");
            assert_eq!(found(name), Err(expected));
        }
    }

    #[test]
    fn what_is_needed_of_others_comes_along() {
        let (one, two, three) = (module("\"libtwo.so\""), module("\"libthree.so\""), module(""));
        let directory =
            prefixes(&[("one", "libone.so", &one), ("host", "libtwo.so", &two), ("host", "libthree.so", &three)]);
        let prefix = directory.path().join("one");
        assert_eq!(complete(&prefix, &libraries(&directory, &["host"])).unwrap(), ["libone.so"]);
        assert_eq!(fs::read(prefix.join("lib/libtwo.so")).unwrap(), two);
        assert_eq!(fs::read(prefix.join("lib/libthree.so")).unwrap(), three);
    }

    #[test]
    fn what_is_no_shared_library_is_said() {
        let (lonely, empty) = (module("\"libgone.so\""), module(""));
        let directory = prefixes(&[
            ("static", "libone.a", b"!<arch>\n"),
            ("text", "libone.so", b"INPUT(libone.a)"),
            ("lonely", "libone.so", &lonely),
            ("copied", "libhost.so", &empty),
            ("host", "libhost.so", &empty),
        ]);
        let said = |prefix: &str| {
            let host = libraries(&directory, &["host"]);
            complete(&directory.path().join(prefix), &host).unwrap_err().to_string()
        };
        let texts = ["static", "text", "lonely", "copied", "none"].map(said);
        insta::assert_snapshot!(texts.join("\n\n"));
    }
}
