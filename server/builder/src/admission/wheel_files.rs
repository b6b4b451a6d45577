//! What can be told from a wheel's names and files alone. Pure.

use pkgsrv_index::{Abi, Version, VersionSpecifiers, WheelFilename};
use pkgsrv_wheel::{Wheel, WheelError};

use super::report::{Check, CheckName, Finding};

const WASM: &[u8] = b"\0asm";

/// Formats of other platforms, by how their files begin.
const FOREIGN: &[(&[u8], &str)] = &[
    (b"\x7fELF", "an ELF file, as Linux has them"),
    (b"\xfe\xed\xfa\xce", "a Mach-O file, as macOS has them"),
    (b"\xfe\xed\xfa\xcf", "a Mach-O file, as macOS has them"),
    (b"\xce\xfa\xed\xfe", "a Mach-O file, as macOS has them"),
    (b"\xcf\xfa\xed\xfe", "a Mach-O file, as macOS has them"),
    (b"\xca\xfe\xba\xbe", "a Mach-O file, as macOS has them"),
];

/// A file that is or should be a side module.
pub(super) struct Binary {
    /// Path in the wheel.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Filename, tags, Python version.
pub(super) fn tags(filename: &WheelFilename, wheel: &Wheel<'_>, abi: Abi) -> Result<Check, WheelError> {
    let mut findings = Vec::new();
    if let Err(error) = filename.require_fit(abi) {
        findings.push(Finding::refused(None, error.to_string()));
    }
    let mut named: Vec<String> = filename.tags().map(|tag| tag.to_string()).collect();
    let mut written = wheel.wheel_file()?.tags;
    for list in [&mut named, &mut written] {
        list.sort();
    }
    // Some tools write compressed sets into WHEEL too, which says the same.
    if named != written && written != [filename.compressed_tags()] {
        findings.push(
            Finding::warning(
                format!("{}/WHEEL", wheel.dist_info_dir()),
                format!("its tags are {}", written.join(", ")),
            )
            .expected(format!("those of the filename: {}", named.join(", ")))
            .advice("build the wheel for its tags instead of renaming it"),
        );
    }
    let metadata = wheel.metadata()?;
    let python = abi.facts().python_full;
    if let Some(required) = &metadata.requires_python {
        let admits = required.parse::<VersionSpecifiers>().ok().zip(python.parse::<Version>().ok());
        if admits.is_none_or(|(specifiers, python)| !specifiers.contains(&python)) {
            findings.push(
                Finding::refused(None, format!("its METADATA says Requires-Python `{required}`"))
                    .expected(format!("a range that has Python {python}"))
                    .advice("installers pass such a wheel over"),
            );
        }
    }
    let required = metadata.requires_python.map_or_else(String::new, |required| format!(", Python {required}"));
    Ok(Check::new(CheckName::Tags, format!("{}{required}", filename.compressed_tags()), findings))
}

/// Files for other platforms and names that the interpreter does not look for; the second result are those to be read
/// as side modules.
pub(super) fn files(filename: &WheelFilename, wheel: &Wheel<'_>, abi: Abi) -> Result<(Check, Vec<Binary>), WheelError> {
    let mut findings = Vec::new();
    let mut binaries = Vec::new();
    for entry in wheel.entries() {
        let path = entry.path();
        let bytes = wheel.read(entry)?;
        let is_library = is_shared_library(path);
        // Java's classes begin as some Mach-O files do.
        let is_java = extension(path) == "class";
        if let Some(found) = foreign(&bytes).filter(|_| !is_java) {
            findings.push(foreign_file(path, found, is_library));
        } else if is_library || bytes.starts_with(WASM) && is_named_for_another(path) {
            findings.extend(wrong_suffix(path, abi));
            if filename.is_pure() {
                findings.push(
                    Finding::refused(
                        path.to_owned(),
                        "it is a shared library in a wheel whose tag says `any` platform",
                    )
                    .expected(format!("a tag such as {}", abi.platform_tag()))
                    .advice("build the wheel with the platform's tag"),
                );
            }
            binaries.push(Binary { path: path.to_owned(), bytes });
        }
    }
    let summary = format!("{} files, {} of them side modules", wheel.entries().len(), binaries.len());
    Ok((Check::new(CheckName::Files, summary, findings), binaries))
}

fn foreign_file(path: &str, found: &str, is_library: bool) -> Finding {
    let found = format!("it is {found}");
    if is_library || is_named_for_another(path) {
        return Finding::refused(path.to_owned(), found)
            .expected("a WebAssembly side module")
            .advice("the build used another compiler than the target's");
    }
    // Launchers for Windows and test data travel in many wheels.
    Finding::warning(path.to_owned(), found).advice("nothing here can run it; leave it out if it is not data")
}

fn foreign(bytes: &[u8]) -> Option<&'static str> {
    let begins = FOREIGN.iter().find(|(magic, _)| bytes.starts_with(magic));
    begins
        .map(|(_, found)| *found)
        .or_else(|| is_portable_executable(bytes).then_some("a PE file, as Windows has them"))
}

/// `MZ` alone begins texts too: the header that it points to must be there.
fn is_portable_executable(bytes: &[u8]) -> bool {
    let pointer = bytes.get(0x3C..0x40).and_then(|pointer| pointer.try_into().ok()).map(u32::from_le_bytes);
    let header = pointer.and_then(|at| bytes.get(at as usize..)?.get(..4));
    bytes.starts_with(b"MZ") && header == Some(b"PE\0\0")
}

/// `name.so`, `name.so.1`, `name.abi3.so`.
pub(super) fn is_shared_library(path: &str) -> bool {
    base_name(path).split('.').skip(1).any(|part| part == "so")
}

/// Names that other platforms give to extension modules and libraries.
fn is_named_for_another(path: &str) -> bool {
    ["pyd", "dll", "dylib"].iter().any(|other| extension(path).eq_ignore_ascii_case(other))
}

/// Whether a file of a wheel is code for a machine or for a platform, by its name.
pub fn is_native_code(path: &str) -> bool {
    is_shared_library(path) || is_named_for_another(path)
}

fn extension(path: &str) -> &str {
    base_name(path).rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// The part between the module's name and `.so` names an interpreter and a platform; another's is never looked for.
fn wrong_suffix(path: &str, abi: Abi) -> Option<Finding> {
    const INTERPRETERS: &[&str] = &["cpython-", "pypy", "graalpy", "cp3", "pyston"];
    let suffix = abi.facts().extension_suffix;
    let (_, rest) = base_name(path).split_once('.')?;
    let tag = rest.strip_suffix(".so");
    let is_tagged = tag.is_some_and(|tag| INTERPRETERS.iter().any(|interpreter| tag.starts_with(interpreter)));
    if !is_named_for_another(path) && (!is_tagged || format!(".{rest}") == suffix) {
        return None;
    }
    let finding =
        Finding::refused(path.to_owned(), format!("its name ends in .{rest}, which the runtime never looks for"));
    Some(finding.expected(format!("{suffix}, .abi3.so or .so")).advice("build it for the target, or rename it"))
}

pub(super) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
