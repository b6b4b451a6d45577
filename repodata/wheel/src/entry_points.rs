//! `entry_points.txt` ([specification]), of which installers make programs.
//!
//! [specification]: https://packaging.python.org/en/latest/specifications/entry-points/

use crate::WheelError;
use crate::metadata::is_identifier;

/// One entry point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPoint {
    /// The group, such as `console_scripts`.
    pub group: String,
    /// The name; in the script groups also the name of the program.
    pub name: String,
    /// What it refers to.
    pub object: ObjectReference,
}

/// `module:attribute`, both dotted; extras after it are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectReference {
    /// Dotted module name.
    pub module: String,
    /// Dotted attribute within the module.
    pub attribute: Option<String>,
}

/// The groups whose names become files.
const SCRIPT_GROUPS: [&str; 2] = ["console_scripts", "gui_scripts"];

/// Reads the entry points of `text`, the file at `path`. Names in the script groups must be plain
/// file names and refer to a function.
pub(crate) fn parse(path: &str, text: &str) -> Result<Vec<EntryPoint>, WheelError> {
    let mut group: Option<String> = None;
    let mut entry_points = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let bad = |problem| WheelError::BadEntryPoint { path: path.to_owned(), entry: line.to_owned(), problem };
        if let Some(header) = line.strip_prefix('[') {
            let name = header.strip_suffix(']').ok_or_else(|| bad("the group is not closed"))?;
            group = Some(name.trim().to_owned());
            continue;
        }
        let group = group.clone().ok_or_else(|| bad("it is in no group"))?;
        let (name, reference) = line.split_once('=').ok_or_else(|| bad("expected `name = object`"))?;
        let name = name.trim();
        let object = reference_of(reference)
            .ok_or_else(|| bad("expected `module` or `module:attribute`, of dotted Python identifiers"))?;
        if SCRIPT_GROUPS.contains(&group.as_str()) {
            if !is_program_name(name) {
                return Err(bad("a program's name has letters, digits, `.`, `_` and `-` only"));
            }
            if object.attribute.is_none() {
                return Err(bad("a program needs `module:function`"));
            }
        }
        entry_points.push(EntryPoint { group, name: name.to_owned(), object });
    }
    Ok(entry_points)
}

fn is_program_name(name: &str) -> bool {
    !name.starts_with(['.', '-'])
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn reference_of(text: &str) -> Option<ObjectReference> {
    let text = text.trim();
    let (object, extras) = text.split_once('[').unwrap_or((text, "]"));
    extras.strip_suffix(']')?;
    let object = object.trim();
    let (module, attribute) = match object.split_once(':') {
        Some((module, attribute)) => (module.trim(), Some(attribute.trim())),
        None => (object, None),
    };
    let dotted = |name: &str| name.split('.').all(is_identifier);
    if !dotted(module) || !attribute.is_none_or(dotted) {
        return None;
    }
    Some(ObjectReference { module: module.to_owned(), attribute: attribute.map(str::to_owned) })
}
