//! Errors that point into the recipe's text.

use std::path::Path;
use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};

/// A recipe that cannot be used, with the place in its text.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
#[diagnostic(code(pkgsrv::recipe))]
pub struct RecipeError {
    message: Box<str>,
    label: Box<str>,
    #[help]
    help: Option<Box<str>>,
    #[source_code]
    text: Arc<NamedSource<String>>,
    #[label("{label}")]
    span: Option<SourceSpan>,
}

impl RecipeError {
    /// An error at a byte range of `text`, the contents of the file called `file`.
    pub(crate) fn at(
        file: &str,
        text: &str,
        span: Option<std::ops::Range<usize>>,
        message: impl Into<Box<str>>,
        label: impl Into<Box<str>>,
        help: Option<String>,
    ) -> Self {
        Self {
            message: message.into(),
            label: label.into(),
            help: help.map(Into::into),
            text: Arc::new(NamedSource::new(file, text.to_owned()).with_language(language(file))),
            span: span.map(Into::into),
        }
    }

    /// What the TOML reader or serde had to say, with the nearest known key where a key is unknown.
    pub(crate) fn from_toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let message = error.message();
        let Some((found, expected)) = unknown_key(message) else {
            return Self::at(file, text, error.span(), format!("{file}: {message}"), "here", None);
        };
        Self::at(
            file,
            text,
            error.span(),
            format!("{file}: unknown key `{found}`"),
            "not a key of this table",
            Some(with_nearest(found, &expected)),
        )
    }

    /// The line of the text that it points at, from 1.
    pub fn line(&self) -> Option<usize> {
        let before = self.text.inner().get(..self.span()?.start)?;
        Some(before.matches('\n').count() + 1)
    }

    /// The field that it points at, with its table: `source.sha256`; what of that the text before the place tells.
    pub fn field(&self) -> Option<String> {
        let text = self.text.inner();
        let start = self.span()?.start;
        let end = text.get(start..)?.find('\n').map_or(text.len(), |length| start + length);
        let (mut table, mut key) = ("", "");
        for line in text.get(..end)?.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                (table, key) = (name.0, "");
            } else if let Some((name, _)) = line.split_once('=') {
                let name = name.trim();
                let is_key = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
                key = if is_key { name } else { key };
            }
        }
        let field = [table, key].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
        (!field.is_empty()).then_some(field)
    }

    /// What was expected at that place.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What to do about it, where there is something to say.
    pub fn remedy(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Bytes of the text that it points at.
    pub(crate) fn span(&self) -> Option<std::ops::Range<usize>> {
        self.span.map(|span| span.offset()..span.offset() + span.len())
    }
}

fn language(file: &str) -> &'static str {
    if Path::new(file).extension().is_some_and(|extension| extension == "yaml") { "YAML" } else { "TOML" }
}

/// The known keys, after the one that is nearest to what was found.
pub(crate) fn with_nearest(found: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|key| (strsim::damerau_levenshtein(found, key), *key))
        .min()
        .filter(|(distance, key)| *distance <= key.len() / 2 + 1)
        .map_or_else(String::new, |(_, key)| format!("did you mean `{key}`? "));
    format!("{nearest}The keys here are: {}", known.join(", "))
}

/// Serde's wording of an unknown field: "unknown field `a`, expected one of `b`, `c`".
fn unknown_key(message: &str) -> Option<(&str, Vec<&str>)> {
    let rest = message.strip_prefix("unknown field ")?;
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let found = quoted.next()?;
    Some((found, quoted.collect()))
}
