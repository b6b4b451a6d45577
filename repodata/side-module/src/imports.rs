//! The import section.

use crate::function_types::ValueType;
use crate::reader::Reader;
use crate::{ExternalKind, SideModuleError};

/// One import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The module, such as `env`, `GOT.mem`, `GOT.func` or `wasi_snapshot_preview1`.
    pub module: String,
    /// The name within it.
    pub name: String,
    /// What is imported.
    pub kind: ExternalKind,
    /// What is known of its type.
    pub import_type: ImportType,
}

/// The type of an import, as far as a linker cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportType {
    /// A function of the type with this index.
    Function(u32),
    /// A table of these limits.
    Table(Limits),
    /// A memory of these limits, in pages of 64 KiB.
    Memory(Limits),
    /// A global.
    Global {
        /// Whether the module may set it.
        mutable: bool,
    },
    /// A tag of the type with this index.
    Tag(u32),
}

/// The limits of a table or memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Least size.
    pub minimum: u32,
    /// Greatest size, if there is one.
    pub maximum: Option<u32>,
    /// Whether threads share it.
    pub shared: bool,
}

pub(crate) fn parse(mut reader: Reader<'_>) -> Result<Vec<Import>, SideModuleError> {
    let count = reader.count("the number of imports", reader.limits.symbols)?;
    let imports = (0..count).map(|_| import(&mut reader)).collect::<Result<Vec<_>, _>>()?;
    reader.finish("the import section")?;
    Ok(imports)
}

fn import(reader: &mut Reader<'_>) -> Result<Import, SideModuleError> {
    let module = reader.name("an import's module")?;
    let name = reader.name("an import's name")?;
    let offset = reader.offset();
    let kind = ExternalKind::from_byte(reader.byte("an import's kind")?, offset)?;
    let import_type = match kind {
        ExternalKind::Function => ImportType::Function(reader.u32("a function's type")?),
        ExternalKind::Table => {
            ValueType::parse(reader)?;
            ImportType::Table(limits(reader)?)
        }
        ExternalKind::Memory => ImportType::Memory(limits(reader)?),
        ExternalKind::Global => {
            ValueType::parse(reader)?;
            let offset = reader.offset();
            match reader.byte("a global's mutability")? {
                0 => ImportType::Global { mutable: false },
                1 => ImportType::Global { mutable: true },
                value => {
                    let what = "a global's mutability";
                    return Err(unknown(what, offset, value));
                }
            }
        }
        ExternalKind::Tag => {
            let offset = reader.offset();
            match reader.byte("a tag's attribute")? {
                0 => ImportType::Tag(reader.u32("a tag's type")?),
                value => return Err(unknown("a tag's attribute", offset, value)),
            }
        }
    };
    Ok(Import { module, name, kind, import_type })
}

pub(crate) fn unknown(what: &'static str, offset: usize, value: u8) -> SideModuleError {
    SideModuleError::UnknownEncoding { what, offset, value: u32::from(value) }
}

/// The memories of the memory section.
pub(crate) fn memories(mut reader: Reader<'_>) -> Result<Vec<Limits>, SideModuleError> {
    let count = reader.count("the number of memories", reader.limits.needed)?;
    let memories = (0..count).map(|_| limits(&mut reader)).collect::<Result<Vec<_>, _>>()?;
    reader.finish("the memory section")?;
    Ok(memories)
}

fn limits(reader: &mut Reader<'_>) -> Result<Limits, SideModuleError> {
    let offset = reader.offset();
    let flags = reader.byte("the limits of a table or memory")?;
    if flags & 0b100 != 0 {
        return Err(SideModuleError::UnsupportedFeature { feature: "64-bit memory" });
    }
    if flags & !0b11 != 0 {
        return Err(unknown("the limits of a table or memory", offset, flags));
    }
    let minimum = reader.u32("a least size")?;
    let maximum = if flags & 1 != 0 { Some(reader.u32("a greatest size")?) } else { None };
    Ok(Limits { minimum, maximum, shared: flags & 0b10 != 0 })
}
