//! What the checks of all tables share: the text that errors point into, and the forms of single values.

use std::str::FromStr;

use toml::Spanned;

use crate::error::RecipeError;

/// The text that errors point into.
pub struct Check<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

impl Check<'_> {
    pub fn error<T>(&self, at: &Spanned<T>, message: &str, label: &str, help: &str) -> RecipeError {
        let help = (!help.is_empty()).then(|| help.to_owned());
        RecipeError::at(self.file, self.text, Some(at.span()), format!("{}: {message}", self.file), label, help)
    }

    pub fn value<T: FromStr<Err: std::fmt::Display>>(
        &self,
        text: &Spanned<String>,
        what: &str,
    ) -> Result<T, RecipeError> {
        let parsed = text.get_ref().parse();
        parsed.map_err(|error: T::Err| self.error(text, &error.to_string(), &format!("expected a {what}"), ""))
    }

    pub fn values<T: FromStr<Err: std::fmt::Display>>(
        &self,
        texts: &[Spanned<String>],
        what: &str,
    ) -> Result<Vec<T>, RecipeError> {
        texts.iter().map(|text| self.value(text, what)).collect()
    }

    pub fn file_name(&self, name: &Spanned<String>) -> Result<(), RecipeError> {
        let text = name.get_ref();
        if text.is_empty() || text.starts_with('.') || text.contains(['/', '\\', '\0']) {
            return Err(self.error(name, "not a plain file name", "expected a name without directories", ""));
        }
        Ok(())
    }

    /// A path that stays below where it starts; without hidden parts, since none is needed and `..` is one.
    pub fn relative_path(&self, path: Spanned<String>) -> Result<String, RecipeError> {
        let text = path.get_ref();
        let bad = |part: &str| part.is_empty() || part.starts_with('.') || part.contains(['\\', '\0']);
        if text.split('/').any(bad) {
            return Err(self.error(&path, "not a path from the top", "here", PATH_HELP));
        }
        Ok(path.into_inner())
    }

    pub fn relative_paths(&self, paths: Vec<Spanned<String>>) -> Result<Vec<String>, RecipeError> {
        paths.into_iter().map(|path| self.relative_path(path)).collect()
    }
}

const PATH_HELP: &str = "names with `/` between them, none empty and none that begins with a dot, such as \"c/src\"";
