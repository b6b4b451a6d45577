//! From the arguments of a native tool to the command that does the same for the target. Pure: reads no file.

use crate::arguments::keep;
use crate::cacheable;
use crate::flags::{self, Compile};
use crate::link_cache::Link;
use crate::link_check::{self, LinkCheck};
use crate::object_cache::Compile as CachedCompile;
use crate::settings::{Asked, Exports, Settings};
use crate::side_module;

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

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    pub program: String,
    pub arguments: Vec<String>,
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
    Run(Invocation),
    /// Compile what the object cache may know.
    Compile(CachedCompile),
    /// Link a side module, which it may know.
    Link(Link),
    /// Answer a configure script whether a program links.
    Check(LinkCheck),
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

impl Invocation {
    /// What to say where it does not start.
    pub fn cannot_start(&self, error: &std::io::Error) -> String {
        format!("cannot start {}: {error}", self.program)
    }
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
    match tool {
        Tool::Ar => Ok(Outcome::Run(archiver(&settings.ar, "emar", arguments, settings))),
        Tool::Ranlib => Ok(Outcome::Run(archiver(&settings.ranlib, "emranlib", arguments, settings))),
        Tool::Nm => Ok(Outcome::Run(archiver(&settings.nm, "emnm", arguments, settings))),
        // Objects come without debug information already, and linked modules must keep their custom sections.
        Tool::Strip => Ok(Outcome::Nothing),
        Tool::Cc | Tool::Cxx => driver(tool, arguments, settings),
    }
}

/// LLVM's program, which Emscripten's only stands for, or Emscripten's where that is not known.
fn archiver(llvm: &str, emscripten: &str, arguments: Vec<String>, settings: &Settings) -> Invocation {
    let program = if llvm.is_empty() { format!("{}/{emscripten}", settings.emscripten) } else { llvm.to_owned() };
    Invocation { program, arguments }
}

fn driver(tool: Tool, arguments: Vec<String>, settings: &Settings) -> Result<Outcome, String> {
    if arguments.iter().any(|a| a == "-print-multiarch" || a == "--print-multiarch") {
        return Ok(Outcome::Answer("wasm32-emscripten".to_owned()));
    }
    let step = step(&arguments);
    let cxx = tool == Tool::Cxx || arguments.iter().any(|a| is_cxx_source(a));
    let program = format!("{}/{}", settings.emscripten, if cxx { "em++" } else { "emcc" });
    if step == Step::Query {
        return Ok(Outcome::Run(Invocation { program, arguments }));
    }
    let output = output(&arguments).map(str::to_owned);
    let kept = match keep(arguments, settings) {
        Ok(kept) => kept,
        Err(reason) => return Ok(Outcome::Refuse(reason)),
    };
    let mut own = settings.default_flags.clone();
    if cxx {
        own.extend_from_slice(&settings.default_cxx_flags);
    }
    own.extend(kept);
    own.extend_from_slice(&settings.package_flags);
    let asked = if cxx { &settings.clang_cxx } else { &settings.clang };
    let clang = clang_for(&own, asked);
    if let Some(clang) = clang.filter(|_| step == Step::Compile) {
        let command = direct(clang, &own, settings);
        return Ok(match settings.objects.as_ref().and_then(|_| cacheable::files(&own)) {
            Some(files) => Outcome::Compile(CachedCompile { command, files }),
            None => Outcome::Run(command),
        });
    }
    let mut arguments = own.clone();
    arguments.extend_from_slice(&settings.abi_flags);
    match step {
        Step::Query | Step::Compile => {}
        Step::LinkSideModule => {
            arguments.extend_from_slice(&settings.link_flags);
            arguments.extend_from_slice(&settings.side_module_flags);
            let exported = exported(&settings.exports, output.as_deref())?;
            arguments.extend(export_flags(exported.as_deref()));
            if let Some(files) = cacheable::link_files(&arguments) {
                own.extend_from_slice(&settings.link_flags);
                let steps = exported
                    .and_then(|symbols| side_module::plan(&own, &symbols, &files.output, &settings.side_module));
                let command = Invocation { program, arguments };
                return Ok(Outcome::Link(Link { command, steps: steps.unwrap_or_default(), files }));
            }
        }
        Step::LinkProgram => {
            arguments.extend_from_slice(&settings.link_flags);
            arguments.extend_from_slice(&settings.program_flags);
        }
    }
    let emscripten = Invocation { program, arguments };
    // Emscripten was not asked how it links with flags that change how it compiles.
    let is_plain = clang == clang_for(&[], asked);
    if let Some(clang) = clang.filter(|_| is_plain && step == Step::LinkProgram)
        && let Some(check) = link_check::plan(cxx, &own, clang, &emscripten, settings)
    {
        return Ok(Outcome::Check(check));
    }
    Ok(Outcome::Run(emscripten))
}

