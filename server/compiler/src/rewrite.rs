//! From the arguments of a native tool to the command that does the same for the target. Pure: reads no file.

use crate::flags::{self, Meaning};
use crate::settings::{Exports, Settings};

/// The native tool that the build believes it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    Cc,
    Cxx,
    Ar,
    Ranlib,
    Nm,
    Strip,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Print this line and succeed.
    Answer(String),
    /// Succeed without doing anything.
    Nothing,
    /// Fail, so that the caller learns that the feature is missing.
    Refuse(String),
    /// Become this program.
    Run { program: String, arguments: Vec<String> },
}

/// What a compiler command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Asks the compiler about itself, or does nothing with any input.
    Query,
    /// Makes an object, assembly or preprocessed text.
    Compile,
    /// Links an extension module or a shared library.
    LinkSideModule,
    /// Links a program: a configure check, since nothing else of a package is a program here.
    LinkProgram,
}

impl Tool {
    /// The tool that a program name stands for; directories are ignored.
    pub fn from_program_name(path: &str) -> Result<Self, String> {
        let name = path.rsplit('/').next().unwrap_or(path);
        match name {
            "cc" | "gcc" | "clang" | "ld" | "lld" => Ok(Self::Cc),
            "c++" | "g++" | "clang++" => Ok(Self::Cxx),
            "ar" | "gcc-ar" | "llvm-ar" => Ok(Self::Ar),
            "ranlib" | "gcc-ranlib" | "llvm-ranlib" => Ok(Self::Ranlib),
            "nm" | "gcc-nm" | "llvm-nm" => Ok(Self::Nm),
            "strip" | "llvm-strip" => Ok(Self::Strip),
            _ => Err(format!("called as {name:?}; expected one of cc, c++, gcc, g++, ld, ar, ranlib, nm, strip")),
        }
    }
}

/// Rewrites one command.
pub fn rewrite(tool: Tool, arguments: Vec<String>, settings: &Settings) -> Result<Outcome, String> {
    let run = |name: &str, arguments| Outcome::Run { program: format!("{}/{name}", settings.emscripten), arguments };
    match tool {
        Tool::Ar => Ok(run("emar", arguments)),
        Tool::Ranlib => Ok(run("emranlib", arguments)),
        Tool::Nm => Ok(run("emnm", arguments)),
        // Objects come without debug information already, and linked modules must keep their custom sections.
        Tool::Strip => Ok(Outcome::Nothing),
        Tool::Cc | Tool::Cxx => driver(tool, arguments, settings),
    }
}

fn driver(tool: Tool, arguments: Vec<String>, settings: &Settings) -> Result<Outcome, String> {
    if arguments.iter().any(|a| a == "-print-multiarch" || a == "--print-multiarch") {
        return Ok(Outcome::Answer("wasm32-emscripten".to_owned()));
    }
    let step = step(&arguments);
    let cxx = tool == Tool::Cxx || arguments.iter().any(|a| is_cxx_source(a));
    let program = format!("{}/{}", settings.emscripten, if cxx { "em++" } else { "emcc" });
    if step == Step::Query {
        return Ok(Outcome::Run { program, arguments });
    }
    let output = output(&arguments).map(str::to_owned);
    let kept = match keep(arguments, settings) {
        Ok(kept) => kept,
        Err(reason) => return Ok(Outcome::Refuse(reason)),
    };
    let clang = if cxx { &settings.clang_cxx } else { &settings.clang };
    let direct = step == Step::Compile && !clang.is_empty() && kept.iter().all(|argument| is_for_clang(argument));
    let mut out = settings.default_flags.clone();
    if cxx {
        out.extend_from_slice(&settings.default_cxx_flags);
    }
    out.extend(kept);
    if direct {
        return Ok(run_clang(clang, out, settings));
    }
    out.extend_from_slice(&settings.abi_flags);
    match step {
        Step::Query | Step::Compile => {}
        Step::LinkSideModule => {
            out.extend_from_slice(&settings.link_flags);
            out.extend_from_slice(&settings.side_module_flags);
            out.extend(export_flags(&settings.exports, output.as_deref())?);
        }
        Step::LinkProgram => {
            out.extend_from_slice(&settings.link_flags);
            // Cheap to link, and always the one set of system libraries that the toolchain made when it was installed.
            out.extend(["-O1", "-sASSERTIONS=0"].map(str::to_owned));
        }
    }
    Ok(Outcome::Run { program, arguments: out })
}

