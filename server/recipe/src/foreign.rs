//! Recipes of pyodide-build (`meta.yaml`), read into the same checked [`Recipe`].
//!
//! Each field of theirs is translated, or named in a refusal, or has no influence on what is built: one table
//! (`foreign/fields.rs`) has them all, and `recipes/README.md` describes it. What is translated then passes the checks
//! of every other recipe, with errors that point into the YAML.

mod build;
mod fields;
mod reader;
mod source;
mod variables;
mod yaml;

use std::ops::Range;

use crate::check::Check;
use crate::checked::Recipe;
use crate::error::RecipeError;
use crate::text::{AboutText, RecipeText, TestText};
use reader::{Reader, bare};

pub use fields::{FIELDS as FOREIGN_FIELDS, Handling as ForeignHandling};

/// A recipe that was translated whole.
#[derive(Clone, Debug)]
pub struct Imported {
    /// It, checked.
    pub recipe: Recipe,
    /// Files beside the `meta.yaml` that it names: path there, path beside the `recipe.toml`.
    pub files: Vec<(String, String)>,
    /// What is not the same as it was, in sentences.
    pub notes: Vec<String>,
}

/// One reason why a recipe was not translated.
#[derive(Debug)]
pub struct Refusal {
    /// The field, as in `build.type`; empty where the text could not be read at all.
    pub field: String,
    /// Why, with the place.
    pub error: Box<RecipeError>,
}

/// Translates the text of the `meta.yaml` called `file`; `beside` are the files in its folder and below, by path from
/// there. `Err` has every reason against it.
pub fn import(file: &str, text: &str, beside: &[String]) -> Result<Imported, Vec<Refusal>> {
    let check = Check { file, text };
    let root = yaml::parse(text).map_err(|(span, message)| {
        let error = check.error(&bare(&span), &format!("not YAML: {message}"), "here", "");
        vec![Refusal { field: String::new(), error: Box::new(error) }]
    })?;
    let mut reader = Reader::new(check, &root, beside);
    reader.walk();
    if !matches!(root.value, yaml::Value::Map(_)) {
        return Err(reader.refusals);
    }
    let disabled = reader.boolean("package", "_disabled");
    if disabled == Some(true) {
        reader.refuse("package", "_disabled", "disabled where it comes from", "not built there", DISABLED_HELP);
    }
    let parsed = reader.recipe();
    let Some(parsed) = parsed.filter(|_| reader.refusals.is_empty()) else { return Err(reader.refusals) };
    match reader.check.recipe(parsed) {
        Ok(recipe) => Ok(Imported { recipe, files: reader.files, notes: reader.notes }),
        Err(error) => {
            let field = error.span().map_or_else(String::new, |span| field_at(&root, &span));
            Err(vec![Refusal { field, error: Box::new(error) }])
        }
    }
}

/// The field that a place in the text belongs to.
fn field_at(root: &yaml::Node, place: &Range<usize>) -> String {
    let yaml::Value::Map(sections) = &root.value else { return String::new() };
    let fields = sections.iter().filter_map(|(section, node)| match &node.value {
        yaml::Value::Map(entries) => Some(entries.iter().map(move |(key, node)| (section, key, node))),
        _ => None,
    });
    let mut within = fields.flatten().filter(|(_, _, node)| node.span.contains(&place.start));
    within.next().map_or_else(String::new, |(section, key, _)| format!("{}.{}", section.get_ref(), key.get_ref()))
}

impl Reader<'_> {
    /// The same in the shape of a `recipe.toml`; `None` where something is missing, which is then refused.
    fn recipe(&mut self) -> Option<RecipeText> {
        let name = self.required("package", "name");
        let version = self.required("package", "version");
        let package = name.zip(version).map(|(name, version)| crate::text::PackageText { name, version });
        let source = self.source(package.as_ref().map(|package| package.version.get_ref().as_str()));
        let wheel = source.as_ref().is_some_and(source::is_wheel);
        let build = self.build(wheel);
        let requirements = self.requirements(wheel);
        let (source, build) = self.variables(source, build, &requirements, package.as_ref())?;
        Some(RecipeText {
            package: package?,
            source,
            build,
            requirements,
            test: self.test(),
            about: self.about(),
            extra: self.extra(),
        })
    }

    /// What a package says to have at its top level must import, as what it tests.
    fn test(&mut self) -> TestText {
        let mut imports = Vec::new();
        for (section, key) in [("package", "top-level"), ("test", "imports")] {
            for module in self.texts(section, key) {
                if !imports.contains(module.get_ref()) {
                    imports.push(module.into_inner());
                }
            }
        }
        // Nothing of a library can be imported.
        if self.kind() != Some("package") && !imports.is_empty() {
            imports.clear();
            self.notes.push("a library has no modules: `top-level` and `test.imports` are left out".to_owned());
        }
        TestText { imports, ..TestText::default() }
    }

    fn about(&mut self) -> AboutText {
        let mut text = |key| self.text("about", key).map(toml::Spanned::into_inner).unwrap_or_default();
        let (home, summary, license) = (text("home"), text("summary"), text("license"));
        let line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        AboutText { home: line(home), summary: line(summary), license: line(license) }
    }

    fn extra(&self) -> toml::Table {
        match self.root.get("extra").map(yaml::Node::to_toml) {
            Some(toml::Value::Table(table)) => table,
            _ => toml::Table::new(),
        }
    }
}

const DISABLED_HELP: &str = "remove `_disabled` to import it all the same";
