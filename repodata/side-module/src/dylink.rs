//! The `dylink.0` section: what the module wants from the linker.

use crate::SideModuleError;
use crate::reader::Reader;

const MEMORY_INFO: u8 = 1;
const NEEDED: u8 = 2;
const EXPORT_INFO: u8 = 3;
const IMPORT_INFO: u8 = 4;
pub(crate) const RUNTIME_PATH: u8 = 5;

/// The contents of `dylink.0`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dylink {
    /// Bytes of linear memory for static data.
    pub memory_size: u32,
    /// Alignment of that memory as a power of two.
    pub memory_alignment: u32,
    /// Slots of the function table.
    pub table_size: u32,
    /// Alignment of those slots as a power of two.
    pub table_alignment: u32,
    /// Names of libraries that must be linked first, in order.
    pub needed: Vec<String>,
    /// Flags of exports.
    pub exports: Vec<SymbolInfo>,
    /// Flags of imports.
    pub imports: Vec<ImportInfo>,
    /// Directories in which to look for needed libraries; `$ORIGIN` is the module's own.
    pub runtime_paths: Vec<String>,
}

/// Flags of one exported symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolInfo {
    /// The export's name.
    pub name: String,
    /// Its flags.
    pub flags: SymbolFlags,
}

/// Flags of one imported symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportInfo {
    /// The import's module, such as `env` or `GOT.mem`.
    pub module: String,
    /// The import's name.
    pub name: String,
    /// Its flags.
    pub flags: SymbolFlags,
}

/// Symbol flags as the object file format defines them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolFlags(pub u32);

impl SymbolFlags {
    /// The symbol may stay undefined (an import), or give way to another definition (an export).
    pub fn is_weak(self) -> bool {
        self.0 & 0x3 == 0x1
    }

    /// The symbol lives in thread-local storage.
    pub fn is_tls(self) -> bool {
        self.0 & 0x100 != 0
    }
}

impl Dylink {
    pub(crate) fn parse(mut reader: Reader<'_>) -> Result<Self, SideModuleError> {
        let mut dylink = Self::default();
        let mut seen = 0_u32;
        while !reader.is_empty() {
            let offset = reader.offset();
            let id = reader.byte("a subsection of dylink.0")?;
            let size = reader.u32("the size of a subsection of dylink.0")?;
            let mut part = reader.part(size, "a subsection of dylink.0")?;
            // Subsections that later tools add may be passed over.
            if !(MEMORY_INFO..=RUNTIME_PATH).contains(&id) {
                continue;
            }
            if seen & 1 << id != 0 {
                return Err(SideModuleError::Repeated { what: "subsection of dylink.0", offset });
            }
            seen |= 1 << id;
            dylink.subsection(id, &mut part)?;
            part.finish("a subsection of dylink.0")?;
        }
        Ok(dylink)
    }

    fn subsection(&mut self, id: u8, part: &mut Reader<'_>) -> Result<(), SideModuleError> {
        match id {
            MEMORY_INFO => self.memory_info(part)?,
            NEEDED => self.needed = names(part, "the name of a needed library")?,
            RUNTIME_PATH => self.runtime_paths = names(part, "a runtime path")?,
            EXPORT_INFO => {
                for _ in 0..part.count("the number of export flags", part.limits.symbols)? {
                    let name = part.name("an export with flags")?;
                    let flags = SymbolFlags(part.u32("an export's flags")?);
                    self.exports.push(SymbolInfo { name, flags });
                }
            }
            IMPORT_INFO => {
                for _ in 0..part.count("the number of import flags", part.limits.symbols)? {
                    let module = part.name("the module of an import with flags")?;
                    let name = part.name("an import with flags")?;
                    let flags = SymbolFlags(part.u32("an import's flags")?);
                    self.imports.push(ImportInfo { module, name, flags });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn memory_info(&mut self, part: &mut Reader<'_>) -> Result<(), SideModuleError> {
        let limits = part.limits;
        self.memory_size = part.count("the memory size", limits.memory_size)?;
        self.memory_alignment = part.count("the memory alignment", limits.alignment)?;
        self.table_size = part.count("the table size", limits.table_size)?;
        self.table_alignment = part.count("the table alignment", limits.alignment)?;
        Ok(())
    }
}

fn names(part: &mut Reader<'_>, what: &'static str) -> Result<Vec<String>, SideModuleError> {
    let count = part.count("the number of names", part.limits.needed)?;
    (0..count).map(|_| part.name(what)).collect()
}
