//! Environment markers, evaluated once: when a wheel is published, or when one comes from elsewhere.

mod marker;

use std::collections::{BTreeMap, BTreeSet};

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
    let mut result = Dependencies::default();
    result.extras.extend(provides_extra.iter().map(|extra| (extra.clone(), Vec::new())));
    for line in requires_dist {
        let (requirement, marker) = split(line, abi)?;
        let holds = |extra| marker.as_ref().and_then(|marker| marker.holds(extra)).unwrap_or(true);
        if holds(None) {
            result.depends.push(requirement);
            continue;
        }
        for (extra, needed) in &mut result.extras {
            if holds(Some(extra)) {
                needed.push(requirement.clone());
            }
        }
    }
    for list in result.extras.values_mut().chain([&mut result.depends]) {
        // Keys that are kept would be sorted by code for each width of an index, too much for the browser.
        list.sort_by_key(ToString::to_string);
        list.dedup();
    }
    Ok(result)
}

/// The requirement and its marker.
fn split(line: &str, abi: Abi) -> Result<(Requirement, Option<Marker>), IndexError> {
    let Some((requirement, marker)) = line.split_once(';') else { return Ok((line.parse()?, None)) };
    let requirement = requirement.parse()?;
    let marker = Marker::parse(marker.trim(), abi).map_err(|reason| IndexError::InvalidMarker {
        found: excerpt(line),
        reason: excerpt(first_line(&reason).trim()),
    })?;
    Ok((requirement, Some(marker)))
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
