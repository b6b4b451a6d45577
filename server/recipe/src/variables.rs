//! `$(NAME)` in flags and variables. Pure: who builds knows the values.

/// The text with every `$(NAME)` replaced by what `value` says; `Err` is the name that has none. A shell's `$(command)`
/// is no name, and stays.
pub fn expand(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("$(") {
        expanded.push_str(before);
        if let Some((name, after)) = after.split_once(')').filter(|(name, _)| is_name(name)) {
            expanded.push_str(&value(name).ok_or_else(|| name.to_owned())?);
            rest = after;
        } else {
            expanded.push_str("$(");
            rest = after;
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// The names that [`expand`] would ask for, in order.
pub fn names(text: &str) -> Vec<&str> {
    let after = text.split("$(").skip(1);
    after.filter_map(|after| after.split_once(')')).map(|(name, _)| name).filter(|name| is_name(name)).collect()
}

/// Whether it can be the name of an environment variable.
pub fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        && text.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_and_commands_stay() {
        let value = |name: &str| (name == "PREFIX").then(|| "/p".to_owned());
        for (text, expected) in [
            ("-I$(PREFIX)/include -L$(PREFIX)", Ok("-I/p/include -L/p".to_owned())),
            ("$(pwd -P) $( $ORIGIN $(PREFIX", Ok("$(pwd -P) $( $ORIGIN $(PREFIX".to_owned())),
            ("$(OTHER)", Err("OTHER".to_owned())),
        ] {
            assert_eq!(expand(text, value), expected, "{text}");
        }
        assert_eq!(names("$(A) $(b c) $(D)$(E"), ["A", "D"]);
    }
}