/// How Emscripten would start clang for a compile with these arguments; `None` where it does more than that, or where it
/// was not asked about this set of arguments.
fn clang_for<'a>(own: &[String], asked: &'a [Asked]) -> Option<&'a [String]> {
    let command = |with: &str| asked.iter().find(|asked| asked.with == with).map(|asked| asked.command.as_slice());
    let plain = command("")?;
    let mut chosen = plain;
    for argument in own {
        match flags::compile(argument) {
            Compile::Direct if is_assembly(argument) => return None,
            Compile::Direct => {}
            Compile::Emscripten => return None,
            Compile::Asked(with) => {
                let told = command(with)?;
                // Two arguments that each change the command: nobody asked about both.
                if chosen != plain && told != plain && told != chosen {
                    return None;
                }
                if told != plain {
                    chosen = told;
                }
            }
        }
    }
    Some(chosen)
}

/// Assembly is treated otherwise than C.
fn is_assembly(argument: &str) -> bool {
    !argument.starts_with('-') && ["s", "S"].contains(&extension(argument))
}

/// The compile that Emscripten would start, without starting it: a fifth of the time for a small file.
pub fn direct(clang: &[String], own: &[String], settings: &Settings) -> Invocation {
    // Emscripten's settings are in what it told us of clang already.
    let abi_flags = settings.abi_flags.iter().filter(|flag| flags::compile(flag) != Compile::Emscripten);
    let arguments = clang[1..].iter().chain(own).chain(abi_flags).cloned().collect();
    Invocation { program: clang[0].clone(), arguments }
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
    // Rust asks for a side module in Emscripten's own words.
    let shared = has(&["-shared", "-dynamiclib", "-bundle", "-sSIDE_MODULE=2"]);
    if shared || output(arguments).is_some_and(is_shared_library) { Step::LinkSideModule } else { Step::LinkProgram }
}

fn output(arguments: &[String]) -> Option<&str> {
    let mut arguments = arguments.iter();
    let mut found = None;
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix("-o") {
            Some("") => found = arguments.next().map(String::as_str),
            Some(joined) => found = Some(joined),
            None => {}
        }
    }
    found
}

fn is_shared_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split('.').skip(1).any(|part| part == "so")
}

fn is_cxx_source(argument: &str) -> bool {
    !argument.starts_with('-') && ["C", "cc", "cpp", "cxx", "c++"].contains(&extension(argument))
}

pub fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// The symbols that a side module exports; `None` for all of them.
fn exported(exports: &Exports, output: Option<&str>) -> Result<Option<Vec<String>>, String> {
    match exports {
        Exports::WholeArchive => Ok(None),
        Exports::Named(symbols) => Ok(Some(symbols.clone())),
        Exports::PyInit => {
            let path = output.ok_or("linking a side module without -o: its PyInit function has no name")?;
            Ok(Some(vec![format!("PyInit_{}", module_name(path))]))
        }
    }
}

/// What Emscripten is told of them.
fn export_flags(exported: Option<&[String]>) -> Vec<String> {
    let Some(symbols) = exported else { return vec!["-sSIDE_MODULE=1".to_owned()] };
    let symbols: Vec<String> = symbols.iter().map(|symbol| format!("_{symbol}")).collect();
    vec!["-sSIDE_MODULE=2".to_owned(), format!("-sEXPORTED_FUNCTIONS={}", symbols.join(","))]
}

