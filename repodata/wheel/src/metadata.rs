//! METADATA ([core metadata]).
//!
//! [core metadata]: https://packaging.python.org/en/latest/specifications/core-metadata/

use crate::WheelError;
use crate::headers::Headers;

/// What METADATA says, as written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// `Metadata-Version`.
    pub metadata_version: String,
    /// `Name`, not normalised; ASCII letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// `Version`.
    pub version: String,
    /// `Summary`.
    pub summary: Option<String>,
    /// `Requires-Python`.
    pub requires_python: Option<String>,
    /// `Requires-Dist`, markers included.
    pub requires_dist: Vec<String>,
    /// `Provides-Extra`.
    pub provides_extra: Vec<String>,
    /// `Import-Name`: `None` if the header is not used, empty if the wheel says that nothing of it
    /// can be imported.
    pub import_names: Option<Vec<ImportName>>,
    /// `Import-Namespace`.
    pub import_namespaces: Vec<ImportName>,
    /// `License-Expression`, else `License`.
    pub license: Option<String>,
    /// `License-Expression`, an SPDX expression.
    pub license_expression: Option<String>,
    /// `Home-page`.
    pub home_page: Option<String>,
    /// `Project-URL`, as `label, address`.
    pub project_urls: Vec<String>,
    /// The description: the body, or the `Description` header of old files.
    pub description: String,
}

/// One value of `Import-Name` or `Import-Namespace`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportName {
    /// Dotted module name.
    pub name: String,
    /// Marked `; private`: it can be imported, but is not meant to be.
    pub private: bool,
}

impl Metadata {
    /// Reads METADATA's text; `path` is named in errors.
    pub fn parse(path: &str, text: &str) -> Result<Self, WheelError> {
        let headers = Headers::parse(path, text)?;
        let metadata_version = headers.required("Metadata-Version")?;
        if !matches!(metadata_version.split('.').next(), Some("1" | "2")) {
            return Err(headers.unfit("Metadata-Version", &metadata_version, "1.x or 2.x"));
        }
        let name = headers.required("Name")?;
        if !is_project_name(&name) {
            return Err(headers.unfit("Name", &name, "letters, digits and inner `.`, `_`, `-`"));
        }
        let version = headers.required("Version")?;
        let license_expression = headers.optional("License-Expression")?;
        let description = match headers.all("Description").next() {
            Some(header) if headers.body.is_empty() => header.to_owned(),
            _ => headers.body.clone(),
        };
        Ok(Self {
            metadata_version,
            name,
            version,
            summary: headers.optional("Summary")?,
            requires_python: headers.optional("Requires-Python")?,
            requires_dist: headers.list("Requires-Dist"),
            provides_extra: headers.list("Provides-Extra"),
            import_names: import_names(&headers, "Import-Name")?,
            import_namespaces: import_names(&headers, "Import-Namespace")?.unwrap_or_default(),
            license: license_expression.clone().or(headers.optional("License")?),
            license_expression,
            home_page: headers.optional("Home-page")?,
            project_urls: headers.list("Project-URL"),
            description,
        })
    }
}

fn is_project_name(name: &str) -> bool {
    let alphanumeric = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    alphanumeric(bytes.first())
        && alphanumeric(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
}

fn import_names(headers: &Headers, header: &'static str) -> Result<Option<Vec<ImportName>>, WheelError> {
    let mut used = false;
    let mut names = Vec::new();
    for value in headers.all(header) {
        used = true;
        let (name, mark) = value.split_once(';').unwrap_or((value, ""));
        let (name, mark) = (name.trim(), mark.trim());
        // An empty value is how a wheel says that it has none.
        if name.is_empty() && mark.is_empty() {
            continue;
        }
        if !matches!(mark, "" | "private") || !name.split('.').all(is_identifier) {
            return Err(headers.unfit(header, value, "a dotted name, `; private` after it at most"));
        }
        names.push(ImportName { name: name.to_owned(), private: mark == "private" });
    }
    Ok(used.then_some(names))
}

/// Whether Python would take `text` as a name (keywords aside); outside ASCII, letters and digits.
pub(crate) fn is_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    let starts = |first: char| first == '_' || first.is_alphabetic();
    characters.next().is_some_and(starts) && characters.all(|next| next == '_' || next.is_alphanumeric())
}
