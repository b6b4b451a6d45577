//! Which paths may be unpacked, and which of them are one name.

use std::fmt;

use crate::WheelError;
use crate::sorted::sorted;

/// Longest path in bytes; MEMFS and Linux take 4096, Windows 260 unless told otherwise.
const MAX_PATH: usize = 1024;
/// Longest component in bytes on the usual file systems.
const MAX_COMPONENT: usize = 255;

/// What is wrong with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathProblem {
    /// It begins with `/`.
    Absolute,
    /// It begins with a drive letter.
    Drive,
    /// It contains `\`, a separator for some readers only.
    Backslash,
    /// It contains a control or direction-changing character.
    ControlCharacter,
    /// It contains an empty, `.` or `..` component.
    Component,
    /// It, or one of its components, is too long.
    TooLong,
}

impl fmt::Display for PathProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Absolute => "absolute paths are refused",
            Self::Drive => "paths with a drive are refused",
            Self::Backslash => "backslashes are refused",
            Self::ControlCharacter => "control characters are refused",
            Self::Component => "empty, `.` and `..` components are refused",
            Self::TooLong => "it is too long",
        })
    }
}

/// Checks a path of an archive; a directory's ends in one `/`.
pub(crate) fn check(path: &str) -> Result<(), PathProblem> {
    let bytes = path.as_bytes();
    if path.starts_with('/') {
        return Err(PathProblem::Absolute);
    }
    if bytes.len() > 1 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' {
        return Err(PathProblem::Drive);
    }
    if path.contains('\\') {
        return Err(PathProblem::Backslash);
    }
    if path.chars().any(is_control) {
        return Err(PathProblem::ControlCharacter);
    }
    if path.len() > MAX_PATH {
        return Err(PathProblem::TooLong);
    }
    for component in path.strip_suffix('/').unwrap_or(path).split('/') {
        if matches!(component, "" | "." | "..") {
            return Err(PathProblem::Component);
        }
        if component.len() > MAX_COMPONENT {
            return Err(PathProblem::TooLong);
        }
    }
    Ok(())
}

/// Control characters, and those that change the direction of the text around them.
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Refuses names that some file system holds to be one, and files that are directories too.
pub(crate) fn check_names<'a>(paths: impl Iterator<Item = &'a str>) -> Result<(), WheelError> {
    let names: Vec<Name<'a>> = paths.map(Name::new).collect();
    let names = sorted(names, |one, other| one.key.cmp(&other.key).then(one.path.cmp(other.path)));
    for pair in names.windows(2) {
        let [first, second] = pair else { continue };
        // The key stands for every accented letter alike, so that it decides only where one of
        // the names is written with combining marks.
        let same = first.folded == second.folded || first.combining || second.combining;
        if first.key == second.key && same {
            return Err(WheelError::NamesCollide { first: first.path.to_owned(), second: second.path.to_owned() });
        }
    }
    for name in &names {
        for (position, _) in name.key.match_indices('/') {
            let parent = &name.key[..position];
            if let Ok(found) = names.binary_search_by(|other| other.key.as_str().cmp(parent)) {
                let file = &names[found];
                if !file.path.ends_with('/') {
                    return Err(WheelError::FileAsDirectory {
                        file: file.path.to_owned(),
                        inside: name.path.to_owned(),
                    });
                }
            }
        }
    }
    Ok(())
}

struct Name<'a> {
    path: &'a str,
    /// By case.
    folded: String,
    /// By case, with one placeholder for each letter outside ASCII, its combining marks included.
    key: String,
    combining: bool,
}

const PLACEHOLDER: char = '\u{FFFD}';

