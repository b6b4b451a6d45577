//! Response files: `@file` on a command line stands for the arguments in that file. A build writes them where a command
//! would be too long, and what is in them must be rewritten like the rest.

/// How deep response files may name others.
const DEEPEST: u32 = 8;

/// The arguments with every `@file` replaced by what is in the file; `read` gives its text. As for a native compiler, an
/// `@file` that cannot be read is an argument like others.
pub fn expand(arguments: Vec<String>, read: &dyn Fn(&str) -> Option<String>) -> Result<Vec<String>, String> {
    expand_at(arguments, read, 0)
}

fn expand_at(arguments: Vec<String>, read: &dyn Fn(&str) -> Option<String>, depth: u32) -> Result<Vec<String>, String> {
    let mut expanded = Vec::with_capacity(arguments.len());
    for argument in arguments {
        match argument.strip_prefix('@').and_then(read) {
            None => expanded.push(argument),
            Some(_) if depth == DEEPEST => {
                return Err(format!("{argument}: response files name each other more than {DEEPEST} deep"));
            }
            Some(text) => expanded.extend(expand_at(split(&text), read, depth + 1)?),
        }
    }
    Ok(expanded)
}

/// Splits at white space; quotes of both kinds hold together, a backslash takes the next character as it is. These are
/// the rules of GNU's and LLVM's programs.
fn split(text: &str) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut current: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\\', _) => current.get_or_insert_default().extend(characters.next()),
            ('\'' | '"', None) => {
                quote = Some(character);
                current.get_or_insert_default();
            }
            (_, Some(open)) if character == open => quote = None,
            (_, None) if character.is_ascii_whitespace() => arguments.extend(current.take()),
            _ => current.get_or_insert_default().push(character),
        }
    }
    arguments.extend(current);
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(line: &str, files: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let read = |name: &str| files.iter().find(|(file, _)| *file == name).map(|(_, text)| (*text).to_owned());
        expand(line.split_whitespace().map(str::to_owned).collect(), &read)
    }

    #[test]
    fn a_response_file_stands_for_its_arguments_wherever_it_stands() {
        let files = [("a.rsp", "-pthread 'b c.o'\n\"d\\\"e.o\" f\\ g.o ''"), ("b.rsp", "@a.rsp -lm")];
        assert_eq!(
            expanded("-shared @a.rsp -o x", &files).unwrap(),
            ["-shared", "-pthread", "b c.o", "d\"e.o", "f g.o", "", "-o", "x"]
        );
        assert_eq!(expanded("@b.rsp", &files).unwrap().last().unwrap(), "-lm");
    }

    #[test]
    fn a_file_that_is_not_there_is_an_argument() {
        assert_eq!(expanded("@missing a.c", &[]).unwrap(), ["@missing", "a.c"]);
    }

    #[test]
    fn files_that_name_each_other_are_an_error() {
        let error = expanded("@a.rsp", &[("a.rsp", "@a.rsp")]).unwrap_err();
        assert_eq!(error, "@a.rsp: response files name each other more than 8 deep");
    }
}
