//! One marker: comparisons joined by `and`, `or` and parentheses.
//!
//! What an ABI answers is the same for everyone, so comparisons are decided while they are read, and only extras stay
//! open. A test holds the meaning against a library whose trees are made for algebra, are kept in a table of the process
//! for ever, and grow exponentially with hostile markers, which an outsider may send by the thousand.

use pep440_rs::{Version, VersionSpecifier};

use crate::error::excerpt;
use crate::{Abi, ExtraName};

/// How deep parentheses may be nested.
const DEEPEST: usize = 32;

/// A marker that was read for one ABI.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Marker {
    All(Vec<Self>),
    Any(Vec<Self>),
    /// A comparison with what the ABI says.
    Decided(bool),
    /// Whether an extra is asked for, or is not; none is a text that no extra can be called.
    Extra(Option<ExtraName>, bool),
    /// A comparison that means nothing, such as one of two constants: as if it were not there.
    Meaningless,
}

impl Marker {
    /// Reads a marker; `Err` says what is wrong with it.
    pub(super) fn parse(text: &str, abi: Abi) -> Result<Self, String> {
        let mut reader = Reader { rest: text, depth: 0, abi };
        let marker = reader.any()?;
        match reader.rest {
            "" => Ok(marker),
            rest => Err(format!("found `{rest}`, expected `and`, `or` or the end")),
        }
    }

    /// Whether it holds; `None` if all of it is meaningless.
    pub(super) fn holds(&self, extra: Option<&ExtraName>) -> Option<bool> {
        let each =
            |markers: &[Self]| -> Vec<bool> { markers.iter().filter_map(|marker| marker.holds(extra)).collect() };
        match self {
            Self::All(markers) => Some(each(markers)).filter(|all| !all.is_empty()).map(|all| !all.contains(&false)),
            Self::Any(markers) => Some(each(markers)).filter(|all| !all.is_empty()).map(|all| all.contains(&true)),
            Self::Decided(holds) => Some(*holds),
            Self::Extra(name, is_asked_for) => Some((name.is_some() && name.as_ref() == extra) == *is_asked_for),
            Self::Meaningless => None,
        }
    }
}

