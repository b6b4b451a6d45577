//! What an index records about one published file.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};
use serde::{Deserialize, Serialize};

use crate::error::{IndexError, excerpt};
use crate::text_form::serde_as_text;
use crate::{Abi, Digest, DocumentKind, ExtraName, PackageName, Requirement, Twin, WheelFilename};

/// One wheel of a channel's line. Dependencies are already evaluated for the line's ABI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// The wheel's filename, unique in the line.
    pub filename: WheelFilename,
    /// The project.
    pub name: PackageName,
    /// The version.
    pub version: Version,
    /// SHA-256 of the wheel as it was uploaded, the first half of its address.
    pub sha256: Digest,
    /// Size of the wheel as it was uploaded, bytes.
    pub size: u64,
    /// Its stored twin; files that were published before there were any have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin: Option<Twin>,
    /// Its compiled twin for the line's ABI, which has bytecode in the place of modules; not every file has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiled: Option<Twin>,
    /// SHA-256 of the METADATA file, which is also served beside the wheel.
    pub metadata_sha256: Digest,
    /// SHA-256 of the report of its admission, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admission_sha256: Option<Digest>,
    /// SHA-256 of the documents that were published with it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub documents: BTreeMap<DocumentKind, Digest>,
    /// When it was published.
    pub upload_time: UploadTime,
    /// `Requires-Python`, if stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requires_python: Option<VersionSpecifiers>,
    /// What it needs, without markers, sorted by name.
    pub depends: Vec<Requirement>,
    /// What each extra needs in addition; an extra that adds nothing here has an empty list.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extras: BTreeMap<ExtraName, Vec<Requirement>>,
    /// Top-level import names, sorted.
    pub imports: Vec<String>,
    /// The reason for yanking it ([PEP 592](https://peps.python.org/pep-0592/)), empty if none was
    /// given; `None` if it is not yanked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yanked: Option<String>,
}

impl FileEntry {
    /// Whether the ABI's Python is one that the file admits. Some installers for this platform
    /// never look at `Requires-Python`, so every view leaves out what does not fit.
    pub fn admits_python(&self, abi: Abi) -> bool {
        let Some(required) = &self.requires_python else { return true };
        abi.facts().python_full.parse().is_ok_and(|python: Version| required.contains(&python))
    }
}

/// A point in time as the [Simple API](https://packaging.python.org/en/latest/specifications/simple-repository-api/)
/// writes it: RFC 3339, UTC, microseconds, `Z`. Text order is time order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadTime(Box<str>);

const PATTERN: &str = "0000-00-00T00:00:00.000000Z";

impl UploadTime {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The time this long after 1970-01-01T00:00:00Z, microseconds. Years past 9999 saturate.
    pub fn from_unix_micros(micros: u64) -> Self {
        /// 9999-12-31T23:59:59.999999Z
        const LAST: u64 = 253_402_300_799_999_999;
        let micros = micros.min(LAST);
        let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        Self(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z").into_boxed_str())
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(month: u64, year: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let mut year = 1970;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let mut month = 1;
    while days >= days_in(month, year) {
        days -= days_in(month, year);
        month += 1;
    }
    (year, month, days + 1)
}

fn fits_calendar(text: &str) -> Option<bool> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    Some(
        (1..=12).contains(&month)
            && (1..=days_in(month, year)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60,
    )
}

impl FromStr for UploadTime {
    type Err = IndexError;

    fn from_str(text: &str) -> Result<Self, IndexError> {
        let shaped = text.len() == PATTERN.len()
            && text
                .bytes()
                .zip(PATTERN.bytes())
                .all(|(found, expected)| if expected == b'0' { found.is_ascii_digit() } else { found == expected });
        if shaped && fits_calendar(text) == Some(true) {
            return Ok(Self(text.into()));
        }
        Err(IndexError::InvalidTime { found: excerpt(text) })
    }
}

impl fmt::Display for UploadTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_as_text!(UploadTime);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_times() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400_000_001, "2000-02-29T00:00:00.000001Z"),
            (1_795_305_599_999_999, "2026-11-21T23:59:59.999999Z"),
            (u64::MAX, "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(UploadTime::from_unix_micros(micros).as_str(), text);
        }
    }

    #[test]
    fn refuses() {
        for text in [
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.000000+00:00",
            "2026-02-29T00:00:00.000000Z",
            "2026-01-01T24:00:00.000000Z",
            "2026-01-01 00:00:00.000000Z",
        ] {
            assert!(text.parse::<UploadTime>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_order_is_time_order(a in 0u64..200_000_000_000_000_000, b in 0u64..200_000_000_000_000_000) {
            let (first, second) = (UploadTime::from_unix_micros(a), UploadTime::from_unix_micros(b));
            prop_assert_eq!(a.cmp(&b), first.cmp(&second));
            prop_assert_eq!(first.as_str().parse::<UploadTime>().unwrap(), first);
        }
    }
}
