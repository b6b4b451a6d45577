//! What can be wrong with a name, a format or a set of entries.

use crate::{Abi, Digest};

/// Why a value was refused. Every message says what was found and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// A project or extra name that PEP 508 does not allow.
    #[error(
        "`{found}` is not a name: expected 1 to {max} ASCII letters, digits, `.`, `_` or `-`, \
         starting and ending with a letter or digit"
    )]
    InvalidName {
        /// The text as given, shortened.
        found: String,
        /// Longest name accepted, bytes.
        max: usize,
    },
    /// Not a SHA-256 in hex.
    #[error("`{found}` is not a SHA-256: expected 64 lowercase hexadecimal digits")]
    InvalidDigest {
        /// The text as given, shortened.
        found: String,
    },
    /// An ABI this build has no facts about.
    #[error("unknown ABI `{found}`: expected one of {known}")]
    UnknownAbi {
        /// The text as given, shortened.
        found: String,
        /// The known ones, comma-separated.
        known: String,
    },
    /// A wheel filename that the specification does not allow.
    #[error(
        "`{found}` is not a wheel filename: {reason}; \
         expected name-version[-build]-python-abi-platform.whl"
    )]
    InvalidFilename {
        /// The text as given, shortened.
        found: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A dependency specifier that this crate does not read.
    #[error("`{found}` is not a requirement: {reason}; expected for example `name[extra]>=1.0,<2`")]
    InvalidRequirement {
        /// The text as given, shortened.
        found: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An environment marker that does not parse.
    #[error("the marker of `{found}` does not parse: {reason}")]
    InvalidMarker {
        /// The whole requirement, shortened.
        found: String,
        /// The marker parser's words.
        reason: String,
    },
    /// A time that is not RFC 3339 in UTC with microseconds.
    #[error("`{found}` is not an upload time: expected the form 2026-01-31T23:59:59.000000Z")]
    InvalidTime {
        /// The text as given, shortened.
        found: String,
    },
    /// JSON that is no JSON, or not of the expected shape.
    #[error("this {what} cannot be read: {reason}")]
    Json {
        /// Which format was expected.
        what: &'static str,
        /// The JSON reader's words, with line and column.
        reason: String,
    },
    /// A format from another time.
    #[error("this {what} has format {found}, this program reads format {supported}: update it")]
    UnsupportedFormat {
        /// Which format was expected.
        what: &'static str,
        /// The number found.
        found: u32,
        /// The number this crate reads.
        supported: u32,
    },
    /// Parts of one document that contradict each other.
    #[error("this {what} contradicts itself: {reason}")]
    Inconsistent {
        /// Which format was read.
        what: &'static str,
        /// The two sides.
        reason: String,
    },
    /// A published filename never becomes reusable for other bytes.
    #[error(
        "{filename} is already published with SHA-256 {published}, this file has {offered}: \
         published files never change, give the new file another version or build number"
    )]
    FilenameTaken {
        /// The filename in question.
        filename: String,
        /// The published file's digest.
        published: Digest,
        /// The offered file's digest.
        offered: Digest,
    },
    /// The name of a deleted file is as taken as that of a published one.
    #[error(
        "{filename} was published with SHA-256 {deleted} and deleted, this file has {offered}: \
         a name never comes to mean other bytes, give the new file another version or build number"
    )]
    FilenameDeleted {
        /// The filename in question.
        filename: String,
        /// The deleted file's digest.
        deleted: Box<Digest>,
        /// The offered file's digest.
        offered: Box<Digest>,
    },
    /// A status that PEP 792 does not know.
    #[error("`{found}` is not a project status: expected active, archived, quarantined or deprecated")]
    InvalidStatus {
        /// The text as given, shortened.
        found: String,
    },
    /// A wheel that the line's runtime cannot load.
    #[error(
        "{filename} does not fit ABI {abi}: its tags are {found}, expected for example {tag}-{tag}-{platform} \
         or py3-none-any",
        tag = abi.facts().interpreter_tag,
        platform = abi.platform_tag()
    )]
    TagsDoNotFit {
        /// The filename in question.
        filename: String,
        /// The ABI of the line.
        abi: Abi,
        /// The tag part of the filename.
        found: String,
    },
}

/// Shortens hostile text before it goes into a message.
pub(crate) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 120;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain("…".chars()).collect()
}
