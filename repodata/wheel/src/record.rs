//! RECORD ([recording installed projects]).
//!
//! [recording installed projects]: https://packaging.python.org/en/latest/specifications/recording-installed-packages/

use std::borrow::Cow;
use std::fmt;

use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::{WheelError, base64};

/// The lines of RECORD, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    entries: Vec<RecordEntry>,
}

/// One line of RECORD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordEntry {
    /// Path as written.
    pub path: String,
    /// The digest, which RECORD's own line has not.
    pub hash: Option<RecordHash>,
    /// Size in bytes.
    pub size: Option<u64>,
}

/// A digest in RECORD: one of the algorithms that the wheel format allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordHash {
    /// SHA-256.
    Sha256([u8; 32]),
    /// SHA-384.
    Sha384([u8; 48]),
    /// SHA-512.
    Sha512([u8; 64]),
}

impl RecordHash {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (algorithm, digest) = text.split_once('=').ok_or("the hash has no algorithm")?;
        // Some old tools pad.
        let digest = digest.trim_end_matches('=');
        let digest = base64::decode(digest).ok_or("the digest is not URL-safe base64")?;
        let parsed = match algorithm {
            "sha256" => digest.try_into().ok().map(Self::Sha256),
            "sha384" => digest.try_into().ok().map(Self::Sha384),
            "sha512" => digest.try_into().ok().map(Self::Sha512),
            _ => return Err("the algorithm is none of sha256, sha384, sha512"),
        };
        parsed.ok_or("the digest has the wrong length")
    }

    /// The SHA-256 of `contents`.
    pub fn of(contents: &[u8]) -> Self {
        Self::Sha256(Sha256::digest(contents).into())
    }

    /// Whether `contents` have this digest.
    pub fn matches(&self, contents: &[u8]) -> bool {
        match self {
            Self::Sha256(digest) => Sha256::digest(contents).as_slice() == digest,
            Self::Sha384(digest) => Sha384::digest(contents).as_slice() == digest,
            Self::Sha512(digest) => Sha512::digest(contents).as_slice() == digest,
        }
    }
}

impl fmt::Display for RecordHash {
    /// As RECORD writes it: `algorithm=digest`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (algorithm, digest): (_, &[u8]) = match self {
            Self::Sha256(digest) => ("sha256", digest),
            Self::Sha384(digest) => ("sha384", digest),
            Self::Sha512(digest) => ("sha512", digest),
        };
        write!(formatter, "{algorithm}={}", base64::encode(digest))
    }
}

impl Record {
    /// Reads RECORD's text; `path` is named in errors.
    pub fn parse(path: &str, text: &str) -> Result<Self, WheelError> {
        let mut entries = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.is_empty() {
                continue;
            }
            let entry = entry(line).map_err(|problem| WheelError::BadRecord {
                path: path.to_owned(),
                line: index + 1,
                problem,
            })?;
            entries.push(entry);
        }
        Ok(Self { entries })
    }

    /// The text of a RECORD at `path`, which lists these files, of path and contents, and itself.
    pub fn text<'f>(files: impl IntoIterator<Item = (&'f str, &'f [u8])>, path: &str) -> String {
        let mut text = String::new();
        for (path, contents) in files {
            let (path, hash, size) = (written(path), RecordHash::of(contents), contents.len());
            text.extend([&*path, ",", &hash.to_string(), ",", &size.to_string(), "\n"]);
        }
        text.extend([&*written(path), ",,\n"]);
        text
    }

    /// The lines, in order.
    pub fn entries(&self) -> &[RecordEntry] {
        &self.entries
    }
}

/// A path as a CSV field.
fn written(path: &str) -> Cow<'_, str> {
    if path.contains([',', '"']) { format!("\"{}\"", path.replace('"', "\"\"")).into() } else { path.into() }
}

fn entry(line: &str) -> Result<RecordEntry, &'static str> {
    let (path, rest) = field(line)?;
    let (hash, rest) = field(rest.ok_or("the hash is missing")?)?;
    let (size, rest) = field(rest.ok_or("the size is missing")?)?;
    if rest.is_some() {
        return Err("there are more than three fields");
    }
    if path.is_empty() {
        return Err("the path is empty");
    }
    let hash = if hash.is_empty() { None } else { Some(RecordHash::parse(&hash)?) };
    let size = match size.as_str() {
        "" => None,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().map_err(|_| "the size is too large")?)
        }
        _ => return Err("the size is not a number"),
    };
    Ok(RecordEntry { path, hash, size })
}

/// The first CSV field of `line`, and what follows its comma.
fn field(line: &str) -> Result<(String, Option<&str>), &'static str> {
    let Some(mut quoted) = line.strip_prefix('"') else {
        return Ok(match line.split_once(',') {
            Some((field, rest)) => (field.to_owned(), Some(rest)),
            None => (line.to_owned(), None),
        });
    };
    let mut field = String::new();
    loop {
        let (part, rest) = quoted.split_once('"').ok_or("a quote is not closed")?;
        field.push_str(part);
        if let Some(more) = rest.strip_prefix('"') {
            field.push('"');
            quoted = more;
        } else if rest.is_empty() {
            return Ok((field, None));
        } else {
            let rest = rest.strip_prefix(',').ok_or("text follows a closing quote")?;
            return Ok((field, Some(rest)));
        }
    }
}
