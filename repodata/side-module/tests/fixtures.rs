//! Side modules written as text, read by our reader and by an independent one.

use std::fmt::Write;
use std::path::PathBuf;

use pkgsrv_side_module::{Limits, SideModule, SideModuleError, with_runtime_paths};
use wasmparser::{Dylink0Subsection, KnownCustom, Parser, Payload, Validator};

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    wat::parse_file(path).unwrap()
}

fn assembled(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

const FIXTURES: [&str; 4] = ["full.wat", "empty.wat", "threads.wat", "embedded_javascript.wat"];

#[test]
fn everything_is_read() {
    insta::assert_debug_snapshot!(SideModule::parse(&fixture("full.wat")));
}

#[test]
fn what_is_asked_of_a_module() {
    let mut text = String::new();
    for name in FIXTURES {
        let module = SideModule::parse(&fixture(name)).unwrap();
        writeln!(
            text,
            "{name}: tls {}, shared memory {}, Python modules {:?}, JavaScript {:?}",
            module.uses_tls(),
            module.uses_shared_memory(),
            module.python_modules().collect::<Vec<_>>(),
            module.embedded_javascript().collect::<Vec<_>>(),
        )
        .unwrap();
    }
    insta::assert_snapshot!(text);
    let full = SideModule::parse(&fixture("full.wat")).unwrap();
    assert!(full.is_weak_import("env", "weak_function"));
    assert!(full.is_weak_import("GOT.mem", "weak_data"));
    assert!(!full.is_weak_import("GOT.func", "callback"));
}

/// What wasmparser says, in one text; ours is written the same way.
#[derive(Default)]
struct Summary(String);

impl Summary {
    fn line(&mut self, what: &str, value: impl std::fmt::Debug) {
        writeln!(self.0, "{what} {value:?}").unwrap();
    }
}

fn by_wasmparser(bytes: &[u8]) -> String {
    let mut summary = Summary::default();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.unwrap() {
            Payload::CustomSection(section) => {
                let KnownCustom::Dylink0(subsections) = section.as_known() else { continue };
                for subsection in subsections {
                    dylink_by_wasmparser(&mut summary, subsection.unwrap());
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.unwrap();
                    summary.line("import", (import.module, import.name));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.unwrap();
                    summary.line("export", export.name);
                }
            }
            _ => {}
        }
    }
    summary.0
}

fn dylink_by_wasmparser(summary: &mut Summary, subsection: Dylink0Subsection<'_>) {
    match subsection {
        Dylink0Subsection::MemInfo(info) => {
            summary.line("memory", (info.memory_size, info.memory_alignment, info.table_size, info.table_alignment));
        }
        Dylink0Subsection::Needed(names) => summary.line("needed", names),
        Dylink0Subsection::ExportInfo(infos) => {
            for info in infos {
                summary.line("export info", (info.name, info.flags.bits()));
            }
        }
        Dylink0Subsection::ImportInfo(infos) => {
            for info in infos {
                summary.line("import info", (info.module, info.field, info.flags.bits()));
            }
        }
        Dylink0Subsection::RuntimePath(paths) => summary.line("paths", paths),
        Dylink0Subsection::TargetArch(_) | Dylink0Subsection::Unknown { .. } => {}
    }
}

fn by_us(bytes: &[u8]) -> String {
    let module = SideModule::parse(bytes).unwrap();
    let dylink = &module.dylink;
    let mut summary = Summary::default();
    let sizes = (dylink.memory_size, dylink.memory_alignment, dylink.table_size, dylink.table_alignment);
    if sizes != (0, 0, 0, 0) {
        summary.line("memory", sizes);
    }
    if !dylink.needed.is_empty() {
        summary.line("needed", &dylink.needed);
    }
    for info in &dylink.exports {
        summary.line("export info", (&info.name, info.flags.0));
    }
    for info in &dylink.imports {
        summary.line("import info", (&info.module, &info.name, info.flags.0));
    }
    if !dylink.runtime_paths.is_empty() {
        summary.line("paths", &dylink.runtime_paths);
    }
    for import in &module.imports {
        summary.line("import", (&import.module, &import.name));
    }
    for export in &module.exports {
        summary.line("export", &export.name);
    }
    summary.0
}

#[test]
fn both_readers_agree() {
    for name in FIXTURES {
        let bytes = fixture(name);
        assert_eq!(by_us(&bytes), by_wasmparser(&bytes), "{name}");
    }
}

/// The type of each exported function, as wasmparser's validator has it.
fn function_types_by_wasmparser(bytes: &[u8]) -> Vec<String> {
    let module = Validator::new().validate_all(bytes).unwrap();
    let module = module.as_ref();
    let listed = |values: &[wasmparser::ValType]| values.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut types = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let Payload::ExportSection(section) = payload.unwrap() else { continue };
        for export in section.into_iter().map(Result::unwrap) {
            if export.kind == wasmparser::ExternalKind::Func {
                let found = module.get(module.core_function_at(export.index)).unwrap().unwrap_func();
                types.push(format!("{} {:?} {:?}", export.name, listed(found.params()), listed(found.results())));
            }
        }
    }
    types
}

