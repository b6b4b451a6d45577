//! The shape of a `recipe.toml`, before any of it is checked. Every field is described in `recipes/README.md`.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RecipeText {
    pub package: PackageText,
    pub source: SourceText,
    #[serde(default)]
    pub build: BuildText,
    #[serde(default)]
    pub requirements: RequirementsText,
    #[serde(default)]
    pub test: TestText,
    #[serde(default)]
    pub about: AboutText,
    /// Free for the recipe's authors.
    #[serde(default)]
    pub extra: toml::Table,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PackageText {
    pub name: Spanned<String>,
    pub version: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SourceText {
    pub pypi: Option<Spanned<String>>,
    pub wheel: Option<Spanned<String>>,
    pub debian: Option<Spanned<String>>,
    pub file: Option<Spanned<String>>,
    pub url: Option<Spanned<String>>,
    pub sha256: Spanned<String>,
    pub extract_dir: Option<Spanned<String>>,
    #[serde(default)]
    pub patches: Vec<Spanned<String>>,
    #[serde(default)]
    pub extras: Vec<(Spanned<String>, Spanned<String>)>,
    #[serde(default)]
    pub files: Vec<Spanned<String>>,
    pub crates: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BuildText {
    #[serde(rename = "type")]
    pub kind: Option<Spanned<String>>,
    pub script: Option<Spanned<String>>,
    pub post: Option<Spanned<String>>,
    pub prefix: Option<Spanned<String>>,
    #[serde(default)]
    pub unvendor_tests: bool,
    #[serde(default)]
    pub retain_test_patterns: Vec<Spanned<String>>,
    #[serde(default)]
    pub cflags: Vec<String>,
    #[serde(default)]
    pub cxxflags: Vec<String>,
    #[serde(default)]
    pub ldflags: Vec<String>,
    pub exports: Option<Spanned<ExportsText>>,
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    #[serde(default)]
    pub config_settings: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum ExportsText {
    Word(String),
    Symbols(Vec<String>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RequirementsText {
    #[serde(default)]
    pub build_system: bool,
    #[serde(default)]
    pub build: Vec<Spanned<String>>,
    #[serde(default)]
    pub constraint: Vec<Spanned<String>>,
    #[serde(default)]
    pub host: Vec<Spanned<String>>,
    #[serde(default)]
    pub run: Vec<Spanned<String>>,
    #[serde(default)]
    pub tools: BTreeMap<Spanned<String>, Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TestText {
    #[serde(default)]
    pub imports: Vec<String>,
    #[serde(default)]
    pub leave_out: BTreeMap<String, Spanned<String>>,
    pub script: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AboutText {
    #[serde(default)]
    pub home: String,
    #[serde(default)]
    pub summary: String,
    #[serde(default)]
    pub license: String,
}
