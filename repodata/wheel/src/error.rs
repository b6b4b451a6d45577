//! Why a wheel is refused.

use crate::PathProblem;

/// Why an archive is not a wheel that can be trusted to mean one thing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each case's message says what its fields are")]
pub enum WheelError {
    /// The end-of-directory record is not where an archive ends.
    #[error(
        "not a zip archive: {size} bytes without an end-of-directory record; the file may be truncated, fetch it again"
    )]
    NotAnArchive { size: usize },
    /// Bytes follow the end-of-directory record.
    #[error("{extra} bytes follow the end of the archive; nothing may")]
    TrailingData { extra: usize },
    /// The archive as a whole carries a comment.
    #[error("the archive carries a comment of {size} bytes; wheels have none")]
    ArchiveComment { size: usize },
    /// One of the archive's records ends after the file does.
    #[error("a record at byte {offset} needs {needed} bytes, but the archive has {size} in all; it may be truncated")]
    Truncated { offset: usize, needed: usize, size: usize },
    /// The archive is spread over several disks.
    #[error("the archive says that it is one of several volumes; a wheel is one file")]
    MultipleVolumes,
    /// A 32-bit field of the end record and its ZIP64 form disagree, or the latter is missing.
    #[error("the end-of-directory record and its ZIP64 form disagree about {field}")]
    Zip64Mismatch { field: &'static str },
    /// The ZIP64 records are not directly before the end-of-directory record.
    #[error("the ZIP64 end-of-directory record is not where its locator and the end record need it")]
    Zip64Misplaced,
    /// The directory does not end where the end records begin.
    #[error("the directory is said to be {size} bytes at {offset}, but the end record follows at {end}")]
    DirectoryMisplaced { offset: u64, size: u64, end: usize },
    /// The directory holds something else than the number of entries that is stated.
    #[error("the directory states {stated} entries and does not hold exactly these")]
    DirectoryCount { stated: u64 },
    /// More entries than the limit.
    #[error("the archive has {count} entries, more than the {limit} that are read")]
    TooManyEntries { count: u64, limit: usize },
    /// A record does not begin with its signature.
    #[error("{what} at byte {offset} does not begin with its signature")]
    BadSignature { what: &'static str, offset: usize },
    /// A name cannot be read in one way only.
    #[error("the name of the entry at byte {offset} is neither ASCII nor marked as UTF-8")]
    NameEncoding { offset: usize },
    /// A path that must not be unpacked.
    #[error("the archive names {path:?}, and {problem}")]
    BadPath { path: String, problem: PathProblem },
    /// Two entries would be one file on some file system.
    #[error("{first:?} and {second:?} are the same name by case or Unicode form")]
    NamesCollide { first: String, second: String },
    /// One entry is a file that another one needs to be a directory.
    #[error("{file:?} is a file, and {inside:?} lies inside of it")]
    FileAsDirectory { file: String, inside: String },
    /// An entry has a comment.
    #[error("the directory's entry for {path:?} carries a comment; wheels have none")]
    EntryComment { path: String },
    /// An entry is a symbolic link, a device or the like.
    #[error("{path:?} is neither a file nor a directory (mode {mode:o})")]
    NotAFile { path: String, mode: u32 },
    /// A directory entry has contents.
    #[error("{path:?} is a directory with contents")]
    DirectoryWithContents { path: String },
    /// Encryption, patch data and other features that wheels do not use.
    #[error("{path:?} has the general purpose flags {flags:#06x}; only descriptors, UTF-8 and deflate levels are read")]
    UnsupportedFlags { path: String, flags: u16 },
    /// A compression method other than stored and deflate.
    #[error("{path:?} is compressed with method {method}; only stored (0) and deflate (8) are read")]
    UnsupportedMethod { path: String, method: u16 },
    /// An extra field cannot be read, or would give the entry a second meaning.
    #[error("{path:?} has a bad extra field: {problem}")]
    BadExtra { path: String, problem: &'static str },
    /// Local and central header differ.
    #[error("the local header of {path:?} and the directory disagree about {field}")]
    HeaderMismatch { path: String, field: &'static str },
    /// The data descriptor is missing, has no sizes or other ones.
    #[error("the data descriptor of {path:?} does not repeat the directory's checksum and sizes")]
    BadDescriptor { path: String },
    /// A stored entry whose end only the directory knows.
    #[error("{path:?} is stored uncompressed with a data descriptor, so that its end is ambiguous")]
    StoredWithDescriptor { path: String },
    /// Bytes before, between or after the entries, or entries that overlap.
    #[error("the entries do not cover the archive exactly: {path:?} begins at byte {found}, expected {expected}")]
    GapOrOverlap { path: String, expected: u64, found: u64 },
    /// The archive is also a tar archive.
    #[error("the file is a tar archive as well as a zip archive")]
    TarPolyglot,
    /// Unpacked size over the limit.
    #[error("the archive unpacks to {size} bytes, more than the {limit} that are allowed")]
    TooLarge { size: u64, limit: u64 },
    /// A decompression bomb.
    #[error("{what} unpacks {packed} bytes to {size}, more than {limit} times as many")]
    Bomb { what: String, packed: u64, size: u64, limit: u64 },
    /// The deflate stream is malformed or ends early or late.
    #[error("{path:?} does not inflate to the {size} bytes that its header states")]
    BadDeflate { path: String, size: u64 },
    /// The contents have another checksum.
    #[error("{path:?} has checksum {found:08x}, expected {expected:08x}; the archive is damaged, fetch it again")]
    ChecksumMismatch { path: String, expected: u32, found: u32 },
    /// There is not exactly one dist-info directory.
    #[error("the archive has {count} dist-info directories at its root; a wheel has one")]
    DistInfoCount { count: usize },
    /// A required file is missing.
    #[error("{path:?} is missing; a wheel needs it")]
    MissingFile { path: String },
    /// A text file of dist-info is too large or not UTF-8.
    #[error("{path:?} is not readable text: {problem}")]
    NotText { path: String, problem: &'static str },
    /// A line that is no `Name: value` header.
    #[error("{path:?} line {line} is not a `Name: value` header")]
    BadHeader { path: String, line: usize },
    /// A header that must be there once.
    #[error("{path:?} has {count} `{header}` headers; it needs exactly one")]
    HeaderCount { path: String, header: &'static str, count: usize },
    /// A header's value does not fit.
    #[error("{path:?} has `{header}: {value}`; expected {expected}")]
    HeaderValue { path: String, header: &'static str, value: String, expected: &'static str },
    /// RECORD is no list of path, hash and size.
    #[error("{path:?} line {line} is not `path,algorithm=digest,size`: {problem}")]
    BadRecord { path: String, line: usize, problem: &'static str },
    /// RECORD lists what the archive does not hold.
    #[error("RECORD lists {path:?}, which is not in the archive")]
    RecordedButMissing { path: String },
    /// The archive holds what RECORD does not list.
    #[error("{path:?} is in the archive, but RECORD does not list it with a hash")]
    NotRecorded { path: String },
    /// RECORD and contents disagree.
    #[error("RECORD and the contents of {path:?} disagree about {field}")]
    RecordMismatch { path: String, field: &'static str },
    /// A script entry point that is no name, or refers to no Python object.
    #[error("{path:?} defines the entry point {entry:?}: {problem}")]
    BadEntryPoint { path: String, entry: String, problem: &'static str },
}
