//! Every kind of stored object: where it lies, what it is, how long it may be kept.

use std::fmt;
use std::str::FromStr;

use pkgsrv_index::{Abi, ContentCoding, Digest, WheelFilename};

use crate::ServerError;
use crate::encoding::DELTA_CODING;

/// How long a response may be kept by browsers and CDNs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CachePolicy {
    /// The address names the bytes, which never change, and which nothing on the way may recode.
    Immutable,
    /// The address names a version; encodings may be added on the way.
    ImmutableView,
    /// Changes with every publish.
    Page,
    /// May be kept, but each use asks whether it is still current.
    Checked,
    /// Not worth keeping: errors and states.
    Never,
}

impl CachePolicy {
    /// The value of `Cache-Control`.
    pub const fn header(self) -> &'static str {
        match self {
            Self::Immutable => "public, max-age=31536000, immutable, no-transform",
            Self::ImmutableView => "public, max-age=31536000, immutable",
            Self::Page => "public, max-age=10, stale-while-revalidate=60, stale-if-error=86400",
            Self::Checked => "no-cache",
            Self::Never => "no-store",
        }
    }
}

/// A channel's name: 1 to 64 lowercase letters, digits and inner dashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName(Box<str>);

impl ChannelName {
    /// The channel whose addresses have no prefix.
    pub fn main() -> Self {
        Self("main".into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the channel without a prefix.
    pub fn is_main(&self) -> bool {
        &*self.0 == "main"
    }

    /// What its addresses and its paths in the store begin with: nothing, or `c/{channel}/`.
    pub fn prefix(&self) -> String {
        if self.is_main() { String::new() } else { format!("c/{self}/") }
    }

    /// The relative address of the blobs from a directory two below the channel's own.
    pub fn blobs_from_view(&self) -> &'static str {
        if self.is_main() { "../../blobs/" } else { "../../../../blobs/" }
    }

    /// The relative address of the blobs from a directory one below the channel's own.
    pub fn blobs_from_line(&self) -> &'static str {
        if self.is_main() { "../blobs/" } else { "../../../blobs/" }
    }

    /// The relative address of the documents from a directory two below the channel's own.
    pub fn documents_from_view(&self) -> &'static str {
        if self.is_main() { "../../documents/" } else { "../../../../documents/" }
    }
}

impl FromStr for ChannelName {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
        let fits = (1..=64).contains(&text.len())
            && text.as_bytes().iter().all(inner)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if fits { Ok(Self(text.into())) } else { Err(ServerError::InvalidChannel { found: text.to_owned() }) }
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An object of the store. Its path in the store is its address below the server's root, so a
/// bucket with these objects serves them without a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredObject {
    /// A wheel.
    Wheel {
        /// SHA-256 of the wheel.
        sha256: Digest,
        /// Its filename.
        filename: WheelFilename,
    },
    /// The stored twin of a wheel.
    Twin {
        /// SHA-256 of the twin.
        sha256: Digest,
        /// The wheel's filename.
        filename: WheelFilename,
    },
    /// An encoding of a twin that was made ahead.
    EncodedTwin {
        /// SHA-256 of the twin, not encoded.
        sha256: Digest,
        /// The wheel's filename.
        filename: WheelFilename,
        /// The encoding.
        coding: ContentCoding,
    },
    /// A twin as what is new in it to who has another file.
    Delta {
        /// SHA-256 of the twin, whole.
        sha256: Digest,
        /// SHA-256 of the other file.
        dictionary: Digest,
    },
    /// The METADATA file of a wheel.
    Metadata {
        /// SHA-256 of the wheel.
        sha256: Digest,
        /// The wheel's filename.
        filename: WheelFilename,
    },
    /// The report of a wheel's admission to a line.
    Admission {
        /// SHA-256 of the report.
        sha256: Digest,
    },
    /// A document about a wheel.
    Document {
        /// SHA-256 of the document.
        sha256: Digest,
    },
    /// What a line of a channel has.
    Index {
        /// The channel.
        channel: ChannelName,
        /// The line.
        abi: Abi,
        /// SHA-256 of the object.
        sha256: Digest,
    },
    /// The loader's view of an index.
    Repodata {
        /// The channel.
        channel: ChannelName,
        /// The line.
        abi: Abi,
        /// SHA-256 of the object.
        sha256: Digest,
    },
    /// The signatures of a head.
    HeadSignature {
        /// The channel.
        channel: ChannelName,
        /// The line.
        abi: Abi,
        /// SHA-256 of the head.
        sha256: Digest,
    },
    /// A head as it was, for a line's history.
    PastHead {
        /// The channel.
        channel: ChannelName,
        /// The line.
        abi: Abi,
        /// The head's serial.
        serial: u64,
    },
    /// Names a line's current index; the only object that changes.
    Head {
        /// The channel.
        channel: ChannelName,
        /// The line.
        abi: Abi,
    },
}

impl StoredObject {
    /// The path below the store's root and the address below the server's.
    pub fn path(&self) -> String {
        match self {
            Self::Wheel { sha256, filename } | Self::Twin { sha256, filename } => format!("blobs/{sha256}/{filename}"),
            Self::EncodedTwin { sha256, filename, coding } => format!("blobs/{sha256}/{filename}{}", coding.ending()),
            // Without the filename, which may be as long as names of files can be.
            Self::Delta { sha256, dictionary } => format!("blobs/{sha256}/{dictionary}.dcz"),
            Self::Metadata { sha256, filename } => format!("blobs/{sha256}/{filename}.metadata"),
            Self::Admission { sha256 } => format!("admissions/{sha256}.json"),
            Self::Document { sha256 } => format!("documents/{sha256}.json"),
            Self::Index { channel, abi, sha256 } => format!("{}index/{abi}/{sha256}.json", channel.prefix()),
            Self::Repodata { channel, abi, sha256 } => format!("{}repodata/{abi}/{sha256}.json", channel.prefix()),
            Self::HeadSignature { channel, abi, sha256 } => {
                format!("{}repodata/{abi}/{sha256}.sig.json", channel.prefix())
            }
            Self::PastHead { channel, abi, serial } => {
                format!("{}repodata/{abi}/heads/{serial}.json", channel.prefix())
            }
            Self::Head { channel, abi } => format!("{}repodata/{abi}/head.json", channel.prefix()),
        }
    }

