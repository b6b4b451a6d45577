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
    /// Who vouches for it: a provenance object of
    /// [index hosted attestations](https://packaging.python.org/en/latest/specifications/index-hosted-attestations/),
    /// which has signed statements.
    Attestations,
}

impl DocumentKind {
    /// Those that our builds make.
    pub const BUILT: [Self; 3] = [Self::Lock, Self::Sbom, Self::Provenance];
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Lock, Self::Sbom, Self::Provenance, Self::Attestations];

    /// What follows the wheel's file name in that of the document beside it.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Lock => ".lock.json",
            Self::Sbom => ".cdx.json",
            Self::Provenance => ".provenance.json",
            Self::Attestations => ".provenance",
        }
    }

    /// What a person calls it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Sbom => "SBOM",
            Self::Provenance => "provenance",
            Self::Attestations => "attestations",
        }
    }
}
