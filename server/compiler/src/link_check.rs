//! Configure checks that ask whether a program links.
//!
//! Emscripten spends a second on such a link, nearly all of it on the JavaScript around the program, which nobody looks
//! at. Whether it links, the linker alone tells: Emscripten starts it with arguments that depend on the driver, the
//! flags and the name of the source file only. The cross environment asked for them, and for the symbols that come from
//! JavaScript. A program that nevertheless runs is linked by Emscripten when it is run first: see `run.js`.
//!
//! Of such a link three quarters are spent on reading the system libraries. So it is tried first with a list of the
//! functions that are in them; where that is not enough, as for variables, with the libraries themselves. Emscripten
//! lets the linker have more symbols from JavaScript than programs get, some of them only where a program has code for
//! these: what does not link with them either, Emscripten refuses.
//!
//! Whatever is not surely such a check, and everything between these two answers, goes to Emscripten.

use crate::cacheable::{self, Files};
use crate::rewrite::{Invocation, direct, extension};
use crate::settings::{Asked, Settings};

/// In a command: where the object goes.
pub const OBJECT: &str = "{object}";
/// In the linker's command: where the linked module goes.
const OUTPUT: &str = "{output}";

/// A check, planned.
#[derive(Debug, PartialEq, Eq)]
pub struct LinkCheck {
    /// The compile; writes [`OBJECT`].
    pub compile: Invocation,
    /// The links, of which one must go well; they read [`OBJECT`].
    pub links: Vec<Invocation>,
    /// The link without which none goes well.
    pub refusing: Option<Invocation>,
    /// The file that the build believes to be the program.
    pub program: String,
    /// The linked module, beside it.
    pub module: String,
    /// What the compile reads, where the object cache knows that.
    pub files: Option<Files>,
    /// Emscripten's command, which does all of it.
    pub emscripten: Invocation,
}

/// Flags of a compile with a value behind them.
pub const WITH_VALUE: &[&str] = &["-D", "-I", "-U", "-idirafter", "-imacros", "-include", "-iquote", "-isystem"];

/// What else a check may have for its compile; Emscripten's link is the same with them and without.
const OF_THE_COMPILE: &[&str] = &[
    "-D",
    "-I",
    "-O",
    "-U",
    "-W",
    "-ansi",
    "-f",
    "-g",
    "-idirafter",
    "-iquote",
    "-isystem",
    "-pedantic",
    "-pipe",
    "-std=",
    "-w",
];

/// `-W` flags that are not about warnings.
const NO_WARNINGS: &[&str] = &["-Wa,", "-Wl,", "-Wp,"];

/// Libraries that are part of the C library, which programs are always linked with, and which the runtime has.
pub const IN_THE_C_LIBRARY: &[&str] = &["-ldl", "-lm", "-lrt"];

/// Plans a check; `None` where the command is none, or none that is known to be answered alike. `own` is all before the
/// ABI's flags, `clang` how Emscripten starts that for them, `emscripten` what is done otherwise.
pub fn plan(
    cxx: bool,
    own: &[String],
    clang: &[String],
    emscripten: &Invocation,
    settings: &Settings,
) -> Option<LinkCheck> {
    let parts = parts(own)?;
    if !settings.link_flags.iter().all(|flag| flag.starts_with("-L")) {
        return None;
    }
    let asked_with = format!("{} {}", if cxx { "em++" } else { "emcc" }, check_name(&parts.source)?);
    let module = format!("{}.wasm", module_stem(&parts.output)?);
    let linked_by = |asked: &[Asked]| -> Vec<Invocation> {
        let placed = |part: &String| if part == OUTPUT { module.clone() } else { part.clone() };
        let commands = asked.iter().filter(|asked| asked.with == asked_with).map(|asked| &asked.command);
        commands
            .map(|command| Invocation {
                program: command[0].clone(),
                arguments: command[1..].iter().map(placed).collect(),
            })
            .collect()
    };
    let links = linked_by(&settings.linker);
    if links.is_empty() {
        return None;
    }
    let mut compile = parts.compile;
    compile.extend(["-c".to_owned(), parts.source, "-o".to_owned(), OBJECT.to_owned()]);
    Some(LinkCheck {
        files: settings.objects.as_ref().and_then(|_| cacheable::files(&compile)),
        compile: direct(clang, &compile, settings),
        links,
        refusing: linked_by(&settings.refusing_linker).pop(),
        module,
        program: parts.output,
        emscripten: emscripten.clone(),
    })
}

struct Parts {
    compile: Vec<String>,
    source: String,
    output: String,
}

/// One source, one output, and nothing that a link could depend on.
fn parts(own: &[String]) -> Option<Parts> {
    let (mut compile, mut source, mut output) = (Vec::new(), None, None);
    let mut arguments = own.iter();
    while let Some(argument) = arguments.next() {
        if argument == "-o" {
            output = Some(arguments.next()?.clone());
        } else if argument == "-L" {
            arguments.next()?;
        } else if WITH_VALUE.contains(&argument.as_str()) {
            compile.extend([argument.clone(), arguments.next()?.clone()]);
        } else if !argument.starts_with('-') {
            if source.replace(argument.clone()).is_some() {
                return None;
            }
        } else if is_of_the_compile(argument) {
            compile.push(argument.clone());
        } else if !argument.starts_with("-L") && !IN_THE_C_LIBRARY.contains(&argument.as_str()) {
            return None;
        }
    }
    Some(Parts { compile, source: source?, output: output? })
}