/// `build/lib/_yaml.cpython-314-wasm32-emscripten.so` is the module `_yaml`; the module of a package, `a/__init__.so`, is
/// called as the package is.
fn module_name(path: &str) -> &str {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or(path);
    let name = name.split('.').next().unwrap_or(name);
    if name == "__init__" { parts.next().unwrap_or(name) } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::parse(
            "emscripten /usr/bin\ndefault-flag -O2\ndefault-flag -I/pkgsrv/include\nabi-flag -fPIC\n\
             side-module-flag -sWASM_BIGINT\nprogram-flag -O1\nlink-flag -L/host/lib\nbuild-python-include /usr/include/python3.14\n\
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
            Outcome::Run(command) | Outcome::Link(Link { command, .. }) => {
                format!("{} {}", command.program, command.arguments.join(" "))
            }
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
                "-shared a.o -lm -lm -Wl,--as-needed,-z,relro -Wl,--fatal-warnings -Wl,--start-group -o b/_x.cpython-314-wasm32-emscripten.so",
                "/usr/bin/emcc -O2 -I/pkgsrv/include -shared a.o -lm -Wl,--start-group -o \
                 b/_x.cpython-314-wasm32-emscripten.so -fPIC -L/host/lib -sWASM_BIGINT -sSIDE_MODULE=2 \
                 -sEXPORTED_FUNCTIONS=_PyInit__x",
            ),
            (
                Tool::Cc,
                "rcgu.o -O3 -sEXPORTED_FUNCTIONS=[\"_PyInit_x\",\"_more\"] -sSIDE_MODULE=2 -o deps/x.wasm",
                "/usr/bin/emcc -O2 -I/pkgsrv/include rcgu.o -O3 -sEXPORTED_FUNCTIONS=[\"_PyInit_x\",\"_more\"] \
                 -sSIDE_MODULE=2 -o deps/x.wasm -fPIC -L/host/lib -sWASM_BIGINT -sSIDE_MODULE=2 \
                 -sEXPORTED_FUNCTIONS=_PyInit_x",
            ),
            (
                Tool::Cc,
                "check.cpp -o check",
                "/usr/bin/em++ -O2 -I/pkgsrv/include check.cpp -o check -fPIC -L/host/lib -O1",
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
    fn a_side_module_is_linked_without_emscripten_where_that_told_how() {
        let mut settings = settings();
        settings.side_module =
            Settings::parse("side-module -O3\t{step}\tld\t-o\t{output}\t{exports}\t{inputs}\n").unwrap().side_module;
        let steps = |line: &str| {
            let arguments = line.split_whitespace().map(str::to_owned).collect();
            match rewrite(Tool::Cc, arguments, &settings).unwrap() {
                Outcome::Link(link) => link.steps,
                other => panic!("{other:?}"),
            }
        };
        let arguments = ["-o", "b/_x.so", "--export=PyInit__x", "a.o", "-L/host/lib"].map(str::to_owned).to_vec();
        assert_eq!(steps("-shared -O3 a.o -o b/_x.so"), [Invocation { program: "ld".to_owned(), arguments }]);
        assert_eq!(steps("-shared a.o -o b/_x.so"), [], "another level");
        settings.exports = Exports::WholeArchive;
        let steps = rewrite(Tool::Cc, ["-shared", "-O3", "a.o", "-o", "x.so"].map(str::to_owned).to_vec(), &settings);
        assert!(matches!(steps, Ok(Outcome::Link(Link { steps, .. })) if steps.is_empty()), "exports all");
    }

    /// Emscripten was asked about some arguments: one changes nothing, two change the command.
    fn asked_settings() -> Settings {
        let plain = "clang\t-target\twasm32\t-fvisibility=default";
        let text = format!(
            "emscripten /usr/bin\nabi-flag -fPIC\nabi-flag -sSUPPORT_LONGJMP=wasm\nar /usr/bin/llvm-ar\n\
             clang \t{plain}\nclang -fno-exceptions\t{plain}\nclang -nostdinc\tclang\t-bare\n\
             clang -fvisibility-inlines-hidden\tclang\t-target\twasm32\n"
        );
        Settings::parse(&text).unwrap()
    }

    #[test]
    fn clang_compiles_where_emscripten_would_only_hand_on() {
        let plain = "clang -target wasm32 -fvisibility=default";
        let cases = [
            ("-std=c99 -c a.c -o a.o", plain),
            ("--std=c99 -c a.c --param max=3", plain),
            ("-E a.c", plain),
            ("-E -x c -", plain),
            ("-MM a.c", plain),
            ("-MD -MF a.d -c a.c", plain),
            ("-S a.c", plain),
            ("-c a.c b.c", plain),
            ("-O3 -g -c a.c", plain),
            ("-fno-exceptions -c a.c", plain),
            ("-fwasm-exceptions -c a.c", plain),
            ("-fvisibility=hidden -c a.c", "clang -target wasm32"),
            ("-fvisibility-inlines-hidden -fno-exceptions -c a.c", "clang -target wasm32"),
            ("-nostdinc -c a.c", "clang -bare"),
        ];
        for (line, clang) in cases {
            assert_eq!(shown_with(Tool::Cc, line, &asked_settings()), format!("{clang} {line} -fPIC"), "{line}");
        }
    }

    #[test]
    fn with_an_object_cache_it_is_asked_first() {
        let mut settings = asked_settings();
        settings.objects = Some(crate::settings::Objects::default());
        let outcome =
            |line: &str| rewrite(Tool::Cc, line.split_whitespace().map(str::to_owned).collect(), &settings).unwrap();
        let Outcome::Compile(compile) = outcome("-c a.c -o a.o") else { panic!("not cached") };
        assert_eq!(compile.files.output.as_deref(), Some("a.o"));
        assert_eq!(compile.command.arguments.last().unwrap(), "-fPIC");
        assert!(matches!(outcome("-c a.c b.c -o a.o"), Outcome::Run(_)));
        assert!(matches!(outcome("-c a.c -o a.o -msse2"), Outcome::Run(_)));
    }

    #[test]
    fn a_setting_of_the_abi_is_no_reason_to_ask_emscripten() {
        let shown = shown_with(Tool::Cc, "-sSUPPORT_LONGJMP=wasm -c a.c", &asked_settings());
        assert_eq!(shown, "clang -target wasm32 -fvisibility=default -c a.c -fPIC");
    }

    #[test]
    fn emscripten_compiles_where_it_does_more_or_was_not_asked() {
        let lines = [
            "-c a.c -msse2",
            "-c a.S",
            "-c a.s b.c",
            "-c a.c -sUSE_ZLIB",
            "-c a.c -fsanitize=address",
            "-c a.c -flto",
            "-c a.c -gsource-map",
            "-c a.c -m32",
            "-c a.c --use-port=zlib",
            "-c a.c -target wasm32",
            "-c a.c -msimd128",                     // not asked
            "-c a.c -nostdinc -fvisibility=hidden", // asked about each, not about both
        ];
        for line in lines {
            let expected = format!("/usr/bin/emcc {line} -fPIC -sSUPPORT_LONGJMP=wasm");
            assert_eq!(shown_with(Tool::Cc, line, &asked_settings()), expected);
        }
        assert_eq!(shown_with(Tool::Cc, "--version", &asked_settings()), "/usr/bin/emcc --version");
        assert_eq!(
            shown_with(Tool::Cc, "a.c -o a.js", &asked_settings()),
            "/usr/bin/emcc a.c -o a.js -fPIC -sSUPPORT_LONGJMP=wasm"
        );
        assert_eq!(
            shown_with(Tool::Cxx, "-c a.cpp", &asked_settings()),
            "/usr/bin/em++ -c a.cpp -fPIC -sSUPPORT_LONGJMP=wasm"
        );
    }

    #[test]
    fn a_packages_flags_count_as_a_builds_own() {
        let mut settings = asked_settings();
        settings.package_flags.push("-DX".to_owned());
        assert_eq!(
            shown_with(Tool::Cc, "-c a.c", &settings),
            "clang -target wasm32 -fvisibility=default -c a.c -DX -fPIC"
        );
        settings.package_flags.push("-sUSE_ZLIB".to_owned());
        assert_eq!(
            shown_with(Tool::Cc, "-c a.c", &settings),
            "/usr/bin/emcc -c a.c -DX -sUSE_ZLIB -fPIC -sSUPPORT_LONGJMP=wasm"
        );
    }

    #[test]
    fn llvms_archiver_is_started_directly_where_it_is_known() {
        assert_eq!(shown_with(Tool::Ar, "rcs lib.a a.o", &asked_settings()), "/usr/bin/llvm-ar rcs lib.a a.o");
        assert_eq!(shown_with(Tool::Ranlib, "lib.a", &asked_settings()), "/usr/bin/emranlib lib.a");
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
        assert!(shown(Tool::Cc, "-shared a.o -ob.so").ends_with("-sEXPORTED_FUNCTIONS=_PyInit_b"));
        let package = "-shared a.o -o lib/zeroconf/_services/__init__.cpython-314-wasm32-emscripten.so";
        assert!(shown(Tool::Cc, package).ends_with("-sEXPORTED_FUNCTIONS=_PyInit__services"));
    }

    #[test]
    fn unknown_program_names_are_refused() {
        assert!(Tool::from_program_name("/pkgsrv/bin/cobc").unwrap_err().starts_with("called as \"cobc\""));
    }
}
