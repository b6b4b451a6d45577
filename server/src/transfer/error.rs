//! What can go wrong when a channel is copied.

use pkgsrv_index::{Abi, Digest, IndexError};

use crate::{ChannelName, ServerError};

/// Why a channel was not exported or mirrored.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// A place that is none.
    #[error(
        "`{found}` is no place for a channel: expected file:///DIRECTORY, s3://BUCKET or s3://BUCKET/PREFIX, or, to \
         mirror from, http(s)://HOST"
    )]
    InvalidPlace {
        /// The text as given.
        found: String,
    },
    /// A server is no target.
    #[error("cannot export to {place}: expected file:///DIRECTORY or s3://BUCKET/PREFIX; servers can be mirrored from")]
    NotATarget {
        /// The place.
        place: String,
    },
    /// The channel on this machine.
    #[error(transparent)]
    Channel(#[from] ServerError),
    /// A file of the data directory that is exported as it is.
    #[error("cannot read {file}")]
    File {
        /// The file.
        file: String,
        /// The system's words.
        source: std::io::Error,
    },
    /// The directory or bucket cannot be opened.
    #[error("cannot use {place}; {remedy}")]
    Open {
        /// The place.
        place: String,
        /// What to do.
        remedy: &'static str,
        /// Why not.
        source: Box<object_store::Error>,
    },
    /// An object of the target or source.
    #[error("cannot {doing} {object} in {place}; {}", remedy(source))]
    Object {
        /// `read`, `write` or `remove`.
        doing: &'static str,
        /// Its key.
        object: String,
        /// The place.
        place: String,
        /// Why not.
        source: Box<object_store::Error>,
    },
    /// The lock of a target that is a directory.
    #[error("cannot lock {place}")]
    Lock {
        /// The place.
        place: String,
        /// The system's words.
        source: std::io::Error,
    },
    /// The head was replaced by another program, again and again.
    #[error(
        "{object} in {place} was changed by another program while this one wrote, {tries} times; nothing of the channel \
         is lost; run the command again when the other has ended"
    )]
    LostRace {
        /// The head's key.
        object: String,
        /// The place.
        place: String,
        /// How often it was tried.
        tries: u32,
    },
    /// What is there already is not an earlier state of what would replace it.
    #[error(
        "{place} would be taken back: channel {channel}, ABI {abi}: {reason}; use --force if what is in {place} is to be \
         given up"
    )]
    OtherHistory {
        /// What would be replaced.
        place: String,
        /// The channel.
        channel: ChannelName,
        /// The line.
        abi: Abi,
        /// What speaks against it.
        reason: String,
    },
    /// The marker of a newer export.
    #[error("cannot use {object} in {place}: {reason}; export with the newer pkgsrv that wrote it, or remove it")]
    Marker {
        /// Its key.
        object: String,
        /// The place.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something that an index names and that is not there.
    #[error("{place} does not have {object}, which its index names; {remedy}")]
    Missing {
        /// The place.
        place: String,
        /// Its key.
        object: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Other bytes than the digest promises.
    #[error(
        "{object} from {place} is damaged: expected SHA-256 {expected}, its bytes have {found}; nothing of it was kept"
    )]
    Damaged {
        /// The place.
        place: String,
        /// Its key.
        object: String,
        /// The digest that the index says.
        expected: Digest,
        /// The digest of what came.
        found: Digest,
    },
    /// An object that this program cannot read.
    #[error("cannot use {object} of {place}")]
    Format {
        /// The place.
        place: String,
        /// Its key.
        object: String,
        /// What is wrong with it.
        source: Box<IndexError>,
    },
    /// A server that does not answer as it should.
    #[error("cannot fetch {address}: {reason}; what has come is kept: run the command again to go on")]
    Fetch {
        /// The address.
        address: String,
        /// What happened.
        reason: String,
        /// The client's words.
        source: Option<reqwest::Error>,
    },
    /// A place without this channel.
    #[error("{place} has no channel {channel}{}", abis.as_deref().map(|abis| format!(" for ABI {abis}")).unwrap_or_default())]
    NoChannel {
        /// The place.
        place: String,
        /// The channel.
        channel: ChannelName,
        /// The ABIs asked for, if they were named.
        abis: Option<String>,
    },
    /// A head that would lead readers of a copy elsewhere, or that is too old.
    #[error("cannot read {place}: {object} names {found}, expected {expected}")]
    ForeignHead {
        /// The place.
        place: String,
        /// The head's key.
        object: String,
        /// What it names.
        found: String,
        /// What a head of this channel names.
        expected: String,
    },
    /// A list of files, or a file that names others, which cannot be followed.
    #[error(
        "cannot mirror {object} of {place}: {reason}; nothing of it was kept; with --packages-only, runtimes, loader and \
         environments are left out"
    )]
    BadFiles {
        /// The place.
        place: String,
        /// The key of what was read.
        object: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A runtime of the same version, made of other bytes.
    #[error(
        "{file} is not the same file in {place}: one of the two is damaged or not what its version says; use --force to \
         take the one from {place}, or --packages-only to leave runtimes out"
    )]
    OtherRuntime {
        /// The place.
        place: String,
        /// The file here.
        file: String,
    },
    /// Names that do not go together, or are not there.
    #[error("cannot choose packages for ABI {abi}")]
    Closure {
        /// The line.
        abi: Abi,
        /// Why not.
        source: Box<pkgsrv_index::ClosureError>,
    },
    /// A file that cannot be added to the channel here.
    #[error("{filename} cannot be added to the channel here; mirror into another data directory with --data")]
    Taken {
        /// The wheel.
        filename: String,
        /// Why not.
        source: Box<IndexError>,
    },
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl From<IndexError> for TransferError {
    fn from(source: IndexError) -> Self {
        Self::Channel(source.into())
    }
}

/// What to do about an object that cannot be read or written.
fn remedy(error: &object_store::Error) -> &'static str {
    use object_store::Error as E;
    match error {
        E::NotFound { .. } => "create the bucket first, or correct its name",
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => {
            "the bucket refuses the credentials: are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY set, and may they do this?"
        }
        E::NotImplemented { .. } | E::NotSupported { .. } => {
            "the store must know conditional writes (If-Match, If-None-Match)"
        }
        _ => "what has arrived stays: run the command again to go on",
    }
}
