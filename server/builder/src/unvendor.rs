//! Which files of a wheel are its tests: what `unvendor-tests` leaves out, by the rules of pyodide-build.

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
