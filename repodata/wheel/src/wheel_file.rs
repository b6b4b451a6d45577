//! WHEEL: how the wheel was made, and for what.

use crate::WheelError;
use crate::headers::Headers;

/// What WHEEL says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WheelFile {
    /// `Wheel-Version`; its major part is 1.
    pub wheel_version: String,
    /// `Generator`.
    pub generator: Option<String>,
    /// `Root-Is-Purelib`: whether the root goes into `purelib`, else into `platlib`.
    pub root_is_purelib: bool,
    /// `Tag`, expanded, in order.
    pub tags: Vec<String>,
    /// `Build`.
    pub build: Option<String>,
}

impl WheelFile {
    /// Reads WHEEL's text; `path` is named in errors.
    pub fn parse(path: &str, text: &str) -> Result<Self, WheelError> {
        let headers = Headers::parse(path, text)?;
        let wheel_version = headers.required("Wheel-Version")?;
        if wheel_version.split('.').next() != Some("1") {
            return Err(headers.unfit("Wheel-Version", &wheel_version, "1.x"));
        }
        let purelib = headers.required("Root-Is-Purelib")?;
        let root_is_purelib = match purelib.to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => return Err(headers.unfit("Root-Is-Purelib", &purelib, "true or false")),
        };
        let tags = headers.list("Tag");
        if tags.is_empty() {
            return Err(WheelError::HeaderCount { path: path.to_owned(), header: "Tag", count: 0 });
        }
        Ok(Self {
            wheel_version,
            generator: headers.optional("Generator")?,
            root_is_purelib,
            tags,
            build: headers.optional("Build")?,
        })
    }
}
