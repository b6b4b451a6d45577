//! WebAssembly features: a side module must be valid with those that every engine of the runtime has. A module says in
//! `target_features` what it was compiled for, but linkers strip that; so its code is read.

use pkgsrv_index::Abi;
use wasmparser::{Operator, Parser, Payload, Validator, WasmFeatures};

use super::report::Finding;

/// What is on everywhere, and what is no feature of its own.
const BASE: WasmFeatures =
    WasmFeatures::FLOATS.union(WasmFeatures::GC_TYPES).union(WasmFeatures::CALL_INDIRECT_OVERLONG);

/// A feature, as the tool conventions name it.
struct Feature {
    name: &'static str,
    /// What the validator must be allowed.
    flags: WasmFeatures,
    /// How to do without.
    advice: &'static str,
}

/// Sorted. Exceptions are here once for each form: the first (`try`, `catch`), which the validator calls legacy, and the
/// later (`try_table`, `exnref`), which it has no flag of its own for.
const FEATURES: &[Feature] = &[
    feature("atomics", WasmFeatures::THREADS, "build it without -pthread and -matomics"),
    feature("bulk-memory", WasmFeatures::BULK_MEMORY.union(WasmFeatures::BULK_MEMORY_OPT), "use -mno-bulk-memory"),
    feature("custom-page-sizes", WasmFeatures::CUSTOM_PAGE_SIZES, ""),
    feature(
        "exception-handling",
        WasmFeatures::EXCEPTIONS.union(WasmFeatures::LEGACY_EXCEPTIONS),
        "build it without -fwasm-exceptions",
    ),
    feature("extended-const", WasmFeatures::EXTENDED_CONST, "build it with -mno-extended-const"),
    feature("gc", WasmFeatures::GC.union(WasmFeatures::FUNCTION_REFERENCES), ""),
    feature("memory64", WasmFeatures::MEMORY64, "build it for wasm32, without -sMEMORY64"),
    feature("multimemory", WasmFeatures::MULTI_MEMORY, ""),
    feature("multivalue", WasmFeatures::MULTI_VALUE, "build it with -mno-multivalue"),
    feature("mutable-globals", WasmFeatures::MUTABLE_GLOBAL, ""),
    feature("nontrapping-fptoint", WasmFeatures::SATURATING_FLOAT_TO_INT, "build it with -mno-nontrapping-fptoint"),
    feature("reference-types", WasmFeatures::REFERENCE_TYPES, "build it with -mno-reference-types"),
    feature("relaxed-simd", WasmFeatures::RELAXED_SIMD, "build it without -mrelaxed-simd"),
    feature("sign-ext", WasmFeatures::SIGN_EXTENSION, "build it with -mno-sign-ext"),
    feature("simd128", WasmFeatures::SIMD, "build it without -msimd128"),
    feature("tail-call", WasmFeatures::TAIL_CALL, "build it with -mno-tail-call"),
    feature("wide-arithmetic", WasmFeatures::WIDE_ARITHMETIC, "build it with -mno-wide-arithmetic"),
];

const fn feature(name: &'static str, flags: WasmFeatures, advice: &'static str) -> Feature {
    Feature { name, flags, advice }
}

/// The later form of exceptions.
const LATER_EXCEPTIONS: &str = "exnref";

/// The names of the features that a module uses, sorted; `Err` says why it is no valid module at all.
pub(super) fn used(bytes: &[u8]) -> Result<Vec<&'static str>, String> {
    let all: Vec<&Feature> = FEATURES.iter().collect();
    if let Err(error) = validate(bytes, &all) {
        return Err(error.to_string());
    }
    let mut used: Vec<&'static str> = Vec::new();
    find_used(bytes, &all, &all, &mut used);
    if used.contains(&"exception-handling") && has_later_exceptions(bytes) {
        used.push(LATER_EXCEPTIONS);
    }
    used.sort_unstable();
    Ok(used)
}

fn validate(bytes: &[u8], features: &[&Feature]) -> wasmparser::Result<()> {
    let flags = features.iter().fold(BASE, |flags, feature| flags | feature.flags);
    Validator::new_with_features(flags).validate_all(bytes).map(|_| ())
}

