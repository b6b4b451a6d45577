//! Bodies that are sent often, once more in a file of memory: from there the system sends pages as they are, where it
//! would copy bytes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// Copying less costs less than another system call; measured on pages of 28 and 139 KB.
const SMALLEST: usize = 64 << 10;
/// What is larger takes long on its way, and to be laid in.
const LARGEST: usize = 4 << 20;
/// All together; what comes then is copied.
const MOST: u64 = 64 << 20;
/// Where bodies begin, so that each has pages of its own.
const PAGE: u64 = 4096;

/// The file, and how much of it is used. Places in it are used once, so that what is on its way to a client stays as it is.
#[derive(Debug)]
struct Spool {
    file: File,
    next: AtomicU64,
    held: AtomicU64,
}

/// `None` where the system has no such files.
static SPOOL: LazyLock<Option<Spool>> = LazyLock::new(|| {
    let made = memfd_create(c"pkgsrv bodies", MFdFlags::MFD_CLOEXEC);
    made.ok().map(|file| Spool { file: file.into(), next: AtomicU64::new(0), held: AtomicU64::new(0) })
});

/// A body that lies in the file too, until this is dropped.
#[derive(Debug)]
pub(in crate::http) struct Spooled {
    spool: &'static Spool,
    body: Bytes,
    begin: u64,
}

impl Spooled {
    /// Lays a body into the file; `None` if it is not worth it, or if there is no room.
    pub(in crate::http) fn new(body: &Bytes) -> Option<Arc<Self>> {
        let spool = SPOOL.as_ref().filter(|_| (SMALLEST..=LARGEST).contains(&body.len()))?;
        let pages = pages(body);
        if spool.held.fetch_add(pages, Ordering::Relaxed) + pages > MOST {
            spool.held.fetch_sub(pages, Ordering::Relaxed);
            return None;
        }
        let begin = spool.next.fetch_add(pages, Ordering::Relaxed);
        let spooled = Self { spool, body: body.clone(), begin };
        spool.file.write_all_at(body, begin).ok()?;
        Some(Arc::new(spooled))
    }

    /// Where in the file these very bytes lie, not others that are equal: the body is held, so no other has its address.
    pub(super) fn offset_of(&self, bytes: &[u8]) -> Option<i64> {
        let offset = (bytes.as_ptr() as usize).checked_sub(self.body.as_ptr() as usize)?;
        let is_inside = offset.checked_add(bytes.len())? <= self.body.len();
        let offset = i64::try_from(self.begin + offset as u64).ok();
        offset.filter(|_| is_inside && !bytes.is_empty())
    }

    pub(super) fn file(&self) -> &File {
        &self.spool.file
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        let pages = pages(&self.body);
        let freed = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        let range = i64::try_from(self.begin).ok().zip(i64::try_from(pages).ok());
        let free = |(begin, length)| fallocate(&self.spool.file, freed, begin, length).map_err(io::Error::from);
        match range.map(free) {
            Some(Ok(())) => drop(self.spool.held.fetch_sub(pages, Ordering::Relaxed)),
            // Counted as held, so that it is bounded.
            failed => tracing::warn!(?failed, "cannot free the memory of a page"),
        }
    }
}

/// How many bytes of the file a body takes.
fn pages(body: &Bytes) -> u64 {
    (body.len() as u64).next_multiple_of(PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_lies_in_the_file_as_long_as_it_is_held() {
        let body = Bytes::from(vec![b'a'; SMALLEST + 1]);
        let spooled = Spooled::new(&body).unwrap();
        let begin = i64::try_from(spooled.begin).unwrap();
        assert_eq!(spooled.offset_of(&body), Some(begin));
        assert_eq!(spooled.offset_of(&body[7..9]), Some(begin + 7));
        assert_eq!(spooled.offset_of(&[]), None);
        assert_eq!(spooled.offset_of(&[b'a'; 9]), None, "equal bytes elsewhere");
        let (spool, begin) = (spooled.spool, spooled.begin);
        let read = || {
            let mut there = vec![0; body.len()];
            spool.file.read_exact_at(&mut there, begin).map(|()| there)
        };
        assert!(read().unwrap() == body);
        drop(spooled);
        assert!(read().unwrap().iter().all(|byte| *byte == 0));
    }

    #[test]
    fn what_is_small_or_large_is_copied() {
        for length in [SMALLEST - 1, LARGEST + 1] {
            assert!(Spooled::new(&Bytes::from(vec![0; length])).is_none(), "{length}");
        }
    }
}
