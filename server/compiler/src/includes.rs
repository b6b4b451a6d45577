//! The names under which a source text asks for others.
//!
//! Whether an earlier compile's headers are still the right ones depends on files that were *not* there, too: one of the
//! same name in a directory that is searched earlier would be taken now. So an entry of the object cache knows all names
//! that its texts ask for, and where each was found.

use std::collections::BTreeSet;

/// Directives with a file's name behind them.
const DIRECTIVES: &[&str] = &["include", "include_next", "import"];

/// Adds the names; `false` where one cannot be told by the text alone: a macro stands for it, or the text takes in bytes
/// that no list of headers names.
pub fn add_names(text: &[u8], names: &mut BTreeSet<String>) -> bool {
    let text = String::from_utf8_lossy(text);
    text.lines().all(|line| directive(line, names) && conditions(line, names))
}

fn directive(line: &str, names: &mut BTreeSet<String>) -> bool {
    let mut line = line.trim_start();
    while let Some((_, behind)) = line.strip_prefix("/*").and_then(|comment| comment.split_once("*/")) {
        line = behind.trim_start();
    }
    let Some(line) = line.strip_prefix('#').or_else(|| line.strip_prefix("%:")) else { return true };
    let line = line.trim_start();
    let word = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(line, |end| &line[..end]);
    if word == "embed" {
        return false;
    }
    !DIRECTIVES.contains(&word) || add_name(&line[word.len()..], names)
}

/// `__has_include("name")` and its like, anywhere in a line.
fn conditions(line: &str, names: &mut BTreeSet<String>) -> bool {
    let mut rest = line;
    while let Some((_, behind)) = rest.split_once("__has_") {
        rest = behind;
        let Some(behind) = ["include_next", "include", "embed"].iter().find_map(|word| rest.strip_prefix(word)) else {
            continue;
        };
        // Else it is asked whether there is such a condition.
        if let Some(name) = behind.trim_start().strip_prefix('(')
            && !add_name(name, names)
        {
            return false;
        }
    }
    // Takes in a file that only the assembler sees.
    !line.contains(".incbin")
}

fn add_name(text: &str, names: &mut BTreeSet<String>) -> bool {
    let text = text.trim_start();
    let name = match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"'),
        None => text.strip_prefix('<').and_then(|angled| angled.split_once('>')),
    };
    if let Some((name, _)) = name
        && !names.contains(name)
    {
        names.insert(name.to_owned());
    }
    name.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Option<Vec<String>> {
        let mut names = BTreeSet::new();
        add_names(text.as_bytes(), &mut names).then(|| names.into_iter().collect())
    }

    #[test]
    fn every_way_to_ask_for_a_file_is_seen() {
        let cases = [
            ("#include <a.h>\n  # include_next \"b/c.h\" // why\n#import <d>", vec!["a.h", "b/c.h", "d"]),
            ("/* x */ #include \"a.h\"\n%:include <b.h>", vec!["a.h", "b.h"]),
            ("#if defined(__has_include) && __has_include (<a>) || __has_include_next(\"b\")", vec!["a", "b"]),
            ("int include; // #include <a.h>\n#define include\n#ifdef __has_include\n__has_builtin(x)", vec![]),
        ];
        for (text, expected) in cases {
            assert_eq!(names(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_the_text_does_not_tell_is_said() {
        for text in
            ["#include NAME", "#if __has_include(NAME)", "#embed <a>", "#include \"a", "asm(\".incbin \\\"a\\\"\");"]
        {
            assert_eq!(names(text), None, "{text}");
        }
    }
}
