//! One marker: comparisons joined by `and`, `or` and parentheses.
//!
//! The comparisons are the marker library's. Its trees are not used: they are made for algebra, are kept in a table of
//! the process for ever, and grow exponentially with hostile markers, which an outsider may send by the thousand.

use pep508_rs::{ExtraName, ExtraOperator, MarkerEnvironment, MarkerExpression, MarkerOperator, MarkerValueExtra};

/// How deep parentheses may be nested.
const DEEPEST: usize = 32;

/// A marker that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Marker {
    All(Vec<Self>),
    Any(Vec<Self>),
    Comparison(Box<MarkerExpression>),
    /// A comparison that means nothing, such as one of two constants: as if it were not there.
    Meaningless,
}

impl Marker {
    /// Reads a marker; `Err` says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text, depth: 0 };
        let marker = reader.any()?;
        match reader.rest {
            "" => Ok(marker),
            rest => Err(format!("found `{rest}`, expected `and`, `or` or the end")),
        }
    }

    /// Whether it holds; `None` if all of it is meaningless.
    pub(super) fn holds(&self, environment: &MarkerEnvironment, extras: &[ExtraName]) -> Option<bool> {
        let each = |markers: &[Self]| -> Vec<bool> {
            markers.iter().filter_map(|marker| marker.holds(environment, extras)).collect()
        };
        match self {
            Self::All(markers) => Some(each(markers)).filter(|all| !all.is_empty()).map(|all| !all.contains(&false)),
            Self::Any(markers) => Some(each(markers)).filter(|all| !all.is_empty()).map(|all| all.contains(&true)),
            Self::Comparison(comparison) => Some(compares(comparison, environment, extras)),
            Self::Meaningless => None,
        }
    }
}

fn compares(comparison: &MarkerExpression, environment: &MarkerEnvironment, extras: &[ExtraName]) -> bool {
    match comparison {
        MarkerExpression::Version { key, specifier } => specifier.contains(environment.get_version(key)),
        MarkerExpression::VersionIn { key, versions, negated } => {
            versions.contains(environment.get_version(key)) != *negated
        }
        MarkerExpression::String { key, operator, value } => {
            compares_text(environment.get_string(key), *operator, value.as_str())
        }
        MarkerExpression::Extra { operator, name } => {
            let is_asked_for = match name {
                MarkerValueExtra::Extra(name) => extras.contains(name),
                MarkerValueExtra::Arbitrary(_) => false,
            };
            is_asked_for == (*operator == ExtraOperator::Equal)
        }
    }
}

fn compares_text(found: &str, operator: MarkerOperator, value: &str) -> bool {
    match operator {
        MarkerOperator::Equal => found == value,
        MarkerOperator::NotEqual => found != value,
        MarkerOperator::GreaterThan => found > value,
        MarkerOperator::GreaterEqual => found >= value,
        MarkerOperator::LessThan => found < value,
        MarkerOperator::LessEqual => found <= value,
        MarkerOperator::In => value.contains(found),
        MarkerOperator::NotIn => !value.contains(found),
        MarkerOperator::Contains => found.contains(value),
        MarkerOperator::NotContains => !found.contains(value),
        // The library reads it as meaningless.
        MarkerOperator::TildeEqual => false,
    }
}

struct Reader<'t> {
    rest: &'t str,
    depth: usize,
}

impl Reader<'_> {
    fn any(&mut self) -> Result<Marker, String> {
        let mut markers = vec![self.all()?];
        while self.takes_word("or") {
            markers.push(self.all()?);
        }
        Ok(Marker::Any(markers))
    }

    fn all(&mut self) -> Result<Marker, String> {
        let mut markers = vec![self.one()?];
        while self.takes_word("and") {
            markers.push(self.one()?);
        }
        Ok(Marker::All(markers))
    }

    fn one(&mut self) -> Result<Marker, String> {
        self.rest = self.rest.trim_start();
        let Some(inside) = self.rest.strip_prefix('(') else { return self.comparison() };
        self.rest = inside;
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("parentheses are nested more than {DEEPEST} deep"));
        }
        let marker = self.any()?;
        self.depth -= 1;
        self.rest = self.rest.strip_prefix(')').ok_or("`(` without `)`")?.trim_start();
        Ok(marker)
    }

    fn comparison(&mut self) -> Result<Marker, String> {
        let (text, rest) = self.rest.split_at(comparison_length(self.rest));
        self.rest = rest;
        let parsed = MarkerExpression::from_str(text.trim()).map_err(|error| error.message.to_string())?;
        Ok(parsed.map_or(Marker::Meaningless, |comparison| Marker::Comparison(Box::new(comparison))))
    }

    fn takes_word(&mut self, word: &str) -> bool {
        self.rest = self.rest.trim_start();
        if word_length(self.rest) != word.len() || !self.rest.starts_with(word) {
            return false;
        }
        self.rest = &self.rest[word.len()..];
        true
    }
}

