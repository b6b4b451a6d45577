//! What can go wrong when publishing and serving.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use pkgsrv_index::{Abi, Digest, IndexError, Status};
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
    /// An environment's name with a character it may not have.
    #[error("`{found}` is not a name for an environment: expected 1 to 64 lowercase letters, digits and inner dashes")]
    InvalidEnvironment {
        /// The text as given.
        found: String,
    },
    /// An environment whose file cannot be read.
    #[error("{} is no environment: {reason}; `pkgsrv bake` makes it anew", path.display())]
    BadEnvironment {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
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
    /// A line that nothing was published to.
    #[error("the channel {channel} has no line {abi}: `pkgsrv channel list` shows those that it has")]
    UnknownLine {
        /// The channel.
        channel: String,
        /// The line asked for.
        abi: Abi,
    },
    /// A serial that a line has not come to, or whose head was not kept.
    #[error(
        "line {abi} of channel {channel} has no head {serial}: expected {first} to {last}; \
         name another serial, or one line with --abi"
    )]
    UnknownSerial {
        /// The channel.
        channel: String,
        /// The line.
        abi: Abi,
        /// The serial asked for.
        serial: u64,
        /// The first one that is kept.
        first: u64,
        /// The present one.
        last: u64,
    },
    /// A point of a channel's history that is not written as one.
    #[error("`{found}` is no state of a channel: expected its name, or name@serial, for example main@5")]
    InvalidPoint {
        /// The text as given.
        found: String,
    },
    /// A version of a project that is not written as one.
    #[error("`{found}` is no release: expected NAME==VERSION, for example numpy==2.4.6")]
    InvalidRelease {
        /// The text as given.
        found: String,
    },
    /// Something to delete that is not written as one.
    #[error("`{found}` cannot be deleted: expected NAME, NAME==VERSION, or the filename of a wheel")]
    InvalidTarget {
        /// The text as given.
        found: String,
    },
    /// Something that no line asked about has.
    #[error("there is no {what} in channel {channel}; nothing was changed")]
    NotInChannel {
        /// What was looked for.
        what: String,
        /// The channel.
        channel: String,
    },
    /// A promotion from a channel into itself.
    #[error("files of {channel} cannot be promoted to {channel}: name two channels")]
    SameChannel {
        /// The channel.
        channel: String,
    },
    /// Two channels that have one name for two files.
    #[error(
        "{filename} is not the same file in both channels: {from} has it with SHA-256 {offered}, {to} with {taken}; \
         nothing was promoted. Build it again with another build number, or promote other projects by name"
    )]
    OtherBytes {
        /// The filename.
        filename: String,
        /// The channel that it was to come from.
        from: String,
        /// Its digest there.
        offered: Box<Digest>,
        /// The channel that it was to come to.
        to: String,
        /// The digest that the name has there.
        taken: Box<Digest>,
    },
    /// A promotion of what is hidden where it comes from.
    #[error(
        "{name} is quarantined in channel {channel}; nothing was promoted. Name the projects to promote, or lift that \
         with `pkgsrv channel status {name} active --channel {channel}`"
    )]
    PromotesQuarantined {
        /// The project.
        name: String,
        /// The channel.
        channel: String,
    },
    /// A state that names bytes which are gone.
    #[error(
        "head {serial} of line {abi} of channel {channel} has {filename}, whose bytes were purged; nothing was rolled \
         back. Publish that file again first, or name another serial with --to"
    )]
    PurgedSince {
        /// The wheel.
        filename: String,
        /// The channel.
        channel: String,
        /// The line.
        abi: Abi,
        /// The serial asked for.
        serial: u64,
    },
    /// A project that takes no files.
    #[error(
        "{name} is {status} in channel {channel}{reason} and takes no files; nothing was published. \
         `pkgsrv channel status {name} active --channel {channel}` opens it again"
    )]
    ProjectClosed {
        /// The project.
        name: String,
        /// The channel.
        channel: String,
        /// Its status.
        status: Status,
        /// The reason for that in brackets, or nothing.
        reason: String,
    },
    /// A channel whose key would be replaced without anybody noticing.
    #[error("channel {channel} has a key already: `pkgsrv channel rotate-key {channel}` makes another one")]
    HasKey {
        /// The channel.
        channel: String,
    },
    /// A channel that was never given a key.
    #[error("channel {channel} has no key: `pkgsrv channel init {channel}` makes one")]
    NoKey {
        /// The channel.
        channel: String,
    },
    /// A change of keys that does not fit what there is.
    #[error("channel {channel} signs with {found}, expected {expected}: {remedy}")]
    KeyCount {
        /// The channel.
        channel: String,
        /// How many keys it has.
        found: String,
        /// How many were expected.
        expected: &'static str,
        /// What to do.
        remedy: String,
    },
    /// A signed channel whose keys are not there.
    #[error(
        "the heads of channel {channel} are signed, but {} has no key; nothing was changed, since readers would refuse \
         an unsigned head. Restore that directory", directory.display()
    )]
    KeysAreGone {
        /// The channel.
        channel: String,
        /// Where its keys are looked for.
        directory: PathBuf,
    },
    /// A key, or the list of them, that cannot be used.
    #[error("cannot use {}: {reason}; restore it", path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A token's name with a character it may not have.
    #[error("`{found}` is not a name for a token: expected 1 to 64 lowercase letters, digits and inner dashes")]
    InvalidTokenName {
        /// The text as given.
        found: String,
    },
    /// Projects for a token that are not written as such.
    #[error("`{found}` names no projects: expected a name, the beginning of names such as `my-*`, or `*` for all")]
    InvalidProjectPattern {
        /// The text as given.
        found: String,
    },
    /// A token whose name another one has.
    #[error(
        "there is a token `{name}` already: choose another name, or take it away with `pkgsrv token revoke {name}`"
    )]
    TokenExists {
        /// Its name.
        name: String,
    },
    /// A token that was never made, or is revoked.
    #[error("there is no token `{name}`: `pkgsrv token list` shows those that there are")]
    UnknownToken {
        /// The name asked for.
        name: String,
    },
    /// A token that cannot be made or read.
    #[error("cannot use {}: {reason}; make the token again", path.display())]
    BadToken {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
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
