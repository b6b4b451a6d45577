//! YAML as far as recipes use it: maps, lists and scalars, each with its place in the text.

use std::ops::Range;

use saphyr::{LoadableYamlNode as _, MarkedYaml, Marker, Scalar, YamlData};
use saphyr_parser::{Event, Parser};
use toml::Spanned;

/// No recipe nests deeper; a hostile one would exhaust the stack.
const DEEPEST: usize = 16;

/// A value and its bytes in the text.
#[derive(Debug)]
pub struct Node {
    pub span: Range<usize>,
    pub value: Value,
}

#[derive(Debug)]
pub enum Value {
    Null,
    Boolean(bool),
    /// A number: not text, since `1.10` would be 1.1.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Spanned<String>, Node)>),
}

/// What is wrong with the text, and where.
pub type YamlError = (Range<usize>, String);

/// Reads the one document of a text.
pub fn parse(text: &str) -> Result<Node, YamlError> {
    let places = Places::new(text);
    require_flat(text, &places)?;
    let documents = MarkedYaml::load_from_str(text)
        .map_err(|error| (places.range(*error.marker(), *error.marker()), error.info().to_owned()))?;
    let [document] = documents.as_slice() else {
        return Err((0..0, format!("{} YAML documents, expected one", documents.len())));
    };
    node(document, &places, text)
}

/// What comes after recurses, and so does dropping its result.
fn require_flat(text: &str, places: &Places) -> Result<(), YamlError> {
    let mut depth = 0_usize;
    for event in Parser::new_from_str(text) {
        // Reading once more tells of it.
        let Ok((event, span)) = event else { return Ok(()) };
        match event {
            Event::SequenceStart(..) | Event::MappingStart(..) => depth += 1,
            Event::SequenceEnd | Event::MappingEnd => depth -= 1,
            // A few would make as much of a little text as one likes.
            Event::Alias(_) => {
                let place = places.range(span.start, span.end);
                return Err((place, "an alias, which recipes do not use; write it out".to_owned()));
            }
            _ => {}
        }
        if depth > DEEPEST {
            let place = places.range(span.start, span.end);
            return Err((place, format!("nested deeper than {DEEPEST} levels")));
        }
    }
    Ok(())
}

fn node(yaml: &MarkedYaml<'_>, places: &Places, text: &str) -> Result<Node, YamlError> {
    let span = places.range(yaml.span.start, yaml.span.end);
    let inner = |yaml: &MarkedYaml<'_>| node(yaml, places, text);
    let value = match &yaml.data {
        YamlData::Value(scalar) => match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(value) => Value::Boolean(*value),
            Scalar::Integer(_) | Scalar::FloatingPoint(_) => {
                Value::Number(text.get(span.clone()).unwrap_or_default().trim().to_owned())
            }
            Scalar::String(value) => Value::Text(value.clone().into_owned()),
        },
        YamlData::Sequence(items) => Value::List(items.iter().map(inner).collect::<Result<_, _>>()?),
        YamlData::Mapping(entries) => {
            let mut map = Vec::new();
            for (key, value) in entries {
                let key = inner(key)?;
                let Value::Text(name) = key.value else { return Err((key.span, "a key that is no text".to_owned())) };
                map.push((Spanned::new(key.span, name), inner(value)?));
            }
            Value::Map(map)
        }
        _ => return Err((span, "a tag or another thing that recipes do not use".to_owned())),
    };
    Ok(Node { span, value })
}

impl Node {
    /// What kind of value it is, in words.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Boolean(_) => "a truth value",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// The value of a key; what is empty is as good as not there.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else { return None };
        let (_, node) = entries.iter().find(|(key, _)| key.get_ref() == name)?;
        (!matches!(node.value, Value::Null)).then_some(node)
    }

    /// The same in TOML, for what is kept and not read.
    pub fn to_toml(&self) -> toml::Value {
        match &self.value {
            Value::Null => toml::Value::String(String::new()),
            Value::Boolean(value) => toml::Value::Boolean(*value),
            Value::Number(text) | Value::Text(text) => toml::Value::String(text.clone()),
            Value::List(items) => toml::Value::Array(items.iter().map(Self::to_toml).collect()),
            Value::Map(entries) => {
                toml::Value::Table(entries.iter().map(|(key, node)| (key.get_ref().clone(), node.to_toml())).collect())
            }
        }
    }
}

/// Where in the text, in bytes, each of its characters begins: the reader counts characters.
struct Places(Vec<usize>);

impl Places {
    fn new(text: &str) -> Self {
        Self(text.char_indices().map(|(at, _)| at).chain([text.len()]).collect())
    }

    fn range(&self, start: Marker, end: Marker) -> Range<usize> {
        let at = |marker: Marker| self.0[marker.index().min(self.0.len() - 1)];
        at(start)..at(end).max(at(start))
    }
}
