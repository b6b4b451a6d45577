use std::fmt::Write as _;

use pkgsrv_side_module::ValueType;

use super::*;
use crate::admission::report::Outcome;

const LIBRARY: &str = r#"(module (@dylink.0 (mem-info)) (func (export "helper") (param i32)))"#;

fn runtime() -> RuntimeSymbols {
    let function = |parameters: &[ValueType], results: &[ValueType]| {
        RuntimeSymbol::Function(FunctionType { parameters: parameters.into(), results: results.into() })
    };
    RuntimeSymbols::of([
        ("PyLong_FromLong", function(&[ValueType::I32], &[ValueType::I32])),
        ("PyFloat_FromDouble", function(&[ValueType::F64], &[ValueType::I32])),
        ("made_by_javascript", RuntimeSymbol::AnyFunction),
        ("PyExc_ValueError", RuntimeSymbol::Data),
        ("__cpp_exception", RuntimeSymbol::Other(ExternalKind::Tag)),
        ("memory", RuntimeSymbol::Other(ExternalKind::Memory)),
    ])
}

/// Every check of these modules, path and text each.
fn checks(modules: &[(&str, &str)], others: &[(&str, &str)]) -> (Vec<Check>, Vec<SideModuleReport>) {
    let binary =
        |(path, text): &(&str, &str)| Binary { path: (*path).to_owned(), bytes: wat::parse_str(text).unwrap() };
    let binaries: Vec<Binary> = modules.iter().map(binary).collect();
    let abi = Abi::preferred();
    let (features, libraries, mut reports) = read(&binaries, abi);
    let others: Vec<Library> = others
        .iter()
        .map(|(path, text)| Library {
            wheel: Some("other-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl".to_owned()),
            path: (*path).to_owned(),
            module: SideModule::parse(&wat::parse_str(text).unwrap()).unwrap(),
        })
        .collect();
    let mut checks = vec![features, demands(&libraries, &runtime())];
    checks.extend(link(&libraries, &others, &runtime(), &mut reports));
    checks.push(initialisers(&libraries, abi));
    (checks, reports)
}

/// The sentences of what is not as it should be.
fn findings(modules: &[(&str, &str)], others: &[(&str, &str)]) -> String {
    let (checks, _) = checks(modules, others);
    let mut text = String::new();
    for finding in checks.iter().flat_map(|check| &check.findings) {
        writeln!(text, "{}: {}", finding.outcome.word(), finding.sentence()).unwrap();
    }
    text
}

const MAIN: &str = "demo/main.cpython-314-wasm32-emscripten.so";

#[test]
fn imports_are_looked_up_in_the_runtime_in_needed_libraries_and_in_the_module_itself() {
    let main = r#"(module
        (@dylink.0
            (mem-info (memory 64 2) (table 3 0))
            (needed "libhelper.so")
            (import-info "env" "maybe" binding-weak)
            (runtime-path "$ORIGIN/../demo.libs"))
        (import "env" "PyLong_FromLong" (func (param i32) (result i32)))
        (import "env" "made_by_javascript" (func (param i64)))
        (import "env" "helper" (func (param i32)))
        (import "env" "maybe" (func))
        (import "env" "memory" (memory 1))
        (import "env" "__cpp_exception" (tag (param i32)))
        (import "GOT.func" "own" (global (mut i32)))
        (import "GOT.mem" "PyExc_ValueError" (global (mut i32)))
        (func (export "PyInit_main") (result i32) (i32.const 0))
        (func (export "own")))"#;
    let (checks, reports) = checks(&[(MAIN, main), ("demo.libs/libhelper.so", LIBRARY)], &[]);
    assert!(checks.iter().all(|check| check.outcome == Outcome::Passed), "{checks:?}");
    insta::assert_snapshot!(serde_json::to_string_pretty(&reports).unwrap());
}

