//! Names of wheel files.

use std::fmt;
use std::str::FromStr;

use pep440_rs::Version;

use crate::error::{IndexError, excerpt};
use crate::text_form::serde_as_text;
use crate::{Abi, PackageName, Tag, TagRank};

/// Longest filename accepted, bytes: what common file systems hold, the `.metadata` beside it
/// included.
const LONGEST: usize = 240;
/// Most expanded tags accepted; real wheels have under twenty.
const MOST_TAGS: usize = 256;

/// A wheel's filename, checked and taken apart as in the
/// [binary distribution format](https://packaging.python.org/en/latest/specifications/binary-distribution-format/#file-name-convention).
/// The text is kept as it was: it is part of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WheelFilename {
    text: Box<str>,
    name: PackageName,
    version: Version,
    build: Option<BuildTag>,
    /// Where the compressed tag set begins in `text`.
    tags_at: usize,
}

/// A wheel's build number: decides between wheels of one version, the greater wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildTag {
    number: u64,
    rest: Box<str>,
}

impl BuildTag {
    /// Its leading number.
    pub const fn number(&self) -> u64 {
        self.number
    }
}

impl WheelFilename {
    /// The filename as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The project.
    pub fn name(&self) -> &PackageName {
        &self.name
    }

    /// The version.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The build number, if the name has one.
    pub fn build(&self) -> Option<&BuildTag> {
        self.build.as_ref()
    }

    /// The compressed tag set, `cp314-cp314-pyemscripten_2026_0_wasm32`.
    pub fn compressed_tags(&self) -> &str {
        &self.text[self.tags_at..self.text.len() - ".whl".len()]
    }

    /// A pattern of the names that other releases of the same project have, for the same platforms, with `*` for version
    /// and build number: `numpy-*-cp314-cp314-pyemscripten_2026_0_wasm32.whl`.
    pub fn family(&self) -> String {
        let (name, _) = self.text.split_once('-').unwrap_or((&self.text, ""));
        format!("{name}-*-{}.whl", self.compressed_tags())
    }

    /// Every single tag that the compressed set stands for.
    pub fn tags(&self) -> impl Iterator<Item = Tag<'_>> {
        let mut sets = self.compressed_tags().split('-');
        let mut next = || sets.next().unwrap_or_default();
        let (pythons, abis, platforms) = (next(), next(), next());
        pythons.split('.').flat_map(move |python| {
            abis.split('.').flat_map(move |abi| platforms.split('.').map(move |platform| Tag { python, abi, platform }))
        })
    }

    /// How well the best of its tags fits the ABI, `None` if none fits.
    pub fn tags_fit(&self, abi: Abi) -> Option<TagRank> {
        self.tags().filter_map(|tag| tag.rank(abi)).min()
    }

    /// Whether it is for any platform, so fits every ABI whose Python it admits.
    pub fn is_pure(&self) -> bool {
        self.tags().all(|tag| tag.platform == "any")
    }

    /// Like [`Self::tags_fit`], but says what was expected where nothing fits.
    pub fn require_fit(&self, abi: Abi) -> Result<TagRank, IndexError> {
        self.tags_fit(abi).ok_or_else(|| IndexError::TagsDoNotFit {
            filename: self.to_string(),
            abi,
            found: self.compressed_tags().to_owned(),
        })
    }
}

impl FromStr for WheelFilename {
    type Err = IndexError;

    fn from_str(text: &str) -> Result<Self, IndexError> {
        let invalid = |reason: String| IndexError::InvalidFilename { found: excerpt(text), reason };
        let Some(stem) = text.strip_suffix(".whl") else {
            return Err(invalid("it does not end in .whl".to_owned()));
        };
        if text.len() > LONGEST {
            return Err(invalid(format!("it is {} bytes long, at most {LONGEST} fit", text.len())));
        }
        // Also what keeps separators, `..` and shell or HTML characters out of every address.
        if let Some(odd) = stem.chars().find(|c| !c.is_ascii_alphanumeric() && !"._-+!".contains(*c)) {
            return Err(invalid(format!("{odd:?} is not allowed")));
        }
        let parts: Vec<&str> = stem.split('-').collect();
        let (name, version, build, tags) = match parts[..] {
            [name, version, py, abi, plat] => (name, version, None, [py, abi, plat]),
            [name, version, build, py, abi, plat] => (name, version, Some(build), [py, abi, plat]),
            _ => {
                let count = parts.len();
                return Err(invalid(format!("it has {count} parts between dashes, not 5 or 6")));
            }
        };
        let mut count = 1;
        for set in tags {
            if set.split('.').any(str::is_empty) {
                return Err(invalid("a tag is empty".to_owned()));
            }
            count *= set.split('.').count();
        }
        if count > MOST_TAGS {
            return Err(invalid(format!("it stands for {count} tags, at most {MOST_TAGS} fit")));
        }
        Ok(Self {
            name: name.parse().map_err(|error: IndexError| invalid(error.to_string()))?,
            version: version.parse().map_err(|error| invalid(format!("`{version}` is not a version ({error})")))?,
            build: build.map(str::parse).transpose().map_err(invalid)?,
            tags_at: text.len() - ".whl".len() - tags.join("-").len(),
            text: text.into(),
        })
    }
}