/// Finds which of `asked` the module is not valid without. Most are not used, and whole groups of those are ruled out by
/// one validation; one that is used ends its validation at its first use.
fn find_used(bytes: &[u8], all: &[&Feature], asked: &[&Feature], used: &mut Vec<&'static str>) {
    let others: Vec<&Feature> =
        all.iter().copied().filter(|feature| !asked.iter().any(|one| one.name == feature.name)).collect();
    if asked.is_empty() || validate(bytes, &others).is_ok() {
        return;
    }
    if let [only] = asked {
        used.push(only.name);
        return;
    }
    let (first, second) = asked.split_at(asked.len() / 2);
    find_used(bytes, all, first, used);
    find_used(bytes, all, second, used);
}

fn has_later_exceptions(bytes: &[u8]) -> bool {
    let bodies = Parser::new(0).parse_all(bytes).filter_map(|payload| match payload {
        Ok(Payload::CodeSectionEntry(body)) => body.get_operators_reader().ok(),
        _ => None,
    });
    let later = |operator: &wasmparser::Result<Operator<'_>>| {
        matches!(operator, Ok(Operator::TryTable { .. } | Operator::ThrowRef))
    };
    bodies.into_iter().any(|operators| operators.into_iter().any(|operator| later(&operator)))
}

/// What is to be said about the features that the module at `path` uses.
pub(super) fn judge(path: &str, used: &[&'static str], abi: Abi) -> Vec<Finding> {
    let facts = abi.facts();
    let has = |list: &[&str], name: &str| list.binary_search(&name).is_ok();
    let runtime = format!("{} {}", facts.runtime, facts.runtime_version);
    let unknown = used.iter().filter(|name| !has(facts.runtime_features, name));
    unknown
        .map(|name| {
            let finding = if has(facts.engine_features, name) {
                Finding::warning(
                    path.to_owned(),
                    format!("it uses the WebAssembly feature {name}, which {runtime} does without"),
                )
                .advice("engines that are older than those of 2023 may refuse it")
            } else {
                Finding::refused(
                    path.to_owned(),
                    format!("it uses the WebAssembly feature {name}, which engines that run {runtime} need not have"),
                )
            };
            match advice(name) {
                "" => finding,
                advice if finding.advice.is_none() => finding.advice(advice),
                _ => finding,
            }
        })
        .collect()
}

fn advice(name: &str) -> &'static str {
    if name == LATER_EXCEPTIONS {
        return "build it with -sWASM_LEGACY_EXCEPTIONS, whose form of exceptions the runtime has";
    }
    FEATURES.iter().find(|feature| feature.name == name).map_or("", |feature| feature.advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used_by(text: &str) -> Result<Vec<&'static str>, String> {
        used(&wat::parse_str(text).unwrap())
    }

    #[test]
    fn each_feature_is_found_by_its_use() {
        for (text, features) in [
            ("(module)", &[][..]),
            ("(module (memory 1 1 shared))", &["atomics"]),
            ("(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))", &["atomics"]),
            ("(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))", &["bulk-memory"]),
            ("(module (tag) (func (block (try_table (catch_all 0)))))", &["exception-handling", "exnref"]),
            ("(module (global i32 (i32.add (i32.const 1) (i32.const 2))))", &["extended-const"]),
            ("(module (type (struct)))", &["gc"]),
            ("(module (memory i64 1))", &["memory64"]),
            ("(module (memory 1) (memory 1))", &["multimemory"]),
            ("(module (func (result i32 i32) unreachable))", &["multivalue"]),
            ("(module (global (export \"g\") (mut i32) (i32.const 0)))", &["mutable-globals"]),
            ("(module (func (drop (i32.trunc_sat_f32_s (f32.const 0)))))", &["nontrapping-fptoint"]),
            ("(module (func (param externref)))", &["reference-types"]),
            ("(module (func (drop (i32.extend8_s (i32.const 0)))))", &["sign-ext"]),
            ("(module (func (drop (v128.const i32x4 0 0 0 0))))", &["simd128"]),
            ("(module (func $f (return_call $f)))", &["tail-call"]),
        ] {
            assert_eq!(used_by(text).unwrap(), features, "{text}");
        }
    }

    #[test]
    fn the_first_form_of_exceptions_is_found_by_its_use() {
        // One function of type () -> () with `try catch_all end`, which the text format has forgotten.
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.extend([1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, 8, 1, 6, 0, 0x06, 0x40, 0x19, 0x0B, 0x0B]);
        assert_eq!(used(&module).unwrap(), ["exception-handling"]);
    }

    #[test]
    fn what_is_not_valid_says_where() {
        let error = used_by("(module (func (result i32)))").unwrap_err();
        assert_eq!(error, "type mismatch: expected i32 but nothing on stack (at offset 0x18)");
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(FEATURES.is_sorted_by_key(|feature| feature.name));
    }
}
