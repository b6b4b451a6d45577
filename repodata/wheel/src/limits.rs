//! What an archive may ask for.

/// Upper bounds that are checked before anything is allocated for an archive's contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Entries of the archive, directories included.
    pub entries: usize,
    /// Unpacked bytes of all entries together.
    pub total_size: u64,
    /// Unpacked bytes from which on [`Limits::ratio`] is enforced.
    pub ratio_from: u64,
    /// Unpacked bytes per packed byte, for the archive and for each entry.
    pub ratio: u64,
    /// Bytes of one of the text files in dist-info.
    pub text_size: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 100_000,
            // wasm32 addresses 4 GiB, and the unpacked files share it with the program.
            total_size: 2 << 30,
            ratio_from: 64 << 20,
            ratio: 50,
            text_size: 16 << 20,
        }
    }
}