fn word_length(text: &str) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"._".contains(byte)).count()
}

/// Up to a parenthesis, `and` or `or` that stands outside quotes.
fn comparison_length(text: &str) -> usize {
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let word = word_length(&text[at..]);
        match next {
            '(' | ')' => return at,
            quote @ ('"' | '\'') => {
                let Some(length) = text[at + 1..].find(quote) else { return text.len() };
                at += length + 2;
            }
            _ if word > 0 => {
                if ["and", "or"].contains(&&text[at..at + word]) {
                    return at;
                }
                at += word;
            }
            other => at += other.len_utf8(),
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use pep508_rs::{MarkerTree, VerbatimUrl};
    use proptest::prelude::*;

    use super::*;
    use crate::Abi;

    fn holds(text: &str, extras: &[ExtraName]) -> bool {
        let environment = super::super::environment(Abi::preferred());
        Marker::parse(text).unwrap().holds(&environment, extras).unwrap_or(true)
    }

    fn marker() -> impl Strategy<Value = String> {
        let comparison = proptest::sample::select(vec![
            "python_version >= '3.14'",
            "python_version<\"3.14\"",
            "python_version == '3.14.*'",
            "python_version in '3.13 3.14'",
            "python_version not in '3.14'",
            "python_full_version > '3.14.1'",
            "'3.14.2' == python_full_version",
            "'3.9'<=python_version",
            "python_full_version ~= '3.14.0'",
            "sys_platform == 'emscripten'",
            "sys_platform != \"win32\"",
            "'emscripten' == sys_platform",
            "sys_platform in 'linux emscripten'",
            "'script' in sys_platform",
            "'and' not in sys_platform",
            "platform_machine > 'w'",
            "os_name <= 'or (and)'",
            "extra == 'Test'",
            "extra != 'test'",
            "'docs' == extra",
            "extra == 'no name at all '",
            "os_name ~= 'posix'",
            "'a' == 'a'",
            "os_name == sys_platform",
        ]);
        let leaf = comparison.prop_map(str::to_owned);
        leaf.prop_recursive(4, 24, 4, |inner| {
            let joined = (proptest::collection::vec(inner, 1..4), any::<bool>());
            joined.prop_map(|(parts, is_and)| format!("({})", parts.join(if is_and { " and " } else { " or " })))
        })
    }

    proptest! {
        #[test]
        fn means_what_the_library_says(
            markers in proptest::collection::vec(marker(), 1..4),
            is_and in any::<bool>(),
            asked in any::<bool>(),
        ) {
            let text = markers.join(if is_and { " and " } else { " or " });
            let extras = if asked { vec![ExtraName::from_str("test").unwrap()] } else { Vec::new() };
            let tree = MarkerTree::parse_str::<VerbatimUrl>(&text).unwrap();
            let expected = tree.evaluate(&super::super::environment(Abi::preferred()), &extras);
            prop_assert_eq!(holds(&text, &extras), expected, "{}", text);
        }

        #[test]
        fn never_panics(text in "[a-z_ ()'\"<>=~!.0-9é]{0,60}") {
            let _ = Marker::parse(&text);
        }
    }

    #[test]
    fn joined_without_parentheses() {
        assert!(holds("os_name == 'posix' or os_name == 'nt' and os_name == 'java'", &[]));
        assert!(holds("os_name=='nt'and os_name=='posix'or os_name=='posix'", &[]));
    }

    #[test]
    fn refuses() {
        let nested = |depth: usize| format!("{}os_name == 'posix'{}", "(".repeat(depth), ")".repeat(depth));
        assert!(Marker::parse(&nested(DEEPEST)).is_ok());
        for text in [
            "",
            "()",
            "os_name",
            "os_name ==",
            "os_name == 'a",
            "(os_name == 'a'",
            "os_name == 'a')",
            "os_name == 'a' and",
            "and os_name == 'a'",
            "os_name == 'a' os_name == 'b'",
            "os_name == 'a' xor os_name == 'b'",
            "platform == 'a'",
            &"(".repeat(100_000),
            &nested(DEEPEST + 1),
        ] {
            assert!(Marker::parse(text).is_err(), "{text:.40}");
        }
    }
}
