//! Numbers and names out of a section.

use crate::{Limits, SideModuleError};

/// A position in part of the module.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where `bytes` begins in the module.
    start: usize,
    pub(crate) limits: &'a Limits,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], limits: &'a Limits) -> Self {
        Self { bytes, at: 0, start: 0, limits }
    }

    /// Offset from the module's first byte.
    pub(crate) fn offset(&self) -> usize {
        self.start + self.at
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub(crate) fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], SideModuleError> {
        let end = self.at.checked_add(count);
        let Some(taken) = end.and_then(|end| self.bytes.get(self.at..end)) else {
            let offset = self.start + self.bytes.len();
            return Err(SideModuleError::Truncated { what, offset });
        };
        self.at += count;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self, what: &'static str) -> Result<u8, SideModuleError> {
        self.take(1, what).map(|taken| taken[0])
    }

    /// An unsigned LEB128 number of 32 bits.
    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, SideModuleError> {
        let offset = self.offset();
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte(what)?;
            let bits = u32::from(byte & 0x7F);
            if shift == 28 && bits > 0xF {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(SideModuleError::BadNumber { what, offset })
    }

    /// Skips a signed LEB128 number of 33 bits, as heap types are written.
    pub(crate) fn skip_s33(&mut self, what: &'static str) -> Result<(), SideModuleError> {
        let offset = self.offset();
        for _ in 0..5 {
            if self.byte(what)? & 0x80 == 0 {
                return Ok(());
            }
        }
        Err(SideModuleError::BadNumber { what, offset })
    }

    /// A number that counts what follows, within `limit`.
    pub(crate) fn count(&mut self, what: &'static str, limit: u32) -> Result<u32, SideModuleError> {
        let found = self.u32(what)?;
        if found > limit {
            let (found, limit) = (u64::from(found), u64::from(limit));
            return Err(SideModuleError::OverLimit { what, found, limit });
        }
        Ok(found)
    }

    pub(crate) fn name(&mut self, what: &'static str) -> Result<String, SideModuleError> {
        let size = self.count("the length of a name", self.limits.name)? as usize;
        let offset = self.offset();
        let bytes = self.take(size, what)?;
        match std::str::from_utf8(bytes) {
            Ok(name) => Ok(name.to_owned()),
            Err(_) => Err(SideModuleError::BadName { what, offset }),
        }
    }

    /// A reader of the next `size` bytes, which are passed over here.
    pub(crate) fn part(&mut self, size: u32, what: &'static str) -> Result<Self, SideModuleError> {
        let start = self.offset();
        let bytes = self.take(size as usize, what)?;
        Ok(Self { bytes, at: 0, start, limits: self.limits })
    }

    /// Checks that all has been read.
    pub(crate) fn finish(&self, what: &'static str) -> Result<(), SideModuleError> {
        let extra = self.bytes.len() - self.at;
        if extra > 0 {
            return Err(SideModuleError::LeftOver { what, offset: self.offset(), extra });
        }
        Ok(())
    }
}
