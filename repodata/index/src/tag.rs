//! Compatibility tags and which of them a runtime loads.

use std::fmt;

use crate::Abi;

/// One expanded `python-abi-platform` triple of a
/// [wheel](https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag<'a> {
    /// `cp314`, `py3`.
    pub python: &'a str,
    /// `cp314`, `abi3`, `none`.
    pub abi: &'a str,
    /// `pyemscripten_2026_0_wasm32`, `any`.
    pub platform: &'a str,
}

/// How well a tag fits a runtime: the least is the best, in the order in which installers try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagRank {
    kind: Kind,
    /// How many minor versions the tag is behind the runtime.
    behind: u16,
    /// Position among the spellings of the platform.
    platform: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    /// Built for exactly this interpreter.
    Exact,
    /// Stable ABI of this or an earlier interpreter.
    Stable,
    /// Carries something for the platform, but nothing that binds to the interpreter.
    PlatformOnly,
    /// Python files alone.
    Pure,
}

impl Tag<'_> {
    /// How well this tag fits, `None` if the ABI's runtime cannot load it.
    pub fn rank(&self, abi: Abi) -> Option<TagRank> {
        let facts = abi.facts();
        let is_cpython = self.python.starts_with("cp");
        let behind = minor_versions_behind(self.python, facts.python_minor)?;
        let (kind, platform) = if self.platform == "any" {
            (Kind::Pure, 0)
        } else {
            let spellings = std::iter::once(&facts.platform_tag).chain(facts.older_platform_tags);
            let platform = (0u16..).zip(spellings).find(|(_, tag)| **tag == self.platform)?.0;
            (Kind::PlatformOnly, platform)
        };
        let kind = match self.abi {
            // `cp312-none-any` binds to CPython 3.12 alone, `py312-none-any` is a lower bound.
            "none" if !is_cpython || behind == 0 => kind,
            "abi3" if is_cpython && kind == Kind::PlatformOnly => Kind::Stable,
            abi if abi == facts.interpreter_tag && behind == 0 && kind == Kind::PlatformOnly => Kind::Exact,
            _ => return None,
        };
        Some(TagRank { kind, behind, platform })
    }
}

/// `cp314` and `py314` are 0 behind 14, `py3` is behind every `py3N` but the generic tags below.
fn minor_versions_behind(python: &str, minor: u16) -> Option<u16> {
    let digits = python.strip_prefix("cp").or_else(|| python.strip_prefix("py"))?;
    let digits = digits.strip_prefix('3')?;
    if digits.is_empty() {
        // Installers try `py3` right after the runtime's own `py3N`; `cp3` names no interpreter.
        return python.starts_with("py").then_some(1);
    }
    if digits.len() > 2 || digits.starts_with('0') && digits.len() > 1 {
        return None;
    }
    let tagged: u16 = digits.parse().ok()?;
    let behind = minor.checked_sub(tagged)?;
    Some(if behind == 0 { 0 } else { behind + 1 })
}

impl fmt::Display for Tag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.python, self.abi, self.platform)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(text: &str) -> Option<TagRank> {
        let mut parts = text.split('-');
        let mut next = || parts.next().unwrap();
        Tag { python: next(), abi: next(), platform: next() }.rank(Abi::preferred())
    }

    #[test]
    fn best_first() {
        let order = [
            "cp314-cp314-pyemscripten_2026_0_wasm32",
            "cp314-cp314-pyodide_2026_0_wasm32",
            "cp314-cp314-emscripten_5_0_3_wasm32",
            "cp314-abi3-pyemscripten_2026_0_wasm32",
            "cp312-abi3-pyemscripten_2026_0_wasm32",
            "cp32-abi3-pyemscripten_2026_0_wasm32",
            "cp314-none-pyemscripten_2026_0_wasm32",
            "py3-none-pyemscripten_2026_0_wasm32",
            "py314-none-any",
            "py3-none-any",
            "py313-none-any",
            "py30-none-any",
        ];
        let ranks: Vec<_> = order.iter().map(|tag| rank(tag).expect(tag)).collect();
        assert!(ranks.is_sorted(), "{ranks:?}");
        assert_eq!(rank("cp314-none-any"), rank("py314-none-any"));
    }

    #[test]
    fn refuses() {
        for tag in [
            "cp313-cp313-pyemscripten_2026_0_wasm32",
            "cp314-cp314t-pyemscripten_2026_0_wasm32",
            "cp315-abi3-pyemscripten_2026_0_wasm32",
            "py3-abi3-pyemscripten_2026_0_wasm32",
            "cp314-cp314-pyemscripten_2025_0_wasm32",
            "cp314-cp314-manylinux_2_17_x86_64",
            "cp314-cp314-any",
            "cp314-abi3-any",
            "cp313-none-any",
            "py315-none-any",
            "py2-none-any",
            "cp3-none-any",
            "pp311-pypy311_pp73-any",
            "py3_14-none-any",
            "cp30000-abi3-pyemscripten_2026_0_wasm32",
        ] {
            assert_eq!(rank(tag), None, "{tag}");
        }
    }
}
