//! Documents about a wheel that are published with it.

use serde::{Deserialize, Serialize};

/// What a document tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentKind {
    /// Everything that the wheel's build used.
    Lock,
    /// What it consists of and needs: a bill of materials, [CycloneDX](https://cyclonedx.org/docs/1.6/json/).
    Sbom,
    /// How it came about: an [in-toto statement](https://github.com/in-toto/attestation) with
    /// [SLSA provenance](https://slsa.dev/spec/v1.0/provenance), not signed.
    Provenance,
}

impl DocumentKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Lock, Self::Sbom, Self::Provenance];

    /// What follows the wheel's file name in that of the document beside it.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Lock => ".lock.json",
            Self::Sbom => ".cdx.json",
            Self::Provenance => ".provenance.json",
        }
    }

    /// What a person calls it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Sbom => "SBOM",
            Self::Provenance => "provenance",
        }
    }
}
