//! Which compiles and links the object cache knows to answer, by their arguments. Pure: reads no file.
//!
//! A command is cached only where every argument is one of the tables': one that is not there might name a file that is
//! read or written without the cache knowing.

use crate::flags::Pattern::{self, Exact, Prefix};
use crate::link_check::is_check;
use crate::rewrite::extension;

/// What the arguments of a compile tell of what it reads and writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// The one source file.
    pub source: String,
    /// Where the object goes; `None` for a preprocessed text on standard output, and where only the syntax is looked at.
    pub output: Option<String>,
    /// The file with the headers' names that a build has the compiler write.
    pub dependencies: Option<String>,
    /// Directories that are searched for headers, beside the compiler's own.
    pub directories: Vec<String>,
    /// Headers that are named on the command line.
    pub included: Vec<String>,
}

/// What an argument means for the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Decides the object by itself.
    Plain,
    /// The same, with a value behind it.
    WithValue,
    /// A directory that is searched, joined or behind it.
    Directory,
    /// A header that is read first.
    Header,
    /// The output.
    Output,
    /// The dependency file is written.
    WritesDependencies,
    /// Its name.
    Dependencies,
    /// Compiles.
    Step,
    /// Compiles as well, and leaves no file: cached for configure checks only.
    CheckStep,
    /// Reads or writes other files.
    NotCached,
}

use Role::{CheckStep, Dependencies, Directory, Header, NotCached, Output, Plain, Step, WithValue, WritesDependencies};

/// The first that matches counts; what matches none is not cached.
const ROLES: &[(Pattern, Role)] = &[
    (Prefix("--param="), Plain),
    (Exact("--param"), WithValue),
    (Prefix("--std="), Plain),
    (Exact("-D"), WithValue),
    (Prefix("-D"), Plain),
    (Exact("-E"), CheckStep),
    (Exact("-I"), Directory),
    (Prefix("-I"), Directory),
    (Prefix("-L"), Plain), // a search path of links
    (Exact("-MD"), WritesDependencies),
    (Exact("-MF"), Dependencies),
    (Exact("-MMD"), WritesDependencies),
    (Exact("-MP"), Plain),
    (Exact("-MQ"), WithValue),
    (Exact("-MT"), WithValue),
    (Prefix("-O"), Plain),
    (Exact("-P"), Plain),
    (Exact("-U"), WithValue),
    (Prefix("-U"), Plain),
    (Prefix("-Wa,"), NotCached),
    (Prefix("-Wl,"), NotCached),
    (Prefix("-Wp,"), NotCached),
    (Prefix("-W"), Plain),
    (Exact("-ansi"), Plain),
    (Exact("-c"), Step),
    (Prefix("-fauto-profile"), NotCached),
    (Prefix("-fbuild"), NotCached),
    (Prefix("-fcoverage"), NotCached),
    (Prefix("-fcs-profile"), NotCached),
    (Prefix("-fdump"), NotCached),
    (Prefix("-fembed"), NotCached),
    (Prefix("-fimplicit-module"), NotCached),
    (Prefix("-fmemory-profile"), NotCached),
    (Prefix("-fmodule"), NotCached),
    (Prefix("-fopt-record"), NotCached),
    (Prefix("-foptimization-record"), NotCached),
    (Prefix("-fpass-plugin"), NotCached),
    (Prefix("-fpch"), NotCached),
    (Prefix("-fplugin"), NotCached),
    (Prefix("-fprebuilt"), NotCached),
    (Prefix("-fproc-stat"), NotCached),
    (Prefix("-fprofile"), NotCached),
    (Prefix("-frandomize-layout-seed-file"), NotCached),
    (Prefix("-fsanitize"), NotCached),
    (Prefix("-fsave"), NotCached),
    (Prefix("-fstack-usage"), NotCached),
    (Exact("-fsyntax-only"), CheckStep),
    (Prefix("-ftest"), NotCached),
    (Prefix("-fthin"), NotCached),
    (Prefix("-ftime"), NotCached),
    (Prefix("-fxray"), NotCached),
    (Prefix("-f"), Plain),
    (Prefix("-gmodules"), NotCached),
    (Prefix("-gseparate"), NotCached),
    (Prefix("-gsource"), NotCached),
    (Prefix("-gsplit"), NotCached),
    (Prefix("-g"), Plain),
    (Exact("-idirafter"), Directory),
    (Prefix("-idirafter"), Directory),
    (Exact("-imacros"), Header),
    (Exact("-include"), Header),
    (Exact("-iquote"), Directory),
    (Prefix("-iquote"), Directory),
    (Exact("-isystem"), Directory),
    (Prefix("-isystem"), Directory),
    (Prefix("-l"), Plain),
    (Prefix("-m"), Plain),
    (Prefix("-nostdinc"), Plain),
    (Exact("-o"), Output),
    (Exact("-pedantic"), Plain),
    (Exact("-pedantic-errors"), Plain),
    (Exact("-pipe"), Plain),
    (Prefix("-std="), Plain),
    (Exact("-w"), Plain),
    (Exact("-x"), WithValue),
];

