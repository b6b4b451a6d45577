//! What a module imports and exports.

use std::fmt;

use crate::SideModuleError;

/// The kind of an import or export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExternalKind {
    /// A function.
    Function,
    /// A table.
    Table,
    /// A memory.
    Memory,
    /// A global.
    Global,
    /// An exception's tag.
    Tag,
}

impl ExternalKind {
    pub(crate) fn from_byte(value: u8, offset: usize) -> Result<Self, SideModuleError> {
        match value {
            0 => Ok(Self::Function),
            1 => Ok(Self::Table),
            2 => Ok(Self::Memory),
            3 => Ok(Self::Global),
            4 => Ok(Self::Tag),
            _ => Err(SideModuleError::UnknownEncoding {
                what: "the kind of an import or export",
                offset,
                value: u32::from(value),
            }),
        }
    }
}

impl fmt::Display for ExternalKind {
    /// The name that `WebAssembly.Module.imports` uses.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Function => "function",
            Self::Table => "table",
            Self::Memory => "memory",
            Self::Global => "global",
            Self::Tag => "tag",
        })
    }
}
