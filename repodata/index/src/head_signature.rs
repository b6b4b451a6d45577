//! Signatures of heads, which lie beside them at `{SHA-256 of the head}.sig.json`.

use serde::{Deserialize, Serialize};

use crate::format::to_json;

/// What stands before a head's bytes where they are signed, so that the signature of anything else that the same key may
/// sign is none of a head.
pub const SIGNATURE_DOMAIN: &[u8] = b"pkgsrv head 1\n";

/// Version of the document.
const SIGNATURE_FORMAT: u32 = 1;

/// All signatures of one head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadSignatures {
    format: u32,
    /// One for each key that the channel signs with.
    pub signatures: Vec<HeadSignature>,
}

/// The signature of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadSignature {
    /// The first 16 hexadecimal digits of the SHA-256 of the public key's 32 bytes.
    pub key: String,
    /// Ed25519 over [`SIGNATURE_DOMAIN`] and the head's bytes, as base64.
    pub signature: String,
}

impl HeadSignatures {
    /// The document for these signatures.
    pub const fn new(signatures: Vec<HeadSignature>) -> Self {
        Self { format: SIGNATURE_FORMAT, signatures }
    }

    /// Canonical JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_json(self)
    }
}