/// Whether a flag, of those that clang takes as they are, is nothing to a link.
pub fn is_of_the_compile(flag: &str) -> bool {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| flag.starts_with(prefix));
    begins(OF_THE_COMPILE) && !begins(NO_WARNINGS)
}

/// What kind of check a source file is, by the name that meson or autoconf gives it; Emscripten itself treats autoconf's
/// otherwise than others.
fn check_name(source: &str) -> Option<&'static str> {
    let (directory, name) = source.rsplit_once('/').unwrap_or(("", source));
    match (name, directory) {
        ("conftest.c" | "conftest.cpp", "") => Some("conftest"),
        ("testfile.c" | "testfile.cpp", _) if directory.contains("/meson-private/") => Some("testfile"),
        _ => None,
    }
}

/// Whether a source file is a configure check's.
pub fn is_check(source: &str) -> bool {
    check_name(source).is_some()
}

/// Emscripten puts the module beside its JavaScript.
fn module_stem(program: &str) -> Option<&str> {
    let name = program.rsplit('/').next().unwrap_or(program);
    match extension(name) {
        "js" => program.strip_suffix(".js"),
        "" if !name.contains('.') => Some(program),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::{Outcome, Tool, rewrite};

    fn settings() -> Settings {
        let linker = "wasm-ld\t-o\t{output}\t{object}\t-lc";
        Settings::parse(&format!(
            "emscripten /usr/bin\nclang \tclang\t-target\nclang++ \tclang++\t-target\nlinker emcc testfile\twasm-ld\t-quick\t{{object}}\n\
             linker emcc testfile\t{linker}\n\
             linker em++ testfile\t{linker}\nlinker emcc conftest\t{linker}\t-x\n\
             refusing-linker emcc conftest\t{linker}\t-y\ndefault-flag -O2\nabi-flag -fPIC\n\
             abi-flag -sSUPPORT_LONGJMP=wasm\nprogram-flag -O1\nlink-flag -L/host/lib\n"
        ))
        .unwrap()
    }

    fn outcome(line: &str, settings: &Settings) -> Outcome {
        rewrite(Tool::Cc, line.split_whitespace().map(str::to_owned).collect(), settings).unwrap()
    }

    fn shown(invocation: &Invocation) -> String {
        format!("{} {}", invocation.program, invocation.arguments.join(" "))
    }

    #[test]
    fn mesons_and_autoconfs_checks_are_answered_by_compiler_and_linker() {
        let cases = [
            (
                "/b/meson-private/tmp1/testfile.c -o /b/meson-private/tmp1/output.js -O0 -Werror -lm -D X",
                "clang -target -O2 -O0 -Werror -D X -c /b/meson-private/tmp1/testfile.c -o {object} -fPIC",
                &["wasm-ld -quick {object}", "wasm-ld -o /b/meson-private/tmp1/output.wasm {object} -lc"][..],
                None,
                "/usr/bin/emcc -O2 /b/meson-private/tmp1/testfile.c -o /b/meson-private/tmp1/output.js -O0 -Werror -lm \
                 -D X -fPIC -sSUPPORT_LONGJMP=wasm -L/host/lib -O1",
            ),
            (
                "-o conftest -g conftest.c -L /x -ldl",
                "clang -target -O2 -g -c conftest.c -o {object} -fPIC",
                &["wasm-ld -o conftest.wasm {object} -lc -x"],
                Some("wasm-ld -o conftest.wasm {object} -lc -y"),
                "/usr/bin/emcc -O2 -o conftest -g conftest.c -L /x -ldl -fPIC -sSUPPORT_LONGJMP=wasm -L/host/lib -O1",
            ),
        ];
        for (line, compile, links, refusing, emscripten) in cases {
            let Outcome::Check(check) = outcome(line, &settings()) else { panic!("no check: {line}") };
            assert_eq!(shown(&check.compile), compile);
            assert_eq!(check.links.iter().map(shown).collect::<Vec<_>>(), links);
            assert_eq!(check.refusing.as_ref().map(shown).as_deref(), refusing);
            assert_eq!(shown(&check.emscripten), emscripten);
        }
    }

    #[test]
    fn what_may_link_otherwise_goes_to_emscripten() {
        let check = "/b/meson-private/t/testfile.c -o /b/meson-private/t/output.js";
        let cases = [
            "program.c -o program.js".to_owned(),
            "dir/conftest.c -o conftest".to_owned(),
            "conftest.cpp -o conftest".to_owned(), // em++ was not asked
            "conftest.c".to_owned(),
            "conftest.c -o conftest.exe".to_owned(),
            format!("{check} -lz"),
            format!("{check} b.o"),
            format!("{check} -Wl,--gc-sections"),
            format!("{check} -sUSE_ZLIB"),
            format!("{check} -fsanitize=undefined"),
            format!("{check} -nostdlib"),
            format!("{check} -static"),
            format!("{check} -u main"),
        ];
        for line in cases {
            assert!(matches!(outcome(&line, &settings()), Outcome::Run(_)), "{line}");
        }
        let mut with_library = settings();
        with_library.link_flags.push("-lyaml".to_owned());
        assert!(matches!(outcome(check, &with_library), Outcome::Run(_)));
    }
}
