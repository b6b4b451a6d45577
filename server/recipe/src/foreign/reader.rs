//! Reading fields by section and key, and collecting what speaks against the recipe.

use std::ops::Range;

use toml::Spanned;

use super::Refusal;
use super::fields::{self, Handling, SECTIONS};
use super::yaml::{Node, Value};
use crate::check::Check;
use crate::error::{RecipeError, with_nearest};

/// A `meta.yaml` under translation.
pub struct Reader<'a> {
    pub check: Check<'a>,
    pub root: &'a Node,
    /// Files beside it and below, by path.
    pub beside: &'a [String],
    pub refusals: Vec<Refusal>,
    /// Path there, path here.
    pub files: Vec<(String, String)>,
    pub notes: Vec<String>,
}

/// A place without a value.
pub fn bare(span: &Range<usize>) -> Spanned<()> {
    Spanned::new(span.clone(), ())
}

impl<'a> Reader<'a> {
    pub fn new(check: Check<'a>, root: &'a Node, beside: &'a [String]) -> Self {
        Self { check, root, beside, refusals: Vec::new(), files: Vec::new(), notes: Vec::new() }
    }

    /// Refuses what is no field, and the fields that are never translated.
    pub fn walk(&mut self) {
        let Value::Map(sections) = &self.root.value else {
            return self.refuse_at("", &self.root.span, "not a recipe", "expected a map of sections", "");
        };
        for (section, node) in sections {
            let name = section.get_ref().as_str();
            if !SECTIONS.contains(&name) {
                self.unknown(name, section, "unknown section", SECTIONS);
                continue;
            }
            match &node.value {
                Value::Map(entries) if name != "extra" => {
                    for (key, value) in entries {
                        self.walk_field(name, key, value);
                    }
                }
                Value::Map(_) | Value::Null => {}
                _ => self.refuse_at(name, &node.span, "a section is a map", node.kind(), ""),
            }
        }
    }

    fn walk_field(&mut self, section: &str, key: &Spanned<String>, value: &Node) {
        let name = key.get_ref().as_str();
        match fields::handling(section, name) {
            Err(known) => self.unknown(&format!("{section}.{name}"), key, "unknown key", &known),
            // Set to nothing, it says nothing.
            Ok(Handling::Refused(help)) if !is_default(value) => {
                let message = format!("`{section}.{name}` is not supported");
                self.refuse_at(&format!("{section}.{name}"), &key.span(), &message, "here", help);
            }
            Ok(_) => {}
        }
    }

    fn unknown(&mut self, field: &str, key: &Spanned<String>, what: &str, known: &[&str]) {
        let help = with_nearest(key.get_ref(), known);
        self.refuse_at(field, &key.span(), &format!("{what} `{}`", key.get_ref()), "not one of pyodide-build's", &help);
    }

    /// Refuses a field that is there.
    pub fn refuse(&mut self, section: &str, key: &str, message: &str, label: &str, help: &str) {
        let span = self.node(section, key).map_or(0..0, |node| node.span.clone());
        self.refuse_at(&format!("{section}.{key}"), &span, message, label, help);
    }

    pub fn refuse_at(&mut self, field: &str, span: &Range<usize>, message: &str, label: &str, help: &str) {
        let error = self.check.error(&bare(span), message, label, help);
        self.refused(field, error);
    }

    fn refused(&mut self, field: &str, error: RecipeError) {
        self.refusals.push(Refusal { field: field.to_owned(), error: Box::new(error) });
    }

    pub fn node(&self, section: &str, key: &str) -> Option<&'a Node> {
        self.root.get(section)?.get(key)
    }

    /// The value of a field that must be there.
    pub fn required(&mut self, section: &str, key: &str) -> Option<Spanned<String>> {
        if self.node(section, key).is_none() {
            let span = self.root.get(section).map_or(0..0, |node| node.span.clone());
            let field = format!("{section}.{key}");
            self.refuse_at(&field, &span, &format!("`{field}` is missing"), "here", "");
        }
        self.text(section, key)
    }

    pub fn text(&mut self, section: &str, key: &str) -> Option<Spanned<String>> {
        let node = self.node(section, key)?;
        self.as_text(section, key, node)
    }

    /// A list of texts.
    pub fn texts(&mut self, section: &str, key: &str) -> Vec<Spanned<String>> {
        match self.node(section, key).map(|node| (node, &node.value)) {
            None => Vec::new(),
            Some((_, Value::List(items))) => items.iter().filter_map(|item| self.as_text(section, key, item)).collect(),
            Some((node, _)) => {
                self.wrong_kind(section, key, node, "a list");
                Vec::new()
            }
        }
    }

    pub fn boolean(&mut self, section: &str, key: &str) -> Option<bool> {
        let node = self.node(section, key)?;
        if let Value::Boolean(value) = node.value {
            return Some(value);
        }
        self.wrong_kind(section, key, node, "true or false");
        None
    }

    pub fn as_text(&mut self, section: &str, key: &str, node: &Node) -> Option<Spanned<String>> {
        match &node.value {
            Value::Text(text) => Some(Spanned::new(node.span.clone(), text.clone())),
            Value::Number(number) => {
                let field = format!("{section}.{key}");
                let message = format!("`{field}` is the number {number}, expected text");
                self.refuse_at(&field, &node.span, &message, "here", &format!("write \"{number}\", with quotes"));
                None
            }
            _ => {
                self.wrong_kind(section, key, node, "text");
                None
            }
        }
    }

    pub fn wrong_kind(&mut self, section: &str, key: &str, node: &Node, expected: &str) {
        let field = format!("{section}.{key}");
        let message = format!("`{field}` is {}, expected {expected}", node.kind());
        self.refuse_at(&field, &node.span, &message, "here", "");
    }
}

fn is_default(node: &Node) -> bool {
    match &node.value {
        Value::Null | Value::Boolean(false) => true,
        Value::List(items) => items.is_empty(),
        Value::Text(text) => text.is_empty(),
        _ => false,
    }
}