impl<'a> Name<'a> {
    fn new(path: &'a str) -> Self {
        let trimmed = path.strip_suffix('/').unwrap_or(path);
        if trimmed.is_ascii() {
            let folded = trimmed.to_ascii_lowercase();
            return Self { path, key: folded.clone(), folded, combining: false };
        }
        let folded = without_case(trimmed);
        let mut key = String::with_capacity(folded.len());
        let mut combining = false;
        for character in folded.chars() {
            if is_combining(character) {
                combining = true;
                if !key.ends_with('/') && key.pop().is_some() {
                    key.push(PLACEHOLDER);
                }
            } else if character.is_ascii() {
                key.push(character);
            } else {
                combining |= is_compatibility(character);
                key.push(PLACEHOLDER);
            }
        }
        Self { path, folded, key, combining }
    }
}

/// Upper case first: it is what makes `ß` and `ss` meet.
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
fn without_case(name: &str) -> String {
    name.to_uppercase().to_lowercase()
}

/// The same by the engine, which has the tables.
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
fn without_case(name: &str) -> String {
    js_sys::JsString::from(name).to_upper_case().to_lower_case().into()
}

/// Marks that join the letter before them in a composed form (Hangul vowels and finals included).
fn is_combining(character: char) -> bool {
    matches!(
        character,
        '\u{0300}'..='\u{036F}'
            | '\u{0591}'..='\u{05C7}'
            | '\u{0610}'..='\u{065F}'
            | '\u{0900}'..='\u{0903}'
            | '\u{093C}'
            | '\u{1161}'..='\u{11FF}'
            | '\u{1AB0}'..='\u{1AFF}'
            | '\u{1DC0}'..='\u{1DFF}'
            | '\u{20D0}'..='\u{20FF}'
            | '\u{3099}'..='\u{309A}'
            | '\u{FE20}'..='\u{FE2F}'
    )
}

/// Characters that normalise to a single other one.
fn is_compatibility(character: char) -> bool {
    matches!(character, '\u{2126}'..='\u{212B}' | '\u{F900}'..='\u{FAFF}' | '\u{2F800}'..='\u{2FA1F}')
}

#[cfg(test)]
mod tests {
    use super::{PathProblem, check, check_names};

    #[test]
    fn single_paths() {
        let cases = [
            ("numpy/__init__.py", Ok(())),
            ("numpy/", Ok(())),
            ("a b/ü.txt", Ok(())),
            ("..data/x", Ok(())),
            ("", Err(PathProblem::Component)),
            ("/etc/passwd", Err(PathProblem::Absolute)),
            ("c:/x", Err(PathProblem::Drive)),
            ("a\\b", Err(PathProblem::Backslash)),
            ("a/../b", Err(PathProblem::Component)),
            ("./a", Err(PathProblem::Component)),
            ("a//b", Err(PathProblem::Component)),
            ("a\nb", Err(PathProblem::ControlCharacter)),
            ("a\u{202E}b", Err(PathProblem::ControlCharacter)),
        ];
        for (path, expected) in cases {
            assert_eq!(check(path), expected, "{path:?}");
        }
        assert_eq!(check(&"x".repeat(256)), Err(PathProblem::TooLong));
        assert_eq!(check(&"xy/".repeat(400)), Err(PathProblem::TooLong));
    }

    #[test]
    fn names_together() {
        let fine: [&[&str]; 4] = [&["a", "b", "c/d", "c/"], &["é", "è"], &["e\u{301}", "f"], &["a/b", "a.b", "a-b"]];
        for names in fine {
            assert_eq!(check_names(names.iter().copied()), Ok(()), "{names:?}");
        }
        let refused: [&[&str]; 9] = [
            &["a", "a"],
            &["a/b", "a/B"],
            &["a/", "A"],
            &["é", "e\u{301}"],
            &["É", "e\u{301}"],
            &["straße", "STRASSE"],
            &["가", "\u{1100}\u{1161}"],
            &["a", "a/b"],
            &["A", "a/b/c"],
        ];
        for names in refused {
            assert!(check_names(names.iter().copied()).is_err(), "{names:?}");
        }
    }
}