/// One side of a comparison.
enum Side<'t> {
    Constant(&'t str),
    Text(&'static str),
    Version(&'static str),
    Extra,
}

impl<'t> Side<'t> {
    /// The side at the beginning of a text, and what follows.
    fn read(text: &'t str, abi: Abi) -> Result<(Self, &'t str), String> {
        if let Some(quote @ ('"' | '\'')) = text.chars().next() {
            let (value, rest) = text[1..].split_once(quote).ok_or_else(|| format!("{quote} without {quote}"))?;
            return Ok((Self::Constant(value), rest));
        }
        let (name, rest) = text.split_at(word_length(text));
        let facts = abi.facts();
        let side = match name {
            "python_version" => Self::Version(facts.python),
            "python_full_version" | "implementation_version" => Self::Version(facts.python_full),
            "os_name" | "os.name" => Self::Text("posix"),
            "sys_platform" | "sys.platform" => Self::Text("emscripten"),
            "platform_machine" | "platform.machine" => Self::Text("wasm32"),
            "platform_system" => Self::Text("Emscripten"),
            "platform_release" => Self::Text(facts.emscripten),
            "platform_version" | "platform.version" => Self::Text("#1"),
            "implementation_name" => Self::Text("cpython"),
            "platform_python_implementation" | "platform.python_implementation" | "python_implementation" => {
                Self::Text("CPython")
            }
            "extra" => Self::Extra,
            _ => return Err(format!("found `{}`, expected a text in quotes or the name of a marker", excerpt(text))),
        };
        Ok((side, rest))
    }
}

const OPERATORS: [&str; 9] = ["==", "!=", ">=", "<=", "~=", ">", "<", "in", "not in"];

/// The operator at the beginning of a text, and what follows.
fn read_operator(text: &str) -> Result<(&'static str, &str), String> {
    let symbols = text.bytes().take_while(|byte| b"<=>~!".contains(byte)).count();
    let (mut found, mut rest) = text.split_at(if symbols > 0 { symbols } else { word_length(text) });
    if found == "not" && rest.starts_with(char::is_whitespace) {
        (found, rest) = ("not in", rest.trim_start().strip_prefix("in").ok_or("`not` without `in`")?);
    }
    let operator = OPERATORS.into_iter().find(|operator| *operator == found);
    Ok((operator.ok_or_else(|| format!("found `{found}`, expected an operator such as `>=` or `not in`"))?, rest))
}

/// Reads a comparison, and decides it.
fn compare(text: &str, abi: Abi) -> Result<Marker, String> {
    let (left, rest) = Side::read(text.trim(), abi)?;
    let (operator, rest) = read_operator(rest.trim_start())?;
    let (right, rest) = Side::read(rest.trim_start(), abi)?;
    if !rest.trim().is_empty() {
        return Err(format!("found `{}`, expected `and`, `or` or the end", excerpt(rest.trim())));
    }
    let decided = match (left, right) {
        (Side::Version(found), Side::Constant(value)) => compares_version(found, operator, value),
        (Side::Constant(value), Side::Version(found)) if !value.contains('*') => {
            inverted(operator).and_then(|operator| compares_version(found, operator, value))
        }
        (Side::Text(left), Side::Constant(right)) | (Side::Constant(left), Side::Text(right)) => {
            compares_text(left, operator, right)
        }
        (Side::Extra, Side::Constant(name)) | (Side::Constant(name), Side::Extra)
            if matches!(operator, "==" | "!=") =>
        {
            return Ok(Marker::Extra(name.parse().ok(), operator == "=="));
        }
        _ => None,
    };
    Ok(decided.map_or(Marker::Meaningless, Marker::Decided))
}

/// The operator for the sides exchanged.
fn inverted(operator: &'static str) -> Option<&'static str> {
    Some(match operator {
        ">=" => "<=",
        "<=" => ">=",
        ">" => "<",
        "<" => ">",
        "in" | "not in" => return None,
        same => same,
    })
}

/// `None` if it means nothing.
fn compares_version(found: &str, operator: &str, value: &str) -> Option<bool> {
    let found: Version = found.parse().ok()?;
    if let "in" | "not in" = operator {
        let versions = value.split_whitespace().map(str::parse).collect::<Result<Vec<Version>, _>>().ok()?;
        return Some(versions.contains(&found) == (operator == "in"));
    }
    Some(format!("{operator}{value}").parse::<VersionSpecifier>().ok()?.contains(&found))
}

/// `None` if it means nothing.
fn compares_text(left: &str, operator: &str, right: &str) -> Option<bool> {
    Some(match operator {
        "==" => left == right,
        "!=" => left != right,
        ">=" => left >= right,
        "<=" => left <= right,
        ">" => left > right,
        "<" => left < right,
        "in" => right.contains(left),
        "not in" => !right.contains(left),
        _ => return None,
    })
}

struct Reader<'t> {
    rest: &'t str,
    depth: usize,
    abi: Abi,
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
        compare(text, self.abi)
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

    use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder, MarkerTree, VerbatimUrl};
    use proptest::prelude::*;

    use super::*;

    fn holds(text: &str, extra: Option<&str>) -> bool {
        let extra: Option<ExtraName> = extra.map(|extra| extra.parse().unwrap());
        Marker::parse(text, Abi::preferred()).unwrap().holds(extra.as_ref()).unwrap_or(true)
    }

    fn environment() -> MarkerEnvironment {
        let facts = Abi::preferred().facts();
        MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
            implementation_name: "cpython",
            implementation_version: facts.python_full,
            os_name: "posix",
            platform_machine: "wasm32",
            platform_python_implementation: "CPython",
            platform_release: facts.emscripten,
            platform_system: "Emscripten",
            platform_version: "#1",
            python_full_version: facts.python_full,
            python_version: facts.python,
            sys_platform: "emscripten",
        })
        .unwrap()
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
            let extras = if asked { vec![pep508_rs::ExtraName::from_str("test").unwrap()] } else { Vec::new() };
            let tree = MarkerTree::parse_str::<VerbatimUrl>(&text).unwrap();
            let expected = tree.evaluate(&environment(), &extras);
            prop_assert_eq!(holds(&text, asked.then_some("test")), expected, "{}", text);
        }

        #[test]
        fn never_panics(text in "[a-z_ ()'\"<>=~!.0-9é]{0,60}") {
            let _ = Marker::parse(&text, Abi::preferred());
        }
    }

    #[test]
    fn joined_without_parentheses() {
        assert!(holds("os_name == 'posix' or os_name == 'nt' and os_name == 'java'", None));
        assert!(holds("os_name=='nt'and os_name=='posix'or os_name=='posix'", None));
    }

    #[test]
    fn refuses() {
        let nested = |depth: usize| format!("{}os_name == 'posix'{}", "(".repeat(depth), ")".repeat(depth));
        assert!(Marker::parse(&nested(DEEPEST), Abi::preferred()).is_ok());
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
            assert!(Marker::parse(text, Abi::preferred()).is_err(), "{text:.40}");
        }
    }
}
