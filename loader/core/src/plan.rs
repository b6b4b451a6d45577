//! What it takes to link one side module, as data.

use serde::Serialize;

/// How to link one library. The host layer reads it as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkPlan {
    /// Absolute path of the library.
    pub path: String,
    /// Bytes of linear memory.
    pub memory_size: u32,
    /// Alignment of that memory in bytes.
    pub memory_alignment: u32,
    /// Slots of the function table.
    pub table_size: u32,
    /// Alignment of those slots.
    pub table_alignment: u32,
    /// Libraries to link first, in order.
    pub needed: Vec<String>,
    /// These and what they need in turn: where [`Binding::Library`] points.
    pub scope: Vec<String>,
    /// Every import, in the module's order.
    pub imports: Vec<PlannedImport>,
    /// Whether it is a library for others rather than a Python extension module.
    pub shared: bool,
    /// Whether the runtime's own loader has to link it: it carries JavaScript source.
    pub by_runtime: bool,
}

/// One import: module, name, kind as in `WebAssembly.Module.imports`, and what it is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedImport(pub String, pub String, pub String, pub Binding);

/// What an import is bound to; a number in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// A symbol of the runtime, or of a library opened for everyone: 0.
    Runtime,
    /// A symbol of the library at this place of the scope: 1 and up.
    Library(usize),
    /// A symbol that the module exports itself: -1.
    Own,
    /// A weak symbol that nobody defines: -2.
    Absent,
    /// Where the module's memory or table begins: -3.
    Base,
}

impl Serialize for Binding {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = match self {
            Self::Runtime => 0,
            Self::Library(place) => i64::try_from(*place).unwrap_or(i64::MAX - 1) + 1,
            Self::Own => -1,
            Self::Absent => -2,
            Self::Base => -3,
        };
        serializer.serialize_i64(number)
    }
}
