//! Every field of pyodide-build's `meta.yaml`, and what becomes of it.

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// It is translated.
    Honoured,
    /// It is left out, since it decides nothing about what is built.
    NoInfluence,
    /// It cannot be translated; what to do instead.
    Refused(&'static str),
}

use Handling::{Honoured, NoInfluence, Refused};

/// By section and key. All of `extra` is the recipe's own.
pub const FIELDS: &[(&str, &str, Handling)] = &[
    ("package", "name", Honoured),
    ("package", "version", Honoured),
    ("package", "top-level", Honoured),
    ("package", "tag", NoInfluence),
    ("package", "pinned", NoInfluence),
    ("package", "_disabled", Honoured),
    ("source", "url", Honoured),
    ("source", "path", Refused("make an sdist of it, and name that with `url`")),
    ("source", "sha256", Honoured),
    ("source", "extract_dir", Honoured),
    ("source", "patches", Honoured),
    ("source", "extras", Honoured),
    ("build", "type", Honoured),
    ("build", "script", Honoured),
    ("build", "cross-script", Honoured),
    ("build", "post", Honoured),
    ("build", "cflags", Honoured),
    ("build", "cxxflags", Honoured),
    ("build", "ldflags", Honoured),
    ("build", "exports", Honoured),
    ("build", "backend-flags", Honoured),
    ("build", "unvendor-tests", Honoured),
    ("build", "_retain-test-patterns", Honoured),
    ("build", "vendor-sharedlib", Honoured),
    ("build", "cross-build-env", Honoured),
    ("build", "_cross-build-env-skip-install", Refused("what is in `host` is always installed for the build Python")),
    ("build", "cross-build-files", Honoured),
    ("requirements", "run", Honoured),
    ("requirements", "host", Honoured),
    ("requirements", "build-extras", Refused("name what these extras need in `build` of `[requirements]`")),
    ("requirements", "executable", Honoured),
    ("requirements", "constraint", Honoured),
    ("test", "imports", Honoured),
    ("about", "home", Honoured),
    ("about", "PyPI", NoInfluence),
    ("about", "summary", Honoured),
    ("about", "license", Honoured),
];

/// The handling of a field; `Err` has the keys that there are in its section, or the sections.
pub fn handling(section: &str, key: &str) -> Result<Handling, Vec<&'static str>> {
    let found = FIELDS.iter().find(|(in_section, name, _)| (*in_section, *name) == (section, key));
    found.map(|(_, _, handling)| *handling).ok_or_else(|| keys(section))
}

/// The keys of a section.
pub fn keys(section: &str) -> Vec<&'static str> {
    FIELDS.iter().filter(|(of, _, _)| *of == section).map(|(_, key, _)| *key).collect()
}

/// All sections, with the free one.
pub const SECTIONS: &[&str] = &["package", "source", "build", "requirements", "test", "about", "extra"];