impl FromStr for BuildTag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = text.split_at(digits);
        let number = number.parse().map_err(|_| format!("build tag `{text}` does not start with a number"))?;
        Ok(Self { number, rest: rest.into() })
    }
}

impl fmt::Display for WheelFilename {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

serde_as_text!(WheelFilename);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn takes_apart() {
        let name: WheelFilename =
            "ruamel.yaml_clib-0.2.15-1b-cp314.cp313-abi3.none-any.emscripten_5_0_3_wasm32.whl".parse().unwrap();
        assert_eq!(name.name().as_str(), "ruamel-yaml-clib");
        assert_eq!(name.version().to_string(), "0.2.15");
        assert_eq!(name.build(), Some(&"1b".parse().unwrap()));
        assert_eq!(name.compressed_tags(), "cp314.cp313-abi3.none-any.emscripten_5_0_3_wasm32");
        let tags: Vec<String> = name.tags().map(|tag| tag.to_string()).collect();
        assert_eq!(tags.len(), 8);
        assert_eq!(tags[0], "cp314-abi3-any");
        assert_eq!(tags[7], "cp313-none-emscripten_5_0_3_wasm32");
        assert!(!name.is_pure());
        assert_eq!(name.family(), "ruamel.yaml_clib-*-cp314.cp313-abi3.none-any.emscripten_5_0_3_wasm32.whl");
    }

    #[test]
    fn fits() {
        for (filename, fits) in [
            ("numpy-2.4.6-cp314-cp314-pyemscripten_2026_0_wasm32.whl", true),
            ("numpy-2.4.6-cp314-cp314-manylinux_2_27_x86_64.whl", false),
            ("six-1.17.0-py2.py3-none-any.whl", true),
            ("old-1.0-py2-none-any.whl", false),
        ] {
            let parsed: WheelFilename = filename.parse().unwrap();
            assert_eq!(parsed.tags_fit(Abi::preferred()).is_some(), fits, "{filename}");
        }
    }

    #[test]
    fn refuses() {
        for (filename, reason) in [
            ("numpy-1.0.tar.gz", "it does not end in .whl"),
            ("numpy-1.0.whl", "it has 2 parts between dashes, not 5 or 6"),
            ("numpy-1.0-x1-py3-none-any.whl", "build tag `x1` does not start with a number"),
            ("a/b-1.0-py3-none-any.whl", "'/' is not allowed"),
            ("a-1.0-py3..py2-none-any.whl", "a tag is empty"),
            ("a-1.0-py3-none-a\u{202e}ny.whl", "'\\u{202e}' is not allowed"),
        ] {
            let error = filename.parse::<WheelFilename>().unwrap_err();
            let IndexError::InvalidFilename { reason: found, .. } = error else { panic!() };
            assert_eq!(found, reason, "{filename:?}");
        }
        let many = format!("a-1-{0}-{0}-{0}.whl", ["x"; 8].join("."));
        assert!(many.parse::<WheelFilename>().is_err());
        assert!("..-1.0-py3-none-any.whl".parse::<WheelFilename>().is_err());
    }

    #[test]
    fn build_numbers_compare_as_numbers() {
        let tag = |text: &str| text.parse::<BuildTag>().unwrap();
        assert!(tag("10") > tag("9"));
        assert!(tag("1b") > tag("1a"));
    }

    proptest! {
        #[test]
        fn text_is_kept(
            text in "[a-z]{1,6}_[a-z0-9]{1,3}-[0-9]{1,3}(\\.[0-9]{1,3}){0,2}(-[0-9][a-z]?)?-(cp314|py2\\.py3)-(none|abi3)-any\\.whl"
        ) {
            let parsed: WheelFilename = text.parse().unwrap();
            prop_assert_eq!(parsed.as_str(), &text);
            prop_assert_eq!(serde_json::from_str::<WheelFilename>(&serde_json::to_string(&parsed).unwrap()).unwrap(), parsed);
        }

        #[test]
        fn never_panics(text in "\\PC{0,60}(\\.whl)?") {
            let _ = text.parse::<WheelFilename>();
        }
    }
}
