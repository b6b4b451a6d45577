//! Which projects a token is for.

use std::fmt;
use std::str::FromStr;

use pkgsrv_index::PackageName;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ServerError;

/// A project, or all whose normalized names begin alike: `demo`, `my-*`, `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectPattern {
    /// One project.
    Named(PackageName),
    /// Those whose normalized names begin so; every project, if that is nothing.
    Beginning(String),
}

impl ProjectPattern {
    /// Whether the project is meant.
    pub fn fits(&self, project: &PackageName) -> bool {
        match self {
            Self::Named(name) => name == project,
            Self::Beginning(prefix) => project.as_str().starts_with(prefix.as_str()),
        }
    }
}

impl FromStr for ProjectPattern {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        let invalid = |_| ServerError::InvalidProjectPattern { found: text.to_owned() };
        match text.strip_suffix('*') {
            None => text.parse().map(Self::Named).map_err(invalid),
            Some("") => Ok(Self::Beginning(String::new())),
            Some(prefix) => {
                // A letter stands for what follows, since names do not end in a dash; it is taken off again.
                let name: PackageName = format!("{prefix}x").parse().map_err(invalid)?;
                Ok(Self::Beginning(name.as_str()[..name.as_str().len() - 1].to_owned()))
            }
        }
    }
}

impl fmt::Display for ProjectPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => name.fmt(f),
            Self::Beginning(prefix) => write!(f, "{prefix}*"),
        }
    }
}

impl Serialize for ProjectPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ProjectPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (text, written, fits) in [
            ("Demo_One", "demo-one", &["demo.one"][..]),
            ("my-*", "my-*", &["my_tool", "my-x"]),
            ("My__*", "my-*", &["my-tool"]),
            ("my*", "my*", &["my", "myself", "my-tool"]),
            ("*", "*", &["anything"]),
        ] {
            let pattern: ProjectPattern = text.parse().unwrap();
            assert_eq!(pattern.to_string(), written);
            for name in fits {
                assert!(pattern.fits(&name.parse().unwrap()), "{text} {name}");
            }
            assert!(pattern == ProjectPattern::Beginning(String::new()) || !pattern.fits(&"other".parse().unwrap()));
        }
        assert!(!"my-*".parse::<ProjectPattern>().unwrap().fits(&"myself".parse().unwrap()));
        for text in ["", "-*", "a*b", "**", "a b", "demo-"] {
            assert!(text.parse::<ProjectPattern>().is_err(), "{text}");
        }
    }
}
