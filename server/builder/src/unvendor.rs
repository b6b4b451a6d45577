//! Which files of a wheel are its tests: what `unvendor-tests` leaves out, by the rules of pyodide-build; and the
//! archive that keeps them beside the wheel.

use pkgsrv_index::PackageName;
use pkgsrv_recipe::Build;
use pkgsrv_wheel::Wheel;

use crate::error::BuildError;
use crate::repack::{Files, write};

/// Name and bytes of the archive with what is left out of a wheel, at the same paths; `None` where that is nothing. The
/// same contents give the same bytes.
pub(crate) fn archive(
    package: &PackageName,
    build: &Build,
    filename: &str,
    bytes: &[u8],
) -> Result<Option<(String, Vec<u8>)>, BuildError> {
    if !build.unvendor_tests {
        return Ok(None);
    }
    let wheel_error = |source| BuildError::Wheel { filename: filename.to_owned(), source };
    let wheel = Wheel::parse(bytes).map_err(wheel_error)?;
    let mut files = Files::new();
    for entry in wheel.entries().filter(|entry| is_test(entry.path(), &build.retain_test_patterns)) {
        let contents = wheel.read(entry).map_err(wheel_error)?;
        files.insert(entry.path().to_owned(), (contents, entry.is_executable()));
    }
    if files.is_empty() {
        return Ok(None);
    }
    let name = format!("{package}-tests.zip");
    let bytes = write(files.into_iter())
        .map_err(|error| BuildError::Package { package: name.clone(), reason: format!("cannot write it: {error}") })?;
    Ok(Some((name, bytes)))
}

/// Whether `path` in a wheel is a test: below a directory called `test` or `tests`, or by its own name, unless that
/// fits one of the patterns. What describes the wheel itself always stays.
pub(crate) fn is_test(path: &str, retained: &[String]) -> bool {
    let (directories, name) = path.rsplit_once('/').unwrap_or(("", path));
    let mut parts = directories.split('/');
    if parts.clone().next().is_some_and(|top| top.strip_suffix(".dist-info").is_some()) {
        return false;
    }
    if parts.any(|part| part == "test" || part == "tests") {
        return true;
    }
    let is_named_so = name == "conftest.py" || ["test_*.py", "*_test.py"].iter().any(|pattern| fits(name, pattern));
    is_named_so && !retained.iter().any(|pattern| fits(name, pattern))
}

/// Whether a name fits a pattern with `*` and `?`.
fn fits(name: &str, pattern: &str) -> bool {
    let (name, pattern): (Vec<char>, Vec<char>) = (name.chars().collect(), pattern.chars().collect());
    // Where to go on after the last `*`, should what follows it not fit: place in the pattern, place in the name.
    let mut again = None;
    let (mut at, mut of) = (0, 0);
    while at < name.len() {
        match pattern.get(of) {
            Some('*') => {
                again = Some((of + 1, at));
                of += 1;
            }
            Some(&c) if c == '?' || c == name[at] => {
                at += 1;
                of += 1;
            }
            _ => {
                let Some((after, start)) = again else { return false };
                again = Some((after, start + 1));
                (of, at) = (after, start + 1);
            }
        }
    }
    pattern[of..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_known_by_directory_and_name() {
        let retained = ["*_page_test.py".to_owned(), "bws_test.p?".to_owned()];
        for (path, expected) in [
            ("demo/tests/data/a.bin", true),
            ("test/__init__.py", true),
            ("demo/conftest.py", true),
            ("demo/test_a.py", true),
            ("demo/a_test.py", true),
            ("demo/_page_trend_page_test.py", false),
            ("demo/bws_test.py", false),
            ("demo/tests/bws_test.py", true),
            ("demo/testing/a.py", false),
            ("demo/test.py", false),
            ("demo/test_a.pyi", false),
            ("demo-1.0.dist-info/licenses/tests/LICENSE", false),
            ("tests.py", false),
        ] {
            assert_eq!(is_test(path, &retained), expected, "{path}");
        }
    }
}