    /// The value of `Content-Type`.
    pub const fn content_type(&self) -> &'static str {
        match self {
            Self::Wheel { .. } | Self::Twin { .. } | Self::EncodedTwin { .. } | Self::Delta { .. } => {
                "application/octet-stream"
            }
            Self::Metadata { .. } => "text/plain; charset=utf-8",
            Self::Admission { .. }
            | Self::Document { .. }
            | Self::Index { .. }
            | Self::Repodata { .. }
            | Self::HeadSignature { .. }
            | Self::PastHead { .. }
            | Self::Head { .. } => "application/json",
        }
    }

    /// The value of `Content-Encoding`, for a client that asks for the address of a twin and takes it.
    pub const fn content_encoding(&self) -> Option<&'static str> {
        match self {
            Self::EncodedTwin { coding, .. } => Some(coding.name()),
            Self::Delta { .. } => Some(DELTA_CODING),
            _ => None,
        }
    }

    /// How long it may be kept.
    pub const fn cache_policy(&self) -> CachePolicy {
        match self {
            Self::Wheel { .. } | Self::Metadata { .. } => CachePolicy::Immutable,
            Self::Twin { .. }
            | Self::EncodedTwin { .. }
            | Self::Delta { .. }
            | Self::Admission { .. }
            | Self::Document { .. }
            | Self::Index { .. }
            | Self::Repodata { .. }
            | Self::HeadSignature { .. }
            | Self::PastHead { .. } => CachePolicy::ImmutableView,
            Self::Head { .. } => CachePolicy::Page,
        }
    }

    /// The validator that its address alone determines, quotes included; `None` for the head.
    pub fn etag(&self) -> Option<String> {
        match self {
            Self::Wheel { sha256, .. }
            | Self::Twin { sha256, .. }
            | Self::Admission { sha256 }
            | Self::Document { sha256 }
            | Self::Index { sha256, .. }
            | Self::Repodata { sha256, .. } => Some(format!("\"{sha256}\"")),
            // Another body than the twin's, with ranges of its own.
            Self::EncodedTwin { sha256, coding, .. } => Some(format!("\"{sha256}-{}\"", coding.name())),
            Self::Delta { sha256, dictionary } => Some(format!("\"{sha256}-{DELTA_CODING}-{dictionary}\"")),
            // Named by the wheel's digest, so it needs a mark of its own.
            Self::Metadata { sha256, .. } => Some(format!("\"{sha256}-metadata\"")),
            // Named by the head's digest.
            Self::HeadSignature { sha256, .. } => Some(format!("\"{sha256}-signature\"")),
            Self::PastHead { serial, .. } => Some(format!("\"head-{serial}\"")),
            Self::Head { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let sha256 = Digest::from_bytes([0xab; 32]);
        let filename: WheelFilename = "a-1.0-py3-none-any.whl".parse().unwrap();
        let (main, next) = (ChannelName::main(), "next".parse::<ChannelName>().unwrap());
        let abi = Abi::preferred();
        let hex = "ab".repeat(32);
        for (object, path) in [
            (StoredObject::Wheel { sha256, filename: filename.clone() }, format!("blobs/{hex}/a-1.0-py3-none-any.whl")),
            (StoredObject::Twin { sha256, filename: filename.clone() }, format!("blobs/{hex}/a-1.0-py3-none-any.whl")),
            (
                StoredObject::EncodedTwin { sha256, filename: filename.clone(), coding: ContentCoding::Zstd },
                format!("blobs/{hex}/a-1.0-py3-none-any.whl.zst"),
            ),
            (
                StoredObject::Delta { sha256, dictionary: Digest::from_bytes([0xcd; 32]) },
                format!("blobs/{hex}/{}.dcz", "cd".repeat(32)),
            ),
            (StoredObject::Metadata { sha256, filename }, format!("blobs/{hex}/a-1.0-py3-none-any.whl.metadata")),
            (StoredObject::Document { sha256 }, format!("documents/{hex}.json")),
            (StoredObject::Index { channel: main.clone(), abi, sha256 }, format!("index/2026_0/{hex}.json")),
            (
                StoredObject::Repodata { channel: next.clone(), abi, sha256 },
                format!("c/next/repodata/2026_0/{hex}.json"),
            ),
            (
                StoredObject::PastHead { channel: main.clone(), abi, serial: 7 },
                "repodata/2026_0/heads/7.json".to_owned(),
            ),
            (StoredObject::Head { channel: main, abi }, "repodata/2026_0/head.json".to_owned()),
            (StoredObject::Head { channel: next, abi }, "c/next/repodata/2026_0/head.json".to_owned()),
        ] {
            assert_eq!(object.path(), path);
        }
    }

    #[test]
    fn channel_names() {
        for text in ["", "Main", "-a", "a-", "a/b", "..", "a.b", &"a".repeat(65)] {
            assert!(text.parse::<ChannelName>().is_err(), "{text}");
        }
        assert_eq!("main".parse::<ChannelName>().unwrap(), ChannelName::main());
    }
}
