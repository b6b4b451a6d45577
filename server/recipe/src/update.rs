//! Another release in the text of a recipe, which else stays as its authors wrote it.

use std::ops::Range;

use pep440_rs::Version;
use pkgsrv_index::Digest;
use toml::Spanned;

use crate::checked::Recipe;
use crate::error::RecipeError;
use crate::source::SourceOrigin;
use crate::text::RecipeText;

impl Recipe {
    /// The text of a recipe file with another version and hash, and where the source is a wheel of the upstream index
    /// with its file name; comments, order and layout stay. `Err` is that the old or the new text is no recipe.
    pub fn with_release(
        file: &str,
        text: &str,
        version: &Version,
        sha256: &Digest,
        filename: &str,
    ) -> Result<String, RecipeError> {
        let recipe = Self::parse(file, text)?;
        let parsed: RecipeText = toml::from_str(text).map_err(|error| RecipeError::from_toml(file, text, &error))?;
        let mut changes = vec![
            (parsed.package.version.span(), version.to_string()),
            (parsed.source.sha256.span(), sha256.to_string()),
        ];
        if let (SourceOrigin::PyPiWheel { .. }, Some(wheel)) = (&recipe.source.origin, &parsed.source.wheel) {
            changes.push((Spanned::span(wheel), filename.to_owned()));
        }
        // From the end, so that the places before stay what they are.
        changes.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
        let mut new = text.to_owned();
        for (span, value) in changes {
            replace(&mut new, span, &value);
        }
        Self::parse(file, &new)?;
        Ok(new)
    }
}

/// Puts another value into a string's place, in the quotes that it has.
fn replace(text: &mut String, span: Range<usize>, value: &str) {
    let quote = if text[span.clone()].starts_with('\'') { '\'' } else { '"' };
    text.replace_range(span, &format!("{quote}{value}{quote}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn updated(text: &str, filename: &str) -> String {
        let sha256 = "2".repeat(64).parse().unwrap();
        Recipe::with_release("recipe.toml", text, &"2.0".parse().unwrap(), &sha256, filename).unwrap()
    }

    #[test]
    fn everything_else_stays() {
        let text = |version: &str, hash: &str| {
            format!(
                "# Kept.\n[source] # version = \"1.0\"\nsha256   = '{hash}' # of 1.0\npypi = \"demo\"\n\n[package]\n\
                 version=\"{version}\" # one\nname = \"demo\"\n\n[extra]\nversion = \"1.0\"\n"
            )
        };
        assert_eq!(updated(&text("1.0", &"1".repeat(64)), "demo-2.0.tar.gz"), text("2.0", &"2".repeat(64)));
    }

    #[test]
    fn a_wheel_has_its_name_changed_too() {
        let text = |version: &str, hash: &str| {
            format!(
                "[package]\nname = \"demo\"\nversion = \"{version}\"\n[source]\npypi = \"demo\"\n\
                 wheel = \"demo-{version}-py3-none-any.whl\"\nsha256 = \"{hash}\"\n"
            )
        };
        let new = updated(&text("1.0", &"1".repeat(64)), "demo-2.0-py3-none-any.whl");
        assert_eq!(new, text("2.0", &"2".repeat(64)));
    }

    #[test]
    fn the_text_of_an_array_or_another_form_of_string_is_replaced_whole() {
        let text = format!(
            "package = {{ name = \"demo\", version = \"\"\"1.0\"\"\" }}\nsource.pypi = \"demo\"\n\
             source.sha256 = \"{}\"\n",
            "1".repeat(64)
        );
        let new = updated(&text, "demo-2.0.tar.gz");
        assert!(new.starts_with("package = { name = \"demo\", version = \"2.0\" }\n"), "{new}");
    }
}