#[test]
fn function_types_are_those_of_another_reader() {
    let assembled = assembled(
        r#"(module (@dylink.0)
            (import "env" "from_elsewhere" (func (param f32 v128) (result i64)))
            (import "env" "other" (global i32))
            (func (export "own") (param i32 f64 externref) (result i32 funcref) unreachable)
            (export "passed_on" (func 0)))"#,
    );
    for bytes in [fixture("full.wat"), assembled] {
        let module = SideModule::parse(&bytes).unwrap();
        let listed =
            |values: &[pkgsrv_side_module::ValueType]| values.iter().map(ToString::to_string).collect::<Vec<_>>();
        let types: Vec<String> = module
            .exports
            .iter()
            .filter_map(|export| Some((export, module.exported_function_type(export)?)))
            .map(|(export, found)| {
                format!("{} {:?} {:?}", export.name, listed(&found.parameters), listed(&found.results))
            })
            .collect();
        assert_eq!(types, function_types_by_wasmparser(&bytes));
    }
}

/// A module that begins with a custom section of this name and contents.
fn with_section(name: &str, contents: &[u8]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0\0".to_vec();
    bytes.push(u8::try_from(1 + name.len() + contents.len()).unwrap());
    bytes.push(u8::try_from(name.len()).unwrap());
    bytes.extend(name.as_bytes());
    bytes.extend(contents);
    bytes
}

fn after(mut module: Vec<u8>, more: &[u8]) -> Vec<u8> {
    module.extend(more);
    module
}

fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let dylink = |contents: &[u8]| with_section("dylink.0", contents);
    let empty = || dylink(&[]);
    vec![
        ("empty file", Vec::new()),
        ("another format", b"\x7fELF\x02\x01\x01\0".to_vec()),
        ("component", b"\0asm\x0d\0\x01\0".to_vec()),
        ("main module", assembled("(module (func))")),
        ("nothing at all", b"\0asm\x01\0\0\0".to_vec()),
        ("dylink.0 is not first", assembled("(module (@custom \"name2\" (before first) \"\") (@dylink.0))")),
        ("old dylink section", with_section("dylink", &[0; 5])),
        ("second dylink.0", after(empty(), &empty()[8..])),
        ("memory over the limit", dylink(&[1, 8, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0, 0, 0])),
        ("alignment over the limit", dylink(&[1, 4, 0, 63, 0, 0])),
        ("table over the limit", dylink(&[1, 8, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0])),
        ("number of 33 bits", dylink(&[1, 8, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0, 0, 0])),
        ("number that never ends", dylink(&[1, 8, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 0])),
        ("subsection twice", dylink(&[2, 1, 0, 2, 1, 0])),
        ("subsection longer than the section", dylink(&[2, 9, 0])),
        ("bytes left in a subsection", dylink(&[2, 2, 0, 0])),
        ("more names than bytes", dylink(&[2, 2, 0x80, 0x01])),
        ("names over the limit", dylink(&[2, 3, 0xFF, 0xFF, 0x03])),
        ("name over the limit", dylink(&[2, 5, 1, 0xFF, 0xFF, 0xFF, 0x7F])),
        ("name not UTF-8", dylink(&[2, 3, 1, 1, 0xFF])),
        ("section longer than the file", after(empty(), &[2, 0x7F, 0])),
        ("two import sections", after(empty(), &[2, 1, 0, 2, 1, 0])),
        ("imports over the limit", after(empty(), &[2, 4, 0xFF, 0xFF, 0xFF, 0x7F])),
        ("unknown kind of import", after(empty(), &[2, 4, 1, 0, 0, 9])),
        ("unknown value type", after(empty(), &[2, 6, 1, 0, 0, 3, 0x40, 0])),
        ("unknown mutability", after(empty(), &[2, 6, 1, 0, 0, 3, 0x7F, 2])),
        ("unknown limits", after(empty(), &[2, 6, 1, 0, 0, 2, 0x10, 0])),
        ("unknown kind of export", after(empty(), &[7, 4, 1, 0, 9, 0])),
        ("bytes left in the export section", after(empty(), &[7, 2, 0, 0])),
        ("two type sections", after(empty(), &[1, 1, 0, 1, 1, 0])),
        ("unknown value type of a parameter", after(empty(), &[1, 5, 1, 0x60, 1, 0x40, 0])),
        ("more parameters than bytes", after(empty(), &[1, 4, 1, 0x60, 0x7F, 0x7F])),
        ("parameters over the limit", after(empty(), &[1, 6, 1, 0x60, 0xFF, 0xFF, 0x7F, 0x7F])),
        ("bytes left in the type section", after(empty(), &[1, 2, 0, 0])),
        ("functions over the limit", after(empty(), &[3, 4, 0xFF, 0xFF, 0xFF, 0x7F])),
        ("64-bit memory of its own", assembled("(module (@dylink.0) (memory i64 1))")),
        ("64-bit memory", assembled("(module (@dylink.0) (import \"env\" \"memory\" (memory i64 1)))")),
    ]
}