/// What the arguments of a link tell of what it reads and writes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LinkFiles {
    /// Objects and libraries that are named by their path.
    pub inputs: Vec<String>,
    /// The side module.
    pub output: String,
    /// Directories that are searched for the other libraries.
    pub directories: Vec<String>,
}

/// Arguments of links, that count before [`ROLES`].
const LINK_ROLES: &[(Pattern, Role)] = &[
    (Exact("-L"), Directory),
    (Prefix("-L"), Directory),
    (Prefix("-Wl,--allow-"), Plain),
    (Exact("-Wl,--end-group"), Plain),
    (Exact("-Wl,--gc-sections"), Plain),
    (Exact("-Wl,--no-undefined"), Plain),
    (Exact("-Wl,--no-whole-archive"), Plain),
    (Exact("-Wl,--start-group"), Plain),
    (Exact("-Wl,--whole-archive"), Plain),
    (Prefix("-Wl,-O"), Plain),
    (Exact("-shared"), Plain),
    (Prefix("-save"), NotCached),
    (Exact("-s"), NotCached),
    (Prefix("-s"), Plain), // Emscripten's settings
];

/// What a link of a side module reads and writes; `None` where it is not cached.
pub fn link_files(all: &[String]) -> Option<LinkFiles> {
    let mut files = LinkFiles::default();
    let mut arguments = all.iter();
    while let Some(argument) = arguments.next() {
        if !argument.starts_with('-') {
            // A source would bring headers.
            let is_linked = ["a", "o", "so"].contains(&extension(argument));
            files.inputs.push(is_linked.then(|| argument.clone())?);
            continue;
        }
        let (pattern, role) = LINK_ROLES.iter().chain(ROLES).find(|(pattern, _)| pattern.matches(argument))?;
        let mut value = || pattern.value(argument, &mut arguments);
        match role {
            // A setting's value may be a file's name.
            Plain if argument.contains('@') => return None,
            Plain => {}
            Directory if argument.starts_with("-L") => files.directories.push(value()?),
            WithValue | Directory => drop(value()?),
            Output => files.output = value()?,
            Header | WritesDependencies | Dependencies | Step | CheckStep | NotCached => return None,
        }
    }
    (!files.output.is_empty() && !files.inputs.is_empty()).then_some(files)
}

