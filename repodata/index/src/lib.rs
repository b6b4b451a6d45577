//! The formats that server and loader share: names, digests, tags, a channel's index and its views.
//!
//! * A line (one ABI) of a channel is three stored [`tree`]s, and a [`Head`] that names the current ones: the files of
//!   each [`Project`]; its [`Release`]s, which our loader reads; and the projects that bring each module. [`closure`]
//!   picks releases.
//! * [`PyodideLock`] and [`simple`] are the views for the runtime's own package loader and for
//!   installers.
//! * [`EnvironmentLock`] is a frozen answer of the solver.
//!
//! Everything here is pure: bytes and values in, bytes and values out. No files, network, clock or
//! environment, so the same code answers in the server and inside the browser. Every map is sorted
//! and every serialization is deterministic, which is what lets a digest name an index.
#![forbid(unsafe_code)]

mod abi;
mod channel_index;
mod closure;
mod digest;
mod document;
mod entry;
mod environment_lock;
mod error;
mod format;
mod head;
mod head_signature;
mod markers;
mod name;
mod piplite;
mod project;
mod project_error;
mod project_status;
mod pyodide_lock;
mod releases;
mod repodata;
mod requirement;
mod selection;
pub mod simple;
mod tag;
mod text_form;
pub mod tree;
mod twin;
mod wheel_filename;

pub use abi::{Abi, AbiFacts};
pub use channel_index::ChannelIndex;
pub use closure::{Closure, ClosureError, closure};
pub use digest::Digest;
pub use document::DocumentKind;
pub use entry::{FileEntry, UploadTime};
pub use environment_lock::{EnvironmentLock, LockedFrom, LockedRelease};
pub use error::IndexError;
pub use format::FORMAT;
pub use head::{Head, ObjectRef, StoredHead, TreeRoots, WholeHead};
pub use head_signature::{HeadSignature, HeadSignatures, SIGNATURE_DOMAIN};
pub use markers::{Dependencies, evaluate};
pub use name::{ExtraName, PackageName};
pub use pep440_rs::{Operator, Version, VersionSpecifiers};
pub use piplite::PipliteIndex;
pub use project::{Inserted, Project};
pub use project_error::{Demand, DemandedBy, MOST_OFFERED, Offered, ProjectError, listed_first, nearest};
pub use project_status::{ProjectStatus, Status};
pub use pyodide_lock::{LockInfo, LockedPackage, PyodideLock};
pub use releases::{Releases, is_release};
pub use repodata::{CompiledTwin, Release, RepodataNode, RuntimeInfo, preferred_release, read_repodata};
pub use requirement::Requirement;
pub use selection::{Selected, dependencies_first, names_prerelease, newest, pins};
pub use tag::{Tag, TagRank};
pub use twin::{ContentCoding, Twin};
pub use wheel_filename::{BuildTag, WheelFilename};
