//! What can go wrong when publishing and serving.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use pkgsrv_index::{Abi, Digest, IndexError};
use pkgsrv_wheel::WheelError;

/// An error of the admission check that a caller of [`crate::publish`] brings.
pub type AdmissionError = Box<dyn std::error::Error + Send + Sync>;

/// Why something was not published or cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The data directory cannot be read or written.
    #[error("cannot {doing} {}", path.display())]
    DataDirectory {
        /// What was tried.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A channel name with a character it may not have.
    #[error("`{found}` is not a channel name: expected 1 to 64 lowercase letters, digits and inner dashes")]
    InvalidChannel {
        /// The text as given.
        found: String,
    },
    /// A base address that clients could not use.
    #[error(
        "`{found}` is not a base address: expected http:// or https://, a host and at most a path, \
         for example https://packages.example"
    )]
    InvalidBaseUrl {
        /// The text as given.
        found: String,
    },
    /// `--prompt-listen` with something else than an address or `off`.
    #[error(
        "`{found}` is no address for the prompt: expected an IP address and port, for example 127.0.0.1:8418, or `off`"
    )]
    InvalidPromptListen {
        /// The text as given.
        found: String,
    },
    /// `--prompt-url` with something else than an origin.
    #[error(
        "`{found}` is not an origin for the prompt: expected http:// or https:// and a host without a path, \
         for example https://prompt.example"
    )]
    InvalidPromptUrl {
        /// The text as given.
        found: String,
    },
    /// A prompt that would share its origin with the packages.
    #[error(
        "the prompt cannot be at {url}, which is also the origin of --base-url: it runs packages' code and needs a host \
         or port of its own"
    )]
    PromptNotApart {
        /// The value of `--prompt-url`.
        url: String,
    },
    /// A file of the store, or one to be published, that cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A file of the store that cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A stored object whose bytes are not those that its name promises.
    #[error("{} is damaged: its name says SHA-256 {expected}, its bytes have {found}; restore it or publish again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The digest in its name.
        expected: Digest,
        /// The digest of what is there.
        found: Digest,
    },
    /// A stored object that this program cannot read.
    #[error("cannot use {}", path.display())]
    Stored {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: IndexError,
    },
    /// A stored report on an admission that this program cannot read.
    #[error("cannot use {}: {reason}", path.display())]
    StoredReport {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A path that does not end in a wheel's filename.
    #[error("cannot publish {}", path.display())]
    NotAWheelName {
        /// The path as given.
        path: PathBuf,
        /// What is wrong with its last part.
        source: IndexError,
    },
    /// A wheel that is too large to be read whole.
    #[error("{} has {size} bytes, at most {limit} can be published", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size, bytes.
        size: u64,
        /// The limit, bytes.
        limit: u64,
    },
    /// A wheel that the strict reader refuses.
    #[error("{filename} is refused")]
    Wheel {
        /// The wheel.
        filename: String,
        /// What is wrong with it.
        source: WheelError,
    },
    /// A wheel whose filename, tags or dependencies are refused.
    #[error("{filename} cannot be published")]
    Index {
        /// The wheel.
        filename: String,
        /// What is wrong with it.
        source: IndexError,
    },
    /// A tree of the store whose nodes contradict each other.
    #[error("the channel cannot be read")]
    Tree {
        /// What is wrong with it.
        #[from]
        source: IndexError,
    },
    /// A wheel whose filename and METADATA disagree.
    #[error("{filename} cannot be published: its METADATA says {field} `{found}`, its filename says `{expected}`")]
    MetadataMismatch {
        /// The wheel.
        filename: String,
        /// `Name` or `Version`.
        field: &'static str,
        /// METADATA's value.
        found: String,
        /// The filename's value.
        expected: String,
    },
    /// A METADATA header that does not parse.
    #[error("{filename} cannot be published: its METADATA says {field} `{found}`: {reason}")]
    MetadataValue {
        /// The wheel.
        filename: String,
        /// The header.
        field: &'static str,
        /// Its value.
        found: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A document that is about something else than the wheel that it comes with.
    #[error("{document} cannot be published: {reason}; remove it, or build the wheel again")]
    Document {
        /// Its file name beside the wheel.
        document: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A wheel that the admission check refused.
    #[error("{filename} was not admitted for ABI {abi}")]
    NotAdmitted {
        /// The wheel.
        filename: String,
        /// The line it was meant for.
        abi: Abi,
        /// What the check found.
        source: AdmissionError,
    },
    /// A channel that nothing was published to.
    #[error("there is no channel `{channel}` in {}: publish something to it first", store.display())]
    UnknownChannel {
        /// The channel asked for.
        channel: String,
        /// The store's root.
        store: PathBuf,
    },
    /// The address to listen on is in use.
    #[error(
        "cannot listen on {address}: another program does, perhaps a pkgsrv that is already running; \
         stop it or choose another port, for example {option} {}:0 for any free one", address.ip()
    )]
    PortTaken {
        /// The option that names it.
        option: &'static str,
        /// The address.
        address: SocketAddr,
        /// The system's words.
        source: io::Error,
    },
    /// The address to listen on cannot be had for another reason.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        source: io::Error,
    },
    /// The connection to the network failed while serving.
    #[error("serving {address} ended")]
    Serve {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        source: io::Error,
    },
}
