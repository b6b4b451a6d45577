//! The core of the loader: everything that can be decided from bytes.
//!
//! It reads head and repodata and chooses releases ([`Repodata`]), checks digests ([`sha256_hex`]),
//! says which file of a wheel goes where ([`Installation`]), and reads side modules to plan how
//! each of their imports is bound ([`Linker`]). Plans are data; the host layer in `js/` carries
//! them out on `WebAssembly`, table, GOT and file system. `bindings` is what JavaScript sees.

mod bindings;
mod digest;
mod error;
mod installation;
mod layout;
mod linker;
mod plan;
mod repodata;
mod selection;

pub use digest::sha256_hex;
pub use error::CoreError;
pub use installation::{Expected, Installation, PlannedFile};
pub use layout::Layout;
pub use linker::Linker;
pub use plan::{Binding, LinkPlan, PlannedImport};
pub use repodata::{NeededNode, Repodata, Resolution};
pub use selection::{Installed, Selection};