/// What a compile with these arguments reads and writes; `None` where it is not cached. `own` is all but what is the same
/// for every compile.
pub fn files(own: &[String]) -> Option<Files> {
    let mut files = Files::default();
    let (mut steps, mut check_steps, mut writes_dependencies) = (0, 0, false);
    let mut arguments = own.iter();
    while let Some(argument) = arguments.next() {
        if !argument.starts_with('-') {
            if !files.source.is_empty() {
                return None;
            }
            files.source.clone_from(argument);
            continue;
        }
        let (pattern, role) = ROLES.iter().find(|(pattern, _)| pattern.matches(argument))?;
        let mut value = || pattern.value(argument, &mut arguments);
        match role {
            NotCached => return None,
            Plain => {}
            WithValue => drop(value()?),
            Directory => files.directories.push(value()?),
            Header => files.included.push(value()?),
            Output => files.output = Some(value()?),
            Dependencies => files.dependencies = Some(value()?),
            WritesDependencies => writes_dependencies = true,
            Step => steps += 1,
            CheckStep => check_steps += 1,
        }
    }
    // Their names would have to be guessed, or more than one file is written.
    if writes_dependencies != files.dependencies.is_some() || files.source.is_empty() {
        return None;
    }
    let is_check = is_check(&files.source);
    let is_known = match (steps, check_steps) {
        (1, 0) => files.output.is_some(),
        (_, 1) => is_check && files.dependencies.is_none(),
        _ => false,
    };
    // A precompiled header holds the times of the headers, which are others in the next build.
    let is_header = |path: &str| matches!(path.rsplit('.').next(), Some("h" | "hh" | "hpp" | "hxx"));
    if is_header(&files.source) || own.iter().any(|argument| argument.ends_with("-header")) {
        return None;
    }
    // These are names of no file, or of files in directories whose random names never come again.
    let is_odd = |path: &str| path == "-" || path.starts_with("/dev/") || path.contains("/CMakeScratch/");
    let is_odd = is_odd(&files.source) || files.output.as_deref().is_some_and(is_odd);
    (is_known && !is_odd).then_some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<Files> {
        files(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_compile_tells_what_it_reads_and_writes() {
        let found =
            of("-O2 -Ia -I b -isystem c -iquoted -D X -DY=1 -include d.h -std=c99 -MD -MQ a.o -MF a.d -c a.c -o a.o");
        let text = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            found,
            Some(Files {
                source: "a.c".to_owned(),
                output: Some("a.o".to_owned()),
                dependencies: Some("a.d".to_owned()),
                directories: text(&["a", "b", "c", "d"]),
                included: text(&["d.h"]),
            })
        );
    }

    #[test]
    fn what_reads_or_writes_more_is_not_cached() {
        for line in [
            "-c a.c",
            "-c a.c b.c -o a.o",
            "-S a.c -o a.s",
            "-E a.c",
            "-M a.c -o a.d",
            "-c -x c - -o a.o",
            "-c a.c -o -",
            "-c a.c -o /dev/null",
            "-c a.c -MD -o a.o",
            "-c a.c -MF a.d -o a.o",
            "-c a.c -o a.o -save-temps",
            "-c a.c -o a.o --coverage",
            "-c a.c -o a.o -fprofile-use=a",
            "-c a.c -o a.o -gsplit-dwarf",
            "-c a.c -o a.o -include-pch a.pch",
            "-c a.c -o a.o -Xclang -load",
            "-c a.c -o a.o -Wp,-MD,a.d",
            "-c a.c -o a.o -v",
            "-c a.c -o a.o -fstack-usage",
            "-c a.c -o a.o -gseparate-dwarf",
            "-c a.hpp -o a.pch",
            "-x c++-header -c a.txt -o a.pch",
            "-c /build/x/CMakeFiles/CMakeScratch/TryCompile-a/a.c -o a.o",
            "-c a.c -o",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }

    #[test]
    fn a_link_tells_what_it_reads_and_writes() {
        let of = |line: &str| link_files(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let found =
            of("-O2 -shared -Wl,--start-group a.o lib/b.a -lm -L/x -sSIDE_MODULE=2 -Iinclude -o m.cpython.so").unwrap();
        assert_eq!(found.inputs, ["a.o", "lib/b.a"]);
        assert_eq!(found.output, "m.cpython.so");
        assert_eq!(found.directories, ["/x"]);
        for line in [
            "-shared a.c -o a.so",
            "-shared a.o",
            "-shared -o a.so",
            "-shared a.o -o a.so -Wl,-Map=a.map",
            "-shared a.o -o a.so -sEXPORTED_FUNCTIONS=@names",
            "-shared a.o -o a.so --js-library a.js",
            "-shared a.o -o a.so -s STRICT",
            "-shared a.o -o a.so -save-temps",
        ] {
            let is_cached = of(line).is_some();
            assert!(!is_cached, "{line}");
        }
    }

    #[test]
    fn a_configure_check_may_leave_no_file() {
        for line in ["-E -P conftest.c", "-fsyntax-only /b/meson-private/t/testfile.c", "-c -E conftest.c"] {
            assert!(of(line).is_some_and(|files| files.output.is_none()), "{line}");
        }
    }
}
