//! What a side module may ask for.

/// Upper bounds, checked before anything is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory for the module's data.
    pub memory_size: u32,
    /// Alignment of memory and table as a power of two.
    pub alignment: u32,
    /// Slots of the function table.
    pub table_size: u32,
    /// Imports, exports, and symbols with flags; each.
    pub symbols: u32,
    /// Needed libraries and runtime paths; each.
    pub needed: u32,
    /// Bytes of a name; mangled C++ names reach some thousands.
    pub name: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_size: 1 << 30,
            alignment: 16,
            table_size: 10_000_000,
            symbols: 1_000_000,
            needed: 1_000,
            name: 100_000,
        }
    }
}
