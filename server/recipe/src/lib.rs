//! Recipes: from the text of a `recipe.toml` to a checked [`Recipe`]. No IO: callers read the files.
//!
//! The format is described field by field in `recipes/README.md`. Reading goes in two stages: [`toml`] and serde give
//! the text its shape (unknown keys are errors), [`Recipe::parse`] then checks what the fields say together. Both
//! report a [`RecipeError`] that points into the text.

mod check;
mod checked;
mod constraint;
mod error;
pub mod foreign;
mod requirements_lock;
mod source;
mod text;
mod update;
pub mod variables;
mod write;

pub use checked::{About, Build, BuildKind, Exports, Prefix, Recipe, Requirements};
pub use constraint::Constraint;
pub use error::RecipeError;
pub use requirements_lock::{BuildRequirements, LockedWheel};
pub use source::{RUST_TOOLS, Source, SourceOrigin, url_filename};
