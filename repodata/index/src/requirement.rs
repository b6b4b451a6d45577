//! Requirements whose markers have been evaluated already.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use pep440_rs::{VersionSpecifier, VersionSpecifiers};

use crate::error::{IndexError, excerpt};
use crate::text_form::serde_as_text;
use crate::{ExtraName, PackageName};

/// Longest requirement accepted, bytes.
const LONGEST: usize = 4096;

/// `name[extra,…]specifiers` as in the
/// [dependency specifiers](https://packaging.python.org/en/latest/specifications/dependency-specifiers/),
/// without markers and without direct references. Written in one canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Requirement {
    /// The project asked for.
    pub name: PackageName,
    /// Its extras asked for.
    pub extras: BTreeSet<ExtraName>,
    /// All of these must hold; none means any version.
    pub specifiers: VersionSpecifiers,
}

impl Requirement {
    /// Any version of a project.
    pub fn any(name: PackageName) -> Self {
        Self { name, extras: BTreeSet::new(), specifiers: VersionSpecifiers::empty() }
    }
}

/// The length of the leading part that a name may consist of.
fn name_length(text: &str) -> usize {
    text.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"._-".contains(b)).count()
}

impl FromStr for Requirement {
    type Err = IndexError;

    fn from_str(text: &str) -> Result<Self, IndexError> {
        let invalid = |reason: String| IndexError::InvalidRequirement { found: excerpt(text), reason };
        if text.len() > LONGEST {
            return Err(invalid(format!("it is longer than {LONGEST} bytes")));
        }
        let trimmed = text.trim();
        let (name, rest) = trimmed.split_at(name_length(trimmed));
        let name = name.parse().map_err(|error: IndexError| invalid(error.to_string()))?;
        let (extras, rest) = match rest.trim_start().strip_prefix('[') {
            None => (BTreeSet::new(), rest.trim_start()),
            Some(inside) => {
                let Some((list, rest)) = inside.split_once(']') else {
                    return Err(invalid("`[` without `]`".to_owned()));
                };
                let extras = extras(list).map_err(|error| invalid(error.to_string()))?;
                (extras, rest.trim_start())
            }
        };
        if rest.contains(';') {
            return Err(invalid("it has a marker, which must have been evaluated".to_owned()));
        }
        if rest.starts_with('@') {
            return Err(invalid("it refers to an address, an index holds versions".to_owned()));
        }
        // Metadata before 2.0 wrote `name (>=1)`.
        let specifiers = match rest.strip_prefix('(') {
            None => rest,
            Some(inside) => {
                inside.trim_end().strip_suffix(')').ok_or_else(|| invalid("`(` without `)` at the end".to_owned()))?
            }
        };
        let specifiers = read_specifiers(specifiers.trim().trim_end_matches(',')).map_err(invalid)?;
        Ok(Self { name, extras, specifiers })
    }
}

fn extras(list: &str) -> Result<BTreeSet<ExtraName>, IndexError> {
    let mut extras = BTreeSet::new();
    if !list.trim().is_empty() {
        for extra in list.split(',') {
            extras.insert(extra.trim().parse()?);
        }
    }
    Ok(extras)
}

/// Each by itself: for a list the parser draws its error over several lines, for which it brings the widths of all
/// characters.
fn read_specifiers(list: &str) -> Result<VersionSpecifiers, String> {
    let each = list.split(',').filter(|_| !list.is_empty());
    let specifiers = each.map(str::parse::<VersionSpecifier>);
    specifiers.collect::<Result<_, _>>().map_err(|error| format!("Failed to parse version: {error}:"))
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        for (at, extra) in self.extras.iter().enumerate() {
            write!(f, "{}{extra}", if at == 0 { '[' } else { ',' })?;
        }
        if !self.extras.is_empty() {
            f.write_str("]")?;
        }
        for (at, specifier) in self.specifiers.iter().enumerate() {
            write!(f, "{}{specifier}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

serde_as_text!(Requirement);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn canonical_spelling() {
        for (given, canonical) in [
            ("numpy", "numpy"),
            (" Foo.Bar [B, a]  >= 1.0 , < 2 ", "foo-bar[a,b]>=1.0,<2"),
            ("foo (>=1,!=1.5.*)", "foo>=1,!=1.5.*"),
            ("foo[]==1.0", "foo==1.0"),
            ("foo~=1.4.2", "foo~=1.4.2"),
            ("foo>=1,", "foo>=1"),
        ] {
            assert_eq!(given.parse::<Requirement>().unwrap().to_string(), canonical, "{given}");
        }
    }

    #[test]
    fn refuses() {
        for given in [
            "",
            ">=1",
            "foo bar",
            "foo[",
            "foo[é]",
            "foo(>=1",
            "foo>=1; python_version<'4'",
            "foo @ https://packages.example/foo.whl",
            "foo==",
            "foo=>1",
            "foo-",
        ] {
            assert!(given.parse::<Requirement>().is_err(), "{given:?}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(
            text in "[a-z]{1,8}(\\[[a-z]{1,3}(,[a-z]{1,3}){0,2}\\])?((>=|<|!=|==)[0-9]{1,3}(\\.[0-9]{1,3})?(,(>=|<|!=)[0-9]{1,2}){0,2})?"
        ) {
            let requirement: Requirement = text.parse().unwrap();
            prop_assert_eq!(requirement.to_string().parse::<Requirement>().unwrap(), requirement);
        }

        #[test]
        fn never_panics(text in "\\PC{0,40}") {
            let _ = text.parse::<Requirement>();
        }
    }
}
