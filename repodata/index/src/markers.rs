//! Environment markers, evaluated once when a wheel is published.

mod marker;

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder};

use self::marker::Marker;
use crate::error::{IndexError, excerpt};
use crate::{Abi, ExtraName, Requirement};

/// What a wheel needs on one ABI.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dependencies {
    /// Always needed, sorted.
    pub depends: Vec<Requirement>,
    /// Needed in addition for an extra, sorted.
    pub extras: BTreeMap<ExtraName, Vec<Requirement>>,
}

/// Evaluates METADATA's `Requires-Dist` lines for an ABI, once without extras and once for each
/// extra that the metadata provides.
///
/// Markers are evaluated as
/// [environment markers](https://packaging.python.org/en/latest/specifications/dependency-specifiers/#environment-markers)
/// with what the runtime itself answers, `sys_platform == "emscripten"` among them.
pub fn evaluate<'a>(
    requires_dist: impl IntoIterator<Item = &'a str>,
    provides_extra: &BTreeSet<ExtraName>,
    abi: Abi,
) -> Result<Dependencies, IndexError> {
    let environment = environment(abi);
    let mut result = Dependencies {
        extras: provides_extra.iter().map(|extra| (extra.clone(), Vec::new())).collect(),
        ..Dependencies::default()
    };
    for line in requires_dist {
        let (requirement, marker) = split(line)?;
        let holds = |extras: &[pep508_rs::ExtraName]| {
            marker.as_ref().and_then(|marker| marker.holds(&environment, extras)).unwrap_or(true)
        };
        if holds(&[]) {
            result.depends.push(requirement);
            continue;
        }
        for (extra, needed) in &mut result.extras {
            let Ok(extra) = pep508_rs::ExtraName::from_str(extra.as_str()) else { continue };
            if holds(&[extra]) {
                needed.push(requirement.clone());
            }
        }
    }
    for list in result.extras.values_mut().chain([&mut result.depends]) {
        list.sort_by_cached_key(ToString::to_string);
        list.dedup();
    }
    Ok(result)
}

/// The requirement and its marker. The marker library's own requirement parser is not used: it
/// expands environment variables and paths in addresses.
fn split(line: &str) -> Result<(Requirement, Option<Marker>), IndexError> {
    let Some((requirement, marker)) = line.split_once(';') else { return Ok((line.parse()?, None)) };
    let requirement = requirement.parse()?;
    let marker = Marker::parse(marker.trim()).map_err(|reason| IndexError::InvalidMarker {
        found: excerpt(line),
        reason: excerpt(first_line(&reason).trim()),
    })?;
    Ok((requirement, Some(marker)))
}

fn environment(abi: Abi) -> MarkerEnvironment {
    let facts = abi.facts();
    MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
        implementation_name: "cpython",
        implementation_version: facts.python_full,
        os_name: "posix",
        platform_machine: "wasm32",
        platform_python_implementation: "CPython",
        platform_release: facts.emscripten,
        platform_system: "Emscripten",
        platform_version: "#1",
        python_full_version: facts.python_full,
        python_version: facts.python,
        sys_platform: "emscripten",
    })
    .expect("the table's Python versions are versions")
}

/// The version parser draws its errors over several lines.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluated(lines: &[&str], extras: &[&str]) -> Dependencies {
        let extras = extras.iter().map(|extra| extra.parse().unwrap()).collect();
        evaluate(lines.iter().copied(), &extras, Abi::preferred()).unwrap()
    }

    fn texts(list: &[Requirement]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn keeps_what_holds_here() {
        let result = evaluated(
            &[
                "typing-extensions>=4.14.1",
                "Annotated_Types>=0.6",
                "colorama; sys_platform == 'win32'",
                "emfs; sys_platform == 'emscripten'",
                "also-emfs; platform_system == \"Emscripten\" and platform_machine == 'wasm32'",
                "old; python_version < '3.11'",
                "new; python_full_version >= '3.14.2'",
                "pypy; implementation_name == 'pypy'",
            ],
            &[],
        );
        assert_eq!(
            texts(&result.depends),
            ["also-emfs", "annotated-types>=0.6", "emfs", "new", "typing-extensions>=4.14.1"]
        );
        assert!(result.extras.is_empty());
    }

    #[test]
    fn splits_extras() {
        let result = evaluated(
            &[
                "base",
                "mail>=2; extra == 'E_Mail'",
                "tz; (extra == 'timezone') and sys_platform == 'win32'",
                "both; extra == 'e-mail' or extra == 'timezone'",
            ],
            &["e-mail", "timezone"],
        );
        assert_eq!(texts(&result.depends), ["base"]);
        assert_eq!(texts(&result.extras[&"e-mail".parse().unwrap()]), ["both", "mail>=2"]);
        assert_eq!(texts(&result.extras[&"timezone".parse().unwrap()]), ["both"]);
    }

    #[test]
    fn says_what_does_not_parse() {
        let error = evaluate(["a; python_version >> '3'"], &BTreeSet::new(), Abi::preferred());
        assert!(matches!(error, Err(IndexError::InvalidMarker { .. })), "{error:?}");
        let error = evaluate(["a @ file:///etc/passwd"], &BTreeSet::new(), Abi::preferred());
        assert!(matches!(error, Err(IndexError::InvalidRequirement { .. })), "{error:?}");
    }
}
