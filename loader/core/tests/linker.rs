//! Link plans for side modules written as text.

use pkgsrv_loader::{Binding, CoreError, Linker};

fn linker(libraries: &[(&str, &str)]) -> Linker {
    let mut linker = Linker::default();
    linker.set_runtime(["memory", "malloc", "PyModule_New", "stdout"].into_iter());
    for (path, text) in libraries {
        linker.add(path, &wat::parse_str(text).unwrap()).unwrap();
    }
    linker
}

const USER: &str = r#"(module
  (@dylink.0
    (mem-info (memory 100 4) (table 3 1))
    (needed "libone.so")
    (import-info "env" "weak_function" binding-weak)
    (import-info "GOT.mem" "weak_data" binding-weak)
    (runtime-path "$ORIGIN/../foo.libs"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global i32))
  (import "env" "__table_base" (global i32))
  (import "env" "malloc" (func (param i32) (result i32)))
  (import "env" "one" (func))
  (import "env" "two" (func))
  (import "env" "own" (func))
  (import "env" "weak_function" (func))
  (import "GOT.mem" "stdout" (global (mut i32)))
  (import "GOT.mem" "two_data" (global (mut i32)))
  (import "GOT.func" "own" (global (mut i32)))
  (import "GOT.mem" "weak_data" (global (mut i32)))
  (import "wasi_snapshot_preview1" "malloc" (func (param i32) (result i32)))
  (func (export "PyInit_user") (result i32) (i32.const 0))
  (func (export "own")))"#;

const ONE: &str = r#"(module
  (@dylink.0 (needed "libtwo.so"))
  (func (export "one"))
  (func (export "malloc") (param i32) (result i32) (i32.const 0)))"#;

const TWO: &str = r#"(module
  (@dylink.0)
  (func (export "two"))
  (func (export "own"))
  (global (export "two_data") i32 (i32.const 0)))"#;

const LIBRARIES: [(&str, &str); 3] =
    [("/site/foo/user.so", USER), ("/site/foo.libs/libone.so", ONE), ("/lib/libtwo.so", TWO)];

#[test]
fn a_plan_in_full() {
    let plan = linker(&LIBRARIES).plan("/site/foo/user.so").unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&plan).unwrap());
}

#[test]
fn order_of_lookup() {
    let plan = linker(&LIBRARIES).plan("/site/foo/user.so").unwrap();
    let binding = |module: &str, name: &str| {
        let found = plan.imports.iter().find(|import| import.0 == module && import.1 == name);
        found.map(|import| import.3)
    };
    assert_eq!(plan.scope, ["/site/foo.libs/libone.so", "/lib/libtwo.so"]);
    assert_eq!(binding("env", "malloc"), Some(Binding::Runtime), "the runtime comes before libone");
    assert_eq!(binding("env", "own"), Some(Binding::Library(1)), "needed libraries come before the module itself");
    let alone = linker(&[("/lib/user.so", &USER.replace("(needed \"libone.so\")", "")), ("/lib/libtwo.so", TWO)]);
    let error = alone.plan("/lib/user.so").unwrap_err();
    assert!(matches!(error, CoreError::MissingSymbol { symbol, .. } if symbol == "one"), "libtwo is not needed");
}

#[test]
fn what_cannot_be_planned() {
    let refused = |text: &str| match linker(&[("/lib/a.so", text)]).plan("/lib/a.so") {
        Ok(plan) => panic!("planned: {plan:?}"),
        Err(error) => format!("{}: {error}", error.code()),
    };
    let messages = [
        refused(r#"(module (@dylink.0) (import "env" "nobody" (func)))"#),
        refused(r#"(module (@dylink.0) (import "GOT.mem" "nobody" (global (mut i32))))"#),
        refused(r#"(module (@dylink.0) (import "GOT.func" "nobody" (global (mut i32))))"#),
        refused(r#"(module (@dylink.0) (import "env" "tag" (tag)))"#),
        refused(r#"(module (@dylink.0) (import "other" "malloc" (func)))"#),
        refused(r#"(module (@dylink.0 (needed "libnowhere.so")))"#),
        refused(r#"(module (@dylink.0 (needed "a.so" "/lib/a.so")))"#),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn what_cannot_be_added() {
    let refused = |text: &str| {
        let error = Linker::default().add("/lib/a.so", &wat::parse_str(text).unwrap()).unwrap_err();
        format!("{}: {error}", error.code())
    };
    let messages = [
        refused("(module)"),
        refused(r#"(module (@dylink.0 (export-info "x" tls)) (global (export "x") i32 (i32.const 0)))"#),
        refused(r#"(module (@dylink.0) (import "env" "memory" (memory 1 2 shared)))"#),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn cycles_are_refused_by_name() {
    let needs = |name: &str| format!(r#"(module (@dylink.0 (needed "{name}")))"#);
    let (a, b) = (needs("b.so"), needs("a.so"));
    let error = linker(&[("/lib/a.so", &a), ("/lib/b.so", &b)]).plan("/lib/a.so").unwrap_err();
    assert_eq!(error.to_string(), "/lib/a.so needs a library that needs it in turn, which this runtime does not have");
}

#[test]
fn libraries_of_the_runtime() {
    let mut linker = linker(&[("/site/foo/user.so", USER)]);
    let missing = linker.unresolved("/site/foo/user.so");
    assert_eq!(missing, [("libone.so".to_owned(), vec!["/site/foo.libs".to_owned()])]);
    linker.add_linked("/usr/lib/libone.so", ["one", "two", "two_data"].into_iter(), std::iter::empty());
    linker.set_found("/site/foo/user.so", "libone.so", "/usr/lib/libone.so");
    assert_eq!(linker.unresolved("/site/foo/user.so"), []);
    let plan = linker.plan("/site/foo/user.so").unwrap();
    assert_eq!(plan.needed, ["/usr/lib/libone.so"]);
    linker.add_linked("/usr/lib/libzero.so", std::iter::empty(), std::iter::empty());
    linker.add_linked(
        "/usr/lib/libone.so",
        ["one", "two", "two_data"].into_iter(),
        ["/usr/lib/libzero.so"].into_iter(),
    );
    assert_eq!(linker.plan("/site/foo/user.so").unwrap().scope, ["/usr/lib/libone.so", "/usr/lib/libzero.so"]);
    linker.remove("/usr/lib/libone.so");
    assert_eq!(linker.unresolved("/site/foo/user.so").len(), 1);
}

#[test]
fn javascript_source_is_left_to_the_runtime() {
    let text = r#"(module
      (@dylink.0)
      (import "env" "greet" (func))
      (global (export "__em_js__greet") i32 (i32.const 0)))"#;
    let plan = linker(&[("/lib/a.so", text)]).plan("/lib/a.so").unwrap();
    assert!(plan.by_runtime);
}
