//! A constraint on a build tool's version: `cython<3.1`.

use std::fmt;
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};
use pkgsrv_index::PackageName;
use serde::{Serialize, Serializer};

/// A project and the versions of it that a build may use, in the notation of a [version
/// specifier](https://packaging.python.org/en/latest/specifications/version-specifiers/).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// The project.
    pub name: PackageName,
    specifiers: VersionSpecifiers,
}

impl Constraint {
    /// Whether a version will do.
    pub fn admits(&self, version: &Version) -> bool {
        self.specifiers.contains(version)
    }
}

impl FromStr for Constraint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.find(['<', '>', '=', '!', '~']).ok_or_else(|| format!("`{text}` names no version"))?;
        let (name, specifiers) = text.split_at(at);
        Ok(Self {
            name: name.trim().parse().map_err(|error: pkgsrv_index::IndexError| error.to_string())?,
            specifiers: specifiers.parse().map_err(|error: pep440_rs::VersionSpecifiersParseError| {
                error.to_string().lines().next().unwrap_or_default().to_owned()
            })?,
        })
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let specifiers: Vec<String> = self.specifiers.iter().map(|one| one.to_string().replace(' ', "")).collect();
        write!(f, "{}{}", self.name, specifiers.join(","))
    }
}

impl Serialize for Constraint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constraint_admits_versions_and_keeps_its_text() {
        let constraint: Constraint = "Cython < 3.1.0, != 3.0.11".parse().unwrap();
        assert_eq!(constraint.to_string(), "cython!=3.0.11,<3.1.0");
        assert_eq!(constraint.to_string().parse::<Constraint>().unwrap(), constraint);
        let admitted = ["3.0.10", "3.0.11", "3.1"].map(|version| constraint.admits(&version.parse().unwrap()));
        assert_eq!(admitted, [true, false, false]);
        assert_eq!("cython".parse::<Constraint>().unwrap_err(), "`cython` names no version");
        assert!("cython<one".parse::<Constraint>().is_err());
    }
}
