//! The core of the loader: everything that can be decided from bytes.
//!
//! It reads heads and repodata and chooses releases ([`Repodata`]), describes wheels that no repodata has
//! ([`read_foreign_wheel`]), checks digests ([`sha256_hex`]),
//! says which file of a wheel goes where ([`Installation`]), and reads side modules to plan how
//! each of their imports is bound ([`Linker`]). Plans are data; the host layer in `js/` carries
//! them out on `WebAssembly`, table, GOT and file system. `bindings` is what JavaScript sees.
//!
//! Maps are extended, here and where the shared crates do for it: collecting one sorts it first, by code of some kilobytes
//! for each kind of map, and browsers download this.

mod bindings;
mod digest;
mod error;
mod foreign_wheel;
mod installation;
mod layout;
mod linker;
mod plan;
mod repodata;
mod selection;

pub use digest::sha256_hex;
pub use error::CoreError;
pub use foreign_wheel::{needed_projects, read_foreign_wheel};
pub use installation::{Expected, Installation, PlannedFile};
pub use layout::Layout;
pub use linker::Linker;
pub use plan::{Binding, LinkPlan, PlannedImport};
pub use repodata::{NeededNode, Repodata, Request, Resolution};
pub use selection::{Installed, Selection};
