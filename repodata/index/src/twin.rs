//! The stored twin of a wheel, and the encodings of it that were made ahead.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Digest, FileEntry};

/// A wheel with the same files as a published one, without deflate, under the same filename. As it is it is larger; an
/// encoding of it is what browsers get, and that is a third smaller than the published one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Twin {
    /// SHA-256 of the twin, not encoded; the first half of its address.
    pub sha256: Digest,
    /// Size of the twin, not encoded, bytes.
    pub size: u64,
    /// Sizes of its encodings, bytes. Each is smaller than the twin; one that was not is not there.
    pub encodings: BTreeMap<ContentCoding, u64>,
}

/// A content coding of [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1) that bodies are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContentCoding {
    /// Brotli, [RFC 7932](https://www.rfc-editor.org/rfc/rfc7932).
    Br,
    /// gzip: what is left to clients of plain HTTP, which take no newer one there.
    Gzip,
    /// Zstandard with a window of at most 8 MB, [RFC 9659](https://www.rfc-editor.org/rfc/rfc9659).
    Zstd,
}

impl ContentCoding {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Br, Self::Gzip, Self::Zstd];

    /// Its name in `Accept-Encoding` and `Content-Encoding`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Br => "br",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// What follows a file's name in that of the object with its encoding.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Br => ".br",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }
}

impl FileEntry {
    /// Digest and size of what clients that decode fetch: the twin, or the published wheel if it has none.
    pub fn fetched(&self) -> (Digest, u64) {
        self.twin.as_ref().map_or((self.sha256, self.size), |twin| (twin.sha256, twin.size))
    }
}
