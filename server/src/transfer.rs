//! Whole channels to and from other places: static objects in a directory or a bucket, other servers.

mod error;
mod export;
mod history;
mod install;
mod marker;
mod mirror;
mod nodes;
mod pages;
mod place;
mod source;
mod target;

pub use error::TransferError;
pub use export::{Export, ExportedLine, export};
pub use install::{Install, InstallError, InstalledWheel, Refused, install};
pub use mirror::{Mirror, Mirrored, MirroredLine, mirror};
pub use place::Place;
pub use source::Source;
pub use target::{Target, TargetWatch};
