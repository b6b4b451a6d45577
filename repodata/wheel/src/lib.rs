//! A strict reader of wheels ([specification]), for the server and for the loader alike.
//!
//! [`Wheel::parse`] accepts an archive only if every zip reader would see the same files in it:
//! one directory at the very end, local headers that repeat it exactly, no byte that belongs to
//! nothing. It reads no file and needs no clock; the bytes come from the caller.
//!
//! ```
//! # fn show(bytes: &[u8]) -> Result<(), pkgsrv_wheel::WheelError> {
//! let wheel = pkgsrv_wheel::Wheel::parse(bytes)?;
//! let metadata = wheel.metadata()?;
//! println!("{} {}", metadata.name, metadata.version);
//! for entry in wheel.entries() {
//!     println!("{} {}", entry.path(), wheel.read(entry)?.len());
//! }
//! # Ok(()) }
//! ```
//!
//! [specification]: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
#![forbid(unsafe_code)]

mod archive;
mod base64;
mod bytes;
mod central;
mod crc32;
mod end;
mod entry_points;
mod error;
mod extra;
mod headers;
mod limits;
mod local;
mod metadata;
mod path;
mod record;
mod sorted;
mod stored_twin;
mod wheel;
mod wheel_file;

pub use archive::{Archive, Entry};
pub use crc32::crc32;
pub use entry_points::{EntryPoint, ObjectReference};
pub use error::WheelError;
pub use limits::Limits;
pub use metadata::{ImportName, Metadata};
pub use path::PathProblem;
pub use record::{Record, RecordEntry, RecordHash};
pub use wheel::Wheel;
pub use wheel_file::WheelFile;