/// Whether Emscripten would hand the argument on as it is. Assembly it treats otherwise than C.
fn is_for_clang(argument: &str) -> bool {
    !flags::is_emscriptens_own(argument) && !["s", "S"].contains(&extension(argument))
}

/// The compile that Emscripten would start, without starting it: a fifth of the time for a small file.
fn run_clang(clang: &[String], own: Vec<String>, settings: &Settings) -> Outcome {
    // Emscripten's settings are in what it told us of clang already.
    let abi_flags = settings.abi_flags.iter().filter(|flag| !flags::is_emscriptens_own(flag)).cloned();
    let arguments = clang[1..].iter().cloned().chain(own).chain(abi_flags).collect();
    Outcome::Run { program: clang[0].clone(), arguments }
}

fn step(arguments: &[String]) -> Step {
    let has = |wanted: &[&str]| arguments.iter().any(|a| wanted.contains(&a.as_str()));
    if has(&["--version", "-dumpversion", "-dumpmachine", "-###"]) || arguments == ["-v"] || arguments.is_empty() {
        return Step::Query;
    }
    if has(&["-c", "-S", "-E", "-M", "-MM", "-fsyntax-only"]) {
        return Step::Compile;
    }
    let prints = |a: &String| a.starts_with("-print-") || a.starts_with("--print-");
    if arguments.iter().any(prints) || has(&["-Wl,--version", "-Wl,-v"]) {
        return Step::Query;
    }
    let shared = has(&["-shared", "-dynamiclib", "-bundle"]);
    if shared || output(arguments).is_some_and(is_shared_library) { Step::LinkSideModule } else { Step::LinkProgram }
}

fn output(arguments: &[String]) -> Option<&str> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == "-o" {
            return arguments.next().map(String::as_str);
        }
    }
    None
}

fn is_shared_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split('.').skip(1).any(|part| part == "so")
}

fn is_cxx_source(argument: &str) -> bool {
    !argument.starts_with('-') && ["C", "cc", "cpp", "cxx", "c++"].contains(&extension(argument))
}

fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// Flags with a directory of headers behind them, joined or as the next argument.
const INCLUDE_FLAGS: &[&str] = &["-I", "-idirafter", "-iquote", "-isystem"];

/// The arguments that stay, rewritten one by one; `Err` carries the reason of a refusal.
fn keep(arguments: Vec<String>, settings: &Settings) -> Result<Vec<String>, String> {
    let mut kept = Vec::with_capacity(arguments.len() + 16);
    let mut libraries = Vec::new();
    let mut linker = LinkerArguments::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if INCLUDE_FLAGS.contains(&argument.as_str()) {
            kept.extend(arguments.next().and_then(|path| include(&argument, &path, settings)).into_iter().flatten());
            continue;
        }
        if let Some((flag, path)) = joined_include(&argument) {
            kept.extend(include(flag, path, settings).map(|parts| parts.concat()));
            continue;
        }
        match flags::driver(&argument) {
            Some(Meaning::Drop) => {}
            Some(Meaning::DropWithValue) => drop(arguments.next()),
            Some(Meaning::Refuse(reason)) => return Err(format!("{argument}: {reason}")),
            None if argument.starts_with("-Wl,") => kept.extend(linker.keep(&argument)?),
            None if argument.starts_with("-l") => {
                // wasm-ld takes a library once; native builds name one again to resolve cycles.
                if !libraries.contains(&argument) {
                    libraries.push(argument.clone());
                    kept.push(argument);
                }
            }
            None => kept.push(argument),
        }
    }
    Ok(kept)
}

fn joined_include(argument: &str) -> Option<(&str, &str)> {
    INCLUDE_FLAGS.iter().find_map(|flag| Some((*flag, argument.strip_prefix(flag)?)))
}