/// What is refused, and what is only worth a warning, in the words that people read.
#[test]
fn what_is_found() {
    let long_table = "(module (@dylink.0 (mem-info (memory 0 0) (table 20000000 0))))";
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("missing symbol", &[(MAIN, r#"(module (@dylink.0) (import "env" "gethostbyfoo" (func)))"#)]),
        ("missing data", &[(MAIN, r#"(module (@dylink.0) (import "GOT.mem" "environ_of_mars" (global (mut i32))))"#)]),
        ("missing library", &[(MAIN, r#"(module (@dylink.0 (needed "libz.so")))"#)]),
        (
            "library without a path",
            &[(MAIN, r#"(module (@dylink.0 (needed "libhelper.so")))"#), ("demo.libs/libhelper.so", LIBRARY)],
        ),
        (
            "libraries in a circle",
            &[
                (MAIN, r#"(module (@dylink.0 (needed "libb.so") (runtime-path "$ORIGIN")))"#),
                (
                    "demo/libb.so",
                    r#"(module (@dylink.0 (needed "main.cpython-314-wasm32-emscripten.so") (runtime-path "$ORIGIN")))"#,
                ),
            ],
        ),
        (
            "another signature than the runtime's",
            &[(MAIN, r#"(module (@dylink.0) (import "env" "PyFloat_FromDouble" (func (param i32) (result i32))))"#)],
        ),
        (
            "another signature than a library's",
            &[
                (
                    MAIN,
                    r#"(module (@dylink.0 (needed "libhelper.so") (runtime-path "$ORIGIN"))
                        (import "env" "helper" (func (param i64))))"#,
                ),
                ("demo/libhelper.so", LIBRARY),
            ],
        ),
        ("a function as a tag", &[(MAIN, r#"(module (@dylink.0) (import "env" "PyLong_FromLong" (tag)))"#)]),
        ("a module that nobody provides", &[(MAIN, r#"(module (@dylink.0) (import "a" "b" (func)))"#)]),
        (
            "exceptions by JavaScript",
            &[(
                MAIN,
                r#"(module (@dylink.0) (import "env" "invoke_vii" (func (param i32 i32 i32)))
                    (import "env" "invoke_v" (func (param i32)))
                    (import "env" "__cxa_find_matching_catch_2" (func (result i32))))"#,
            )],
        ),
        ("the later form of exceptions", &[(MAIN, "(module (@dylink.0) (func (block (try_table (catch_all 0)))))")]),
        ("vectors", &[(MAIN, "(module (@dylink.0) (func (drop (v128.const i32x4 0 0 0 0))))")]),
        ("tail calls", &[(MAIN, "(module (@dylink.0) (func $f (return_call $f)))")]),
        ("shared memory", &[(MAIN, r#"(module (@dylink.0) (import "env" "memory" (memory 1 65536 shared)))"#)]),
        (
            "thread-local storage",
            &[(
                MAIN,
                r#"(module (@dylink.0 (export-info "errno_" tls)) (global (export "errno_") i32 (i32.const 0)))"#,
            )],
        ),
        ("64-bit memory", &[(MAIN, r#"(module (@dylink.0) (import "env" "memory" (memory i64 1)))"#)]),
        ("a memory of its own", &[(MAIN, "(module (@dylink.0) (memory 1))")]),
        ("a table of its own", &[(MAIN, "(module (@dylink.0) (table 1 funcref))")]),
        ("more memory than there is", &[(MAIN, "(module (@dylink.0 (mem-info (memory 4000000000 0) (table 0 0))))")]),
        ("much memory", &[(MAIN, "(module (@dylink.0 (mem-info (memory 200000000 0) (table 0 0))))")]),
        ("more of the table than there is", &[(MAIN, long_table)]),
        ("much of the table", &[(MAIN, "(module (@dylink.0 (mem-info (memory 0 0) (table 2000000 0))))")]),
        ("wide alignment", &[(MAIN, "(module (@dylink.0 (mem-info (memory 0 20) (table 0 17))))")]),
        ("a program of its own", &[(MAIN, "(module (func))")]),
        ("not valid", &[(MAIN, "(module (@dylink.0) (func (result i32)))")]),
        ("no initialiser", &[(MAIN, r#"(module (@dylink.0) (func (export "PyInit_other")))"#)]),
    ];
    let mut text = String::new();
    for (name, modules) in cases {
        // What an initialiser is for is the subject of the last case alone.
        let found = findings(modules, &[]);
        let lines: Vec<&str> =
            found.lines().filter(|line| *name == "no initialiser" || !line.contains("PyInit")).collect();
        assert!(!lines.is_empty(), "{name}");
        writeln!(text, "# {name}\n{}\n", lines.join("\n")).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn libraries_of_wheels_that_are_needed_count() {
    let main = r#"(module (@dylink.0 (needed "libhelper.so") (runtime-path "$ORIGIN/../other"))
        (import "env" "helper" (func (param i32))) (func (export "PyInit_main") (result i32) (i32.const 0)))"#;
    let (checks, reports) = checks(&[(MAIN, main)], &[("other/libhelper.so", LIBRARY)]);
    assert!(checks.iter().all(|check| check.outcome == Outcome::Passed), "{checks:?}");
    let needed = &reports[0].needed[0];
    assert_eq!(
        needed.found.as_deref(),
        Some("other-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl: other/libhelper.so")
    );
}
