//! Project and extra names in their normalized form.

use std::fmt;
use std::str::FromStr;

use crate::error::{IndexError, excerpt};
use crate::text_form::serde_as_text;

/// Longest name accepted, bytes. Filenames carry the name and file systems stop at 255.
const LONGEST: usize = 128;

/// A project name, normalized as in [PEP 503](https://peps.python.org/pep-0503/#normalized-names):
/// lowercase, each run of `.`, `_`, `-` one `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageName(Box<str>);

/// The name of an extra, normalized like a project name
/// ([PEP 685](https://peps.python.org/pep-0685/)).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtraName(Box<str>);

fn normalize(text: &str) -> Result<Box<str>, IndexError> {
    let invalid = || IndexError::InvalidName { found: excerpt(text), max: LONGEST };
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return Err(invalid());
    };
    if text.len() > LONGEST || !first.is_ascii_alphanumeric() || !last.is_ascii_alphanumeric() {
        return Err(invalid());
    }
    let mut normal = String::with_capacity(text.len());
    for &byte in bytes {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => normal.push(char::from(byte)),
            b'A'..=b'Z' => normal.push(char::from(byte.to_ascii_lowercase())),
            b'.' | b'_' | b'-' => {
                if !normal.ends_with('-') {
                    normal.push('-');
                }
            }
            _ => return Err(invalid()),
        }
    }
    Ok(normal.into_boxed_str())
}

macro_rules! name_type {
    ($type:ident) => {
        impl $type {
            /// The normalized text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = IndexError;

            fn from_str(text: &str) -> Result<Self, IndexError> {
                normalize(text).map(Self)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        serde_as_text!($type);
    };
}

name_type!(PackageName);
name_type!(ExtraName);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn normalizes() {
        for (given, normal) in
            [("numpy", "numpy"), ("PyYAML", "pyyaml"), ("ruamel.yaml", "ruamel-yaml"), ("a._-b", "a-b"), ("3", "3")]
        {
            assert_eq!(given.parse::<PackageName>().unwrap().as_str(), normal, "{given}");
        }
    }

    #[test]
    fn refuses() {
        for given in ["", "-a", "a-", ".", "a b", "a/b", "..", "é", "a\0", &"a".repeat(129)] {
            assert!(given.parse::<PackageName>().is_err(), "{given:?}");
        }
    }

    proptest! {
        #[test]
        fn normal_form_is_stable(text in "[A-Za-z0-9][A-Za-z0-9._-]{0,20}[A-Za-z0-9]") {
            let name: PackageName = text.parse().unwrap();
            prop_assert_eq!(name.to_string().parse::<PackageName>().unwrap(), name);
        }
    }
}
