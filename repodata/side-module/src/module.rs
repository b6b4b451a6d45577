//! The module: its sections, of which few are read.

use crate::reader::Reader;
use crate::{
    Dylink, Export, ExternalKind, FunctionType, Import, ImportType, Limits, MemoryLimits, SideModuleError, exports,
    function_types, imports, target_features,
};

pub(crate) const HEADER: [u8; 8] = *b"\0asm\x01\0\0\0";
pub(crate) const CUSTOM: u8 = 0;
const TYPE: u8 = 1;
const IMPORT: u8 = 2;
const FUNCTION: u8 = 3;
const TABLE: u8 = 4;
const MEMORY: u8 = 5;
const EXPORT: u8 = 7;

/// A WebAssembly module with a `dylink.0` section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SideModule {
    /// What it wants from the linker.
    pub dylink: Dylink,
    /// What it imports, in order.
    pub imports: Vec<Import>,
    /// What it exports, in order.
    pub exports: Vec<Export>,
    /// Function types by index, up to the first type of another form, as later proposals have them.
    pub types: Vec<FunctionType>,
    /// The types, by index, of the functions that it defines, in order.
    pub functions: Vec<u32>,
    /// How many tables it defines; a side module imports the runtime's.
    pub tables: u32,
    /// The memories that it defines; a side module imports the runtime's.
    pub memories: Vec<MemoryLimits>,
    /// The compiler's target features, sorted; empty if the section was stripped.
    pub target_features: Vec<String>,
}

impl SideModule {
    /// Reads a side module with the default limits.
    pub fn parse(bytes: &[u8]) -> Result<Self, SideModuleError> {
        Self::parse_with(bytes, &Limits::default())
    }

    /// Reads a side module with limits of one's own.
    pub fn parse_with(bytes: &[u8], limits: &Limits) -> Result<Self, SideModuleError> {
        let mut reader = Reader::new(bytes, limits);
        let header = bytes.get(..HEADER.len()).unwrap_or(bytes);
        if header != HEADER {
            return Err(SideModuleError::NotAModule { found: header.to_vec() });
        }
        reader.take(HEADER.len(), "the header")?;
        let mut module = Self::default();
        let mut seen = Seen::default();
        while !reader.is_empty() {
            let offset = reader.offset();
            let id = reader.byte("a section's id")?;
            let size = reader.u32("a section's size")?;
            let mut section = reader.part(size, "a section")?;
            // The conventions want dylink.0 first, so that a loader need not look further.
            if !seen.has(Once::Dylink) && id != CUSTOM {
                return Err(SideModuleError::NotASideModule);
            }
            match id {
                CUSTOM => module.custom(section, &mut seen, offset)?,
                TYPE => {
                    seen.mark(Once::Types, offset)?;
                    module.types = function_types::parse(section)?;
                }
                FUNCTION => {
                    seen.mark(Once::Functions, offset)?;
                    module.functions = function_types::parse_functions(section)?;
                }
                TABLE => module.tables = section.count("the number of tables", section.limits.symbols)?,
                MEMORY => {
                    seen.mark(Once::Memories, offset)?;
                    module.memories = imports::memories(section)?;
                }
                IMPORT => {
                    seen.mark(Once::Imports, offset)?;
                    module.imports = imports::parse(section)?;
                }
                EXPORT => {
                    seen.mark(Once::Exports, offset)?;
                    module.exports = exports::parse(section)?;
                }
                _ => {
                    section.take(size as usize, "a section")?;
                }
            }
        }
        if !seen.has(Once::Dylink) {
            return Err(SideModuleError::NotASideModule);
        }
        Ok(module)
    }

    fn custom(&mut self, mut section: Reader<'_>, seen: &mut Seen, offset: usize) -> Result<(), SideModuleError> {
        let name = section.name("a custom section's name")?;
        if !seen.has(Once::Dylink) && name != "dylink.0" {
            return Err(SideModuleError::NotASideModule);
        }
        match name.as_str() {
            "dylink.0" => {
                seen.mark(Once::Dylink, offset)?;
                self.dylink = Dylink::parse(section)?;
            }
            "target_features" => {
                seen.mark(Once::TargetFeatures, offset)?;
                self.target_features = target_features::parse(section)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The type of the function that is imported; `None` for other imports and for unknown types.
    pub fn imported_function_type(&self, import: &Import) -> Option<&FunctionType> {
        let ImportType::Function(index) = import.import_type else { return None };
        self.types.get(index as usize)
    }

    /// The type of the function that is exported; `None` for other exports and for unknown types.
    pub fn exported_function_type(&self, export: &Export) -> Option<&FunctionType> {
        (export.kind == ExternalKind::Function).then(|| self.function_type(export.index))?
    }

    /// The type of the function of this index, which counts imported functions first.
    pub fn function_type(&self, index: u32) -> Option<&FunctionType> {
        let index = index as usize;
        let mut imported = self.imports.iter().filter(|import| import.kind == ExternalKind::Function);
        let count = imported.clone().count();
        if index < count {
            return self.imported_function_type(imported.nth(index)?);
        }
        self.types.get(*self.functions.get(index - count)? as usize)
    }

    /// Whether the import may stay undefined.
    pub fn is_weak_import(&self, module: &str, name: &str) -> bool {
        let flagged = |info: &&crate::ImportInfo| info.module == module && info.name == name;
        self.dylink.imports.iter().find(flagged).is_some_and(|info| info.flags.is_weak())
    }

    /// Whether the module keeps symbols in thread-local storage, which it exports or imports.
    pub fn uses_tls(&self) -> bool {
        self.dylink.exports.iter().any(|info| info.flags.is_tls())
            || self.dylink.imports.iter().any(|info| info.flags.is_tls())
    }

    /// Whether the module wants memory that threads share.
    pub fn uses_shared_memory(&self) -> bool {
        let shared = |import: &Import| matches!(import.import_type, ImportType::Memory(limits) if limits.shared);
        self.imports.iter().any(shared)
    }

    /// Names of exports that carry JavaScript source (`EM_JS`, `EM_ASM`), in order.
    pub fn embedded_javascript(&self) -> impl Iterator<Item = &str> {
        let names = self.exports.iter().map(|export| export.name.as_str());
        names.filter(|name| name.starts_with("__em_js__") || *name == "__start_em_asm")
    }

    /// Names of Python modules whose initialiser is exported, in order.
    pub fn python_modules(&self) -> impl Iterator<Item = &str> {
        let functions = self.exports.iter().filter(|export| export.kind == ExternalKind::Function);
        functions.filter_map(|export| export.name.strip_prefix("PyInit_"))
    }
}

/// The sections that may be there once.
#[derive(Clone, Copy)]
enum Once {
    Dylink,
    TargetFeatures,
    Imports,
    Exports,
    Types,
    Functions,
    Memories,
}

/// Which of them have been met, by bit.
#[derive(Default)]
struct Seen(u16);

impl Seen {
    fn has(&self, section: Once) -> bool {
        self.0 & 1 << section as u8 != 0
    }

    fn mark(&mut self, section: Once, offset: usize) -> Result<(), SideModuleError> {
        if self.has(section) {
            let what = match section {
                Once::Dylink => "dylink.0 section",
                Once::TargetFeatures => "target_features section",
                Once::Imports => "import section",
                Once::Exports => "export section",
                Once::Types => "type section",
                Once::Functions => "function section",
                Once::Memories => "memory section",
            };
            return Err(SideModuleError::Repeated { what, offset });
        }
        self.0 |= 1 << section as u8;
        Ok(())
    }
}
