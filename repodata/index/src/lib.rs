//! The formats that server and loader share: names, digests, tags, a channel's index and its views.
//!
//! * [`ChannelIndex`] is what one line (one ABI) of a channel says it has; [`Head`] names the
//!   current one. Both are stored objects.
//! * [`Repodata`] is the view that our loader reads; [`closure`] picks releases from it.
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
mod head;
#[cfg(feature = "markers")]
mod markers;
mod name;
mod project_error;
mod pyodide_lock;
mod repodata;
mod requirement;
mod selection;
pub mod simple;
mod tag;
mod text_form;
mod wheel_filename;

pub use abi::{Abi, AbiFacts};
pub use channel_index::{ChannelIndex, Inserted};
pub use closure::{ClosureError, closure};
pub use digest::Digest;
pub use document::DocumentKind;
pub use entry::{FileEntry, UploadTime};
pub use environment_lock::{EnvironmentLock, LockedRelease};
pub use error::IndexError;
pub use head::{Head, ObjectRef, RepodataHead};
#[cfg(feature = "markers")]
pub use markers::{Dependencies, evaluate};
pub use name::{ExtraName, PackageName};
pub use pep440_rs::{Operator, Version, VersionSpecifiers};
pub use project_error::{Demand, DemandedBy, MOST_OFFERED, Offered, ProjectError, listed_first, nearest};
pub use pyodide_lock::{LockInfo, LockedPackage, PyodideLock};
pub use repodata::{Release, Repodata, RuntimeInfo};
pub use requirement::Requirement;
pub use selection::{Selected, dependencies_first, names_prerelease, newest, pins};
pub use tag::{Tag, TagRank};
pub use wheel_filename::{BuildTag, WheelFilename};

/// Version of the index, head and repodata formats that this crate writes; it reads this one only,
/// there being no older one yet.
pub const FORMAT: u32 = 1;
