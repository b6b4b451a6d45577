//! The core of the loader: everything about wheels and side modules that can be decided from bytes.
//!
//! It checks digests ([`sha256_hex`]), says which file of a wheel goes where ([`Installation`]) and what a wheel says of
//! itself ([`WheelDescription`]), and reads side modules to plan how each of their imports is bound ([`Linker`]). Plans
//! are data; the host layer in `js/` carries them out on `WebAssembly`, table, GOT and file system. `bindings` is what
//! JavaScript sees. Which wheels to install is for the resolver beside it, which is not fetched where nothing is to be
//! resolved.
//!
//! Maps are extended, here and where the shared crates do for it: collecting one sorts it first, by code of some kilobytes
//! for each kind of map, and browsers download this.

mod bindings;
mod description;
mod digest;
mod error;
mod installation;
mod layout;
mod linker;
mod plan;

pub use description::WheelDescription;
pub use digest::sha256_hex;
pub use error::CoreError;
pub use installation::{Expected, Installation, PlannedFile};
pub use layout::Layout;
pub use linker::Linker;
pub use plan::{Binding, LinkPlan, PlannedImport};
