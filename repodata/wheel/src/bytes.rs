//! The bytes of an archive, and little-endian fields out of them.

use std::borrow::Cow;
use std::ops::Range;

use crate::WheelError;

/// The bytes of an archive. Only parts of it are looked at, so what lies elsewhere need not be copied whole.
#[derive(Debug, Clone)]
pub(crate) enum Bytes<'a> {
    Here(Cow<'a, [u8]>),
    /// Outside of this module's own memory, which could not be given back.
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    OfPage(js_sys::Uint8Array),
}

impl Bytes<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Here(bytes) => bytes.len(),
            #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
            Self::OfPage(bytes) => bytes.length() as usize,
        }
    }

    /// The bytes of a range, as far as they are there.
    pub(crate) fn part(&self, Range { start, end }: Range<usize>) -> Cow<'_, [u8]> {
        let end = end.min(self.len());
        let start = start.min(end);
        match self {
            Self::Here(bytes) => Cow::Borrowed(bytes.get(start..end).unwrap_or_default()),
            // A memory of 32 bits has no longer array.
            #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
            Self::OfPage(bytes) => Cow::Owned(bytes.subarray(start as u32, end as u32).to_vec()),
        }
    }
}

/// A position in the archive from which fields are taken in order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    /// The part of the archive that is at hand, and where it begins.
    part: &'a [u8],
    start: usize,
    at: usize,
    /// Bytes that there are in all.
    size: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { part: bytes, start: 0, at, size: bytes.len() }
    }

    /// A cursor at the beginning of a part of `size` bytes.
    pub(crate) fn of_part(part: &'a [u8], start: usize, size: usize) -> Self {
        Self { part, start, at: start, size }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], WheelError> {
        let taken = self.at.checked_sub(self.start).and_then(|from| self.part.get(from..from.checked_add(count)?));
        let taken = taken.ok_or_else(|| self.truncated(count))?;
        self.skip(count)?;
        Ok(taken)
    }

    /// Goes on behind bytes that need not be at hand.
    pub(crate) fn skip(&mut self, count: usize) -> Result<(), WheelError> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.size);
        self.at = end.ok_or_else(|| self.truncated(count))?;
        Ok(())
    }

    fn truncated(&self, needed: usize) -> WheelError {
        WheelError::Truncated { offset: self.at, needed, size: self.size }
    }

    pub(crate) fn u16(&mut self) -> Result<u16, WheelError> {
        self.take(2).map(|taken| u16::from_le_bytes([taken[0], taken[1]]))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, WheelError> {
        self.take(4).map(|taken| u32::from_le_bytes([taken[0], taken[1], taken[2], taken[3]]))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, WheelError> {
        let low = u64::from(self.u32()?);
        let high = u64::from(self.u32()?);
        Ok(high << 32 | low)
    }
}