/// Flag and directory, the build Python's headers replaced by the target's; `None` for other headers of the build
/// machine.
fn include(flag: &str, path: &str, settings: &Settings) -> Option<[String; 2]> {
    let build_python = settings.build_python_include.as_str();
    let below = path.strip_prefix(build_python).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    match below.filter(|_| !build_python.is_empty()) {
        Some(rest) => Some([flag.to_owned(), format!("{}{rest}", settings.target_python_include)]),
        None if path == "/usr" || path.starts_with("/usr/") => None,
        None => Some([flag.to_owned(), path.to_owned()]),
    }
}

/// The arguments behind `-Wl,`; libtool splits a flag and its value into two of them.
#[derive(Default)]
struct LinkerArguments {
    value_is_dropped: bool,
}

impl LinkerArguments {
    fn keep(&mut self, argument: &str) -> Result<Option<String>, String> {
        let mut kept = Vec::new();
        for part in argument.split(',').skip(1) {
            if std::mem::take(&mut self.value_is_dropped) {
                continue;
            }
            match flags::linker(part) {
                Some(Meaning::Drop) => {}
                Some(Meaning::DropWithValue) => self.value_is_dropped = true,
                Some(Meaning::Refuse(reason)) => return Err(format!("{part}: {reason}")),
                None => kept.push(part),
            }
        }
        Ok((!kept.is_empty()).then(|| format!("-Wl,{}", kept.join(","))))
    }
}

fn export_flags(exports: &Exports, output: Option<&str>) -> Result<Vec<String>, String> {
    let symbols = match exports {
        Exports::WholeArchive => return Ok(vec!["-sSIDE_MODULE=1".to_owned()]),
        Exports::Named(symbols) => symbols.iter().map(|symbol| format!("_{symbol}")).collect::<Vec<_>>().join(","),
        Exports::PyInit => {
            let path = output.ok_or("linking a side module without -o: its PyInit function has no name")?;
            format!("_PyInit_{}", module_name(path))
        }
    };
    Ok(vec!["-sSIDE_MODULE=2".to_owned(), format!("-sEXPORTED_FUNCTIONS={symbols}")])
}

