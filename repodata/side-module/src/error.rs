//! Why a file is refused as a side module.

/// Why bytes are not a side module that can be linked. Offsets count from the file's first byte.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each case's message says what its fields are")]
pub enum SideModuleError {
    /// No WebAssembly module at all.
    #[error("not a WebAssembly module: it begins with {found:02x?}, expected `\\0asm` and version 1")]
    NotAModule { found: Vec<u8> },
    /// The bytes end within a value.
    #[error("the module ends at byte {offset} within {what}; it may be truncated")]
    Truncated { what: &'static str, offset: usize },
    /// A number is encoded in more bytes or bits than it may have.
    #[error("byte {offset}: {what} is not a LEB128 number of 32 bits")]
    BadNumber { what: &'static str, offset: usize },
    /// A name is not UTF-8.
    #[error("byte {offset}: {what} is not UTF-8")]
    BadName { what: &'static str, offset: usize },
    /// A section holds less than its length says.
    #[error("byte {offset}: {extra} bytes are left over in {what}")]
    LeftOver { what: &'static str, offset: usize, extra: usize },
    /// The first section is another one.
    #[error(
        "the module does not begin with a `dylink.0` section; it is a program of its own, not a side module (link it with -sSIDE_MODULE)"
    )]
    NotASideModule,
    /// A section or subsection that may be there once is there twice.
    #[error("byte {offset}: a second {what}")]
    Repeated { what: &'static str, offset: usize },
    /// An encoding that this reader does not know.
    #[error("byte {offset}: {what} has the unknown encoding {value:#04x}")]
    UnknownEncoding { what: &'static str, offset: usize, value: u32 },
    /// A feature that the runtimes here do not have.
    #[error("the module uses {feature}, which no supported runtime has")]
    UnsupportedFeature { feature: &'static str },
    /// A count or demand over the limit.
    #[error("{what} is {found}, more than the {limit} that are allowed")]
    OverLimit { what: &'static str, found: u64, limit: u64 },
}
