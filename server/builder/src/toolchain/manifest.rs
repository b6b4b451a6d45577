//! What an installed toolchain consists of, as text.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use pkgsrv_index::Digest;
use serde::{Deserialize, Serialize};

/// Version of the manifest's format.
pub const FORMAT: u32 = 1;

/// Where a toolchain comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// A Debian root directory made by mmdebstrap.
    Debian,
    /// An installed emsdk directory, with the machine's build tools.
    Emsdk,
    /// The `emcc` on `PATH`, with the machine's build tools.
    System,
}

impl Provider {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 3] = [Self::Debian, Self::Emsdk, Self::System];

    /// `debian`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debian => "debian",
            Self::Emsdk => "emsdk",
            Self::System => "system",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which toolchain to build with: a provider's, or the installed one of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolchainChoice {
    /// The provider's for the ABI.
    Of(Provider),
    /// The one of this name, as `pkgsrv toolchain list` prints it.
    Named(String),
}

impl Default for ToolchainChoice {
    fn default() -> Self {
        Self::Of(Provider::Debian)
    }
}

impl FromStr for ToolchainChoice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let provider = Provider::ALL.into_iter().find(|provider| provider.as_str() == text);
        Ok(provider.map_or_else(|| Self::Named(text.to_owned()), Self::Of))
    }
}

/// What an installed toolchain consists of. Its text is part of every action digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub(super) format: u32,
    /// Where it comes from.
    pub provider: Provider,
    /// Directory name, `debian-forky-python3.14-4f8955df`.
    pub name: String,
    /// Emscripten's version.
    pub emscripten: String,
    /// Minor version of the build Python, `3.14`.
    pub python: String,
    /// Every installed package and its version; of the machine's own programs, what each calls its version.
    pub packages: BTreeMap<String, String>,
    /// Where things are, for a toolchain without a root directory of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostParts>,
}

/// What decides results of a toolchain that is the machine's own, beside the programs' versions. Paths are those inside
/// the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostParts {
    /// Digest over the bytes of Emscripten, clang, the linker, binaryen's optimizer, Node and the build Python.
    pub contents: Digest,
    /// Directory of Emscripten's programs.
    pub emscripten: String,
    /// Node's program.
    pub node: String,
    /// The build Python's program.
    pub python: String,
    /// Directory of the build Python's headers.
    pub python_include: String,
    /// The wheel of pip that the build Python brings.
    pub pip: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_a_provider_or_a_name() {
        let parsed = |text: &str| text.parse::<ToolchainChoice>().unwrap();
        assert_eq!(parsed("system"), ToolchainChoice::Of(Provider::System));
        assert_eq!(parsed("debian"), ToolchainChoice::default());
        assert_eq!(parsed("emsdk-5.0.3"), ToolchainChoice::Named("emsdk-5.0.3".to_owned()));
    }
}
