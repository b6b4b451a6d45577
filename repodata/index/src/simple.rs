//! The [Simple API](https://packaging.python.org/en/latest/specifications/simple-repository-api/),
//! version 1.4, as JSON and as HTML.

mod html;
mod model;

pub use html::Escaped;
pub use model::{CoreMetadata, File, Hashes, ProjectList, ProjectPage, Yanked};

/// The version of the Simple API that these pages follow.
pub const API_VERSION: &str = "1.4";
