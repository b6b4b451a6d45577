//! The export section.

use crate::reader::Reader;
use crate::{ExternalKind, SideModuleError};

/// One export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The name.
    pub name: String,
    /// What is exported.
    pub kind: ExternalKind,
    /// Its index among the module's things of this kind, imported ones first.
    pub index: u32,
}

pub(crate) fn parse(mut reader: Reader<'_>) -> Result<Vec<Export>, SideModuleError> {
    let count = reader.count("the number of exports", reader.limits.symbols)?;
    let mut exports = Vec::new();
    for _ in 0..count {
        let name = reader.name("an export's name")?;
        let offset = reader.offset();
        let kind = ExternalKind::from_byte(reader.byte("an export's kind")?, offset)?;
        let index = reader.u32("an export's index")?;
        exports.push(Export { name, kind, index });
    }
    reader.finish("the export section")?;
    Ok(exports)
}
