//! SHA-256, for pages without a secure context; elsewhere the browser's own is faster.

use sha2::{Digest, Sha256};

/// The SHA-256 of `bytes` as 64 lowercase hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    pkgsrv_index::Digest::from_bytes(Sha256::digest(bytes).into()).to_string()
}