/// `build/lib/_yaml.cpython-314-wasm32-emscripten.so` is the module `_yaml`.
fn module_name(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::parse(
            "emscripten /usr/bin\ndefault-flag -O2\ndefault-flag -I/pkgsrv/include\nabi-flag -fPIC\n\
             side-module-flag -sWASM_BIGINT\nlink-flag -L/host/lib\nbuild-python-include /usr/include/python3.14\n\
             target-python-include /pkgsrv/include/python3.14\n",
        )
        .unwrap()
    }

    fn shown(tool: Tool, line: &str) -> String {
        shown_with(tool, line, &settings())
    }

    fn shown_with(tool: Tool, line: &str, settings: &Settings) -> String {
        let arguments = line.split_whitespace().map(str::to_owned).collect();
        match rewrite(tool, arguments, settings).unwrap() {
            Outcome::Run { program, arguments } => format!("{program} {}", arguments.join(" ")),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn commands_become_those_of_the_target() {
        let cases = [
            (
                Tool::Cc,
                "-c a.c -o a.o -pthread -I/usr/include/python3.14 -O3",
                "/usr/bin/emcc -O2 -I/pkgsrv/include -c a.c -o a.o -I/pkgsrv/include/python3.14 -O3 -fPIC",
            ),
            (
                Tool::Cc,
                "-shared a.o -lm -lm -Wl,--as-needed,-z,relro -Wl,--start-group -o b/_x.cpython-314-wasm32-emscripten.so",
                "/usr/bin/emcc -O2 -I/pkgsrv/include -shared a.o -lm -Wl,--start-group -o \
                 b/_x.cpython-314-wasm32-emscripten.so -fPIC -L/host/lib -sWASM_BIGINT -sSIDE_MODULE=2 \
                 -sEXPORTED_FUNCTIONS=_PyInit__x",
            ),
            (
                Tool::Cc,
                "check.cpp -o check",
                "/usr/bin/em++ -O2 -I/pkgsrv/include check.cpp -o check -fPIC -L/host/lib -O1 -sASSERTIONS=0",
            ),
            (Tool::Cxx, "--version", "/usr/bin/em++ --version"),
            (Tool::Cc, "-print-multiarch", "Answer(\"wasm32-emscripten\")"),
            (Tool::Cc, "-fopenmp -c a.c", "Refuse(\"-fopenmp: there is no OpenMP for this target\")"),
            (Tool::Ar, "rcs lib.a a.o", "/usr/bin/emar rcs lib.a a.o"),
            (Tool::Strip, "a.so", "Nothing"),
        ];
        for (tool, line, expected) in cases {
            assert_eq!(shown(tool, line), expected, "{tool:?} {line}");
        }
    }

    #[test]
    fn clang_compiles_where_emscripten_would_only_hand_on() {
        let mut settings = settings();
        settings.clang = ["/usr/bin/clang", "-target", "wasm32"].map(str::to_owned).to_vec();
        settings.abi_flags = ["-fPIC", "-sSUPPORT_LONGJMP=wasm"].map(str::to_owned).to_vec();
        let cases = [
            (
                "-std=c99 -c a.c -o a.o",
                "/usr/bin/clang -target wasm32 -O2 -I/pkgsrv/include -std=c99 -c a.c -o a.o -fPIC",
            ),
            ("-c a.c -msse2", "/usr/bin/emcc -O2 -I/pkgsrv/include -c a.c -msse2 -fPIC -sSUPPORT_LONGJMP=wasm"),
            ("-c a.S", "/usr/bin/emcc -O2 -I/pkgsrv/include -c a.S -fPIC -sSUPPORT_LONGJMP=wasm"),
            ("-c a.cpp", "/usr/bin/em++ -O2 -I/pkgsrv/include -c a.cpp -fPIC -sSUPPORT_LONGJMP=wasm"),
            ("--version", "/usr/bin/emcc --version"),
        ];
        for (line, expected) in cases {
            assert_eq!(shown_with(Tool::Cc, line, &settings), expected, "{line}");
        }
    }

    #[test]
    fn headers_of_the_build_machine_are_left_out_but_not_a_directory_that_only_begins_alike() {
        assert_eq!(
            shown(Tool::Cc, "-c a.c -I/usr/include/x -I/usr/include/python3.14/internal"),
            "/usr/bin/emcc -O2 -I/pkgsrv/include -c a.c -I/pkgsrv/include/python3.14/internal -fPIC"
        );
    }

    #[test]
    fn flags_with_a_value_are_known_joined_and_apart() {
        let cases = [
            ("-c a.c -isystem /usr/include/python3.14", "-c a.c -isystem /pkgsrv/include/python3.14"),
            ("-c a.c -isystem/usr/include/python3.14", "-c a.c -isystem/pkgsrv/include/python3.14"),
            ("-c a.c -I /usr/include/x -I /build/include", "-c a.c -I /build/include"),
        ];
        for (line, expected) in cases {
            assert_eq!(
                shown(Tool::Cc, line),
                format!("/usr/bin/emcc -O2 -I/pkgsrv/include {expected} -fPIC"),
                "{line}"
            );
        }
        assert_eq!(
            shown(Tool::Cc, "-shared a.o -Wl,-soname -Wl,liba.so.0 -Wl,-z -Wl,relro -Wl,--gc-sections -o a.so"),
            "/usr/bin/emcc -O2 -I/pkgsrv/include -shared a.o -Wl,--gc-sections -o a.so -fPIC -L/host/lib \
             -sWASM_BIGINT -sSIDE_MODULE=2 -sEXPORTED_FUNCTIONS=_PyInit_a"
        );
    }

    #[test]
    fn a_side_module_without_a_name_is_an_error() {
        let error = rewrite(Tool::Cc, vec!["-shared".into(), "a.o".into()], &settings()).unwrap_err();
        assert_eq!(error, "linking a side module without -o: its PyInit function has no name");
    }

    #[test]
    fn unknown_program_names_are_refused() {
        assert!(Tool::from_program_name("/pkgsrv/bin/cobc").unwrap_err().starts_with("called as \"cobc\""));
    }
}
