//! A reader of side modules: WebAssembly shared libraries as Emscripten makes them ([dynamic
//! linking conventions]).
//!
//! It reads what a linker needs before anything is compiled: `dylink.0`, imports, exports, the types
//! of functions, target features. Code and data are skipped by their lengths, so that parsing takes microseconds
//! whatever the module's size; whether the module is valid is the engine's to say. One thing it writes:
//! [runtime paths](with_runtime_paths).
//!
//! ```
//! # fn show(bytes: &[u8]) -> Result<(), pkgsrv_side_module::SideModuleError> {
//! let module = pkgsrv_side_module::SideModule::parse(bytes)?;
//! println!("{} bytes of memory, needs {:?}", module.dylink.memory_size, module.dylink.needed);
//! for import in &module.imports {
//!     println!("{}.{} ({})", import.module, import.name, import.kind);
//! }
//! # Ok(()) }
//! ```
//!
//! [dynamic linking conventions]: https://github.com/WebAssembly/tool-conventions/blob/main/DynamicLinking.md
#![forbid(unsafe_code)]

mod dylink;
mod error;
mod exports;
mod function_types;
mod imports;
mod kind;
mod limits;
mod module;
mod reader;
mod rewrite;
mod runtime_path;
mod target_features;

pub use dylink::{Dylink, ImportInfo, SymbolFlags, SymbolInfo};
pub use error::SideModuleError;
pub use exports::Export;
pub use function_types::{FunctionType, ValueType};
pub use imports::{Import, ImportType, Limits as MemoryLimits};
pub use kind::ExternalKind;
pub use limits::Limits;
pub use module::SideModule;
pub use rewrite::with_runtime_paths;
pub use runtime_path::normal_path;