#[test]
fn hostile_modules_are_refused() {
    let mut text = String::new();
    for (name, bytes) in hostile() {
        let verdict = SideModule::parse(&bytes).map_or_else(|error| error.to_string(), |_| "ACCEPTED".to_owned());
        writeln!(text, "{name}: {verdict}").unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn unknown_subsections_are_passed_over() {
    let bytes = with_section("dylink.0", &[9, 2, 1, 2, 1, 4, 16, 2, 3, 0]);
    let dylink = SideModule::parse(&bytes).map(|module| module.dylink);
    assert_eq!(dylink.map(|dylink| (dylink.memory_size, dylink.table_size)), Ok((16, 3)));
}

/// All but `dylink.0`, as it is in the file.
fn after_dylink(bytes: &[u8]) -> &[u8] {
    let mut sections = Parser::new(0).parse_all(bytes).filter_map(|payload| payload.unwrap().as_section());
    &bytes[usize::try_from(sections.next().unwrap().1.end).unwrap()..]
}

#[test]
fn runtime_paths_are_written_and_nothing_else_changes() {
    let long = "$ORIGIN/".to_owned() + &"x".repeat(300);
    let cases: [&[String]; 4] =
        [&[], &["$ORIGIN/../demo.libs".to_owned()], &["/a".to_owned(), "/b".to_owned()], &[long]];
    for name in FIXTURES {
        let bytes = fixture(name);
        let mut expected = SideModule::parse(&bytes).unwrap();
        for paths in cases {
            expected.dylink.runtime_paths = paths.to_vec();
            let written = with_runtime_paths(&bytes, paths).unwrap();
            assert_eq!(SideModule::parse(&written).unwrap(), expected, "{name}: {paths:?}");
            assert_eq!(after_dylink(&written), after_dylink(&bytes), "{name}: {paths:?}");
            let summary = by_wasmparser(&written);
            assert!(paths.iter().all(|path| summary.contains(path)), "{name}: {summary}");
            assert_eq!(with_runtime_paths(&written, paths).unwrap(), written, "{name}: {paths:?}");
        }
    }
}

#[test]
fn subsections_that_nobody_knows_stay() {
    let bytes = with_section("dylink.0", &[9, 2, 1, 2, 5, 3, 1, 1, b'x', 1, 4, 16, 2, 3, 0]);
    let expected = with_section("dylink.0", &[9, 2, 1, 2, 1, 4, 16, 2, 3, 0, 5, 3, 1, 1, b'y']);
    assert_eq!(with_runtime_paths(&bytes, &["y".to_owned()]), Ok(expected));
}

#[test]
fn what_is_no_side_module_gets_no_runtime_paths() {
    let error = with_runtime_paths(&assembled("(module (func))"), &[]);
    assert_eq!(error, Err(SideModuleError::NotASideModule));
    let many = vec![String::new(); 1001];
    let found = with_runtime_paths(&fixture("empty.wat"), &many);
    assert_eq!(found, Err(SideModuleError::OverLimit { what: "the number of names", found: 1001, limit: 1000 }));
}

#[test]
fn every_truncation_within_a_section_is_refused() {
    let bytes = fixture("full.wat");
    let sections = Parser::new(0).parse_all(&bytes).filter_map(|payload| payload.unwrap().as_section());
    let ends: Vec<usize> = sections.map(|(_, range)| usize::try_from(range.end).unwrap()).collect();
    for length in 0..bytes.len() {
        let verdict = SideModule::parse(&bytes[..length]);
        assert_eq!(verdict.is_ok(), ends.contains(&length), "cut to {length} of {}: {verdict:?}", bytes.len());
    }
}

#[test]
fn limits_are_the_callers() {
    let limits = Limits { memory_size: 4095, ..Limits::default() };
    let error = SideModule::parse_with(&fixture("full.wat"), &limits);
    let expected = SideModuleError::OverLimit { what: "the memory size", found: 4096, limit: 4095 };
    assert_eq!(error, Err(expected));
}

mod properties {
    use super::{FIXTURES, SideModule, fixture};
    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};
    use proptest::sample::{Index, select};

    proptest! {
        #[test]
        fn damage_is_never_a_panic(name in select(&FIXTURES), changes in vec((any::<Index>(), any::<u8>()), 1..6)) {
            let mut bytes = fixture(name);
            for (place, value) in changes {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            let _ = SideModule::parse(&bytes);
        }

        #[test]
        fn any_dylink_section_is_never_a_panic(contents in vec(any::<u8>(), 0..64)) {
            let _ = SideModule::parse(&super::with_section("dylink.0", &contents));
        }
    }
}
