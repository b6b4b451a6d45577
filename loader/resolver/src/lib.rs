//! The resolver of the loader: which wheels to install.
//!
//! It reads heads and repodata, of which it says what it lacks, and chooses releases ([`Repodata`]); it describes wheels
//! that no repodata has ([`ForeignWheel`]), and reads what installed ones need ([`needed_projects`]). Pages that install
//! nothing, or only from a lock, never fetch it. `bindings` is what JavaScript sees.

mod bindings;
mod error;
mod foreign_wheel;
mod repodata;
mod selection;

pub use error::ResolverError;
pub use foreign_wheel::{ForeignWheel, needed_projects};
pub use repodata::{NeededNode, Repodata, Request, Resolution};
pub use selection::{Installed, Selection};
