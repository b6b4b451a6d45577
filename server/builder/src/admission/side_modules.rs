//! The side modules of a wheel: read by the reader that the browser runs, each import looked up. Pure.

use std::collections::{BTreeMap, BTreeSet};

use pkgsrv_side_module::{ExternalKind, SideModule};
use pkgsrv_wheel::Wheel;

use crate::runtime::RuntimeSymbols;

/// What the linker itself provides.
const FROM_THE_LINKER: &[&str] =
    &["__indirect_function_table", "__memory_base", "__stack_pointer", "__table_base", "memory"];

/// `Err` tells file, side module and symbol.
pub(super) fn check(wheel: &Wheel<'_>, runtime: &RuntimeSymbols) -> Result<(), String> {
    let mut modules = BTreeMap::new();
    for entry in wheel.entries().filter(|entry| is_side_module(entry.path())) {
        let bytes = wheel.read(entry).map_err(|error| error.to_string())?;
        let module = SideModule::parse(&bytes).map_err(|error| format!("{}: {error}", entry.path()))?;
        modules.insert(entry.path().to_owned(), module);
    }
    let by_name: BTreeMap<&str, &SideModule> = modules.iter().map(|(path, module)| (base_name(path), module)).collect();
    for (path, module) in &modules {
        check_module(module, &by_name, runtime).map_err(|reason| format!("{path}: {reason}"))?;
    }
    Ok(())
}

fn check_module(
    module: &SideModule,
    siblings: &BTreeMap<&str, &SideModule>,
    runtime: &RuntimeSymbols,
) -> Result<(), String> {
    if module.uses_tls() || module.uses_shared_memory() {
        return Err("it is built for threads, which the runtime does not have; build it without -pthread".to_owned());
    }
    let mut provided: BTreeSet<&str> = module.exports.iter().map(|export| export.name.as_str()).collect();
    for needed in &module.dylink.needed {
        let library = siblings.get(base_name(needed)).ok_or_else(|| {
            format!("it needs the library {needed}, which is not in the wheel; link it statically or put it in")
        })?;
        provided.extend(library.exports.iter().map(|export| export.name.as_str()));
    }
    for import in &module.imports {
        let name = import.name.as_str();
        let linker = FROM_THE_LINKER.contains(&name) && import.kind != ExternalKind::Function;
        let weak = module.is_weak_import(&import.module, name);
        if !linker && !weak && !provided.contains(name) && !runtime.symbols.contains(name) {
            return Err(format!(
                "it imports {} {name} ({}), which neither the runtime nor a library that it needs exports",
                import.kind, import.module
            ));
        }
    }
    Ok(())
}

fn is_side_module(path: &str) -> bool {
    base_name(path).split('.').skip(1).any(|part| part == "so")
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIBRARY: &str = r#"(module (@dylink.0 (mem-info)) (func (export "helper")))"#;

    fn module(text: &str) -> SideModule {
        SideModule::parse(&wat::parse_str(text).unwrap()).unwrap()
    }

    fn checked(text: &str) -> Result<(), String> {
        let library = module(LIBRARY);
        let siblings = BTreeMap::from([("libhelper.so", &library)]);
        let runtime = RuntimeSymbols { symbols: BTreeSet::from(["PyLong_FromLong".to_owned()]) };
        check_module(&module(text), &siblings, &runtime)
    }

    #[test]
    fn imports_are_looked_up_in_the_runtime_in_needed_libraries_and_in_the_module_itself() {
        let text = r#"(module (@dylink.0 (mem-info) (needed "libhelper.so") (import-info "env" "maybe" binding-weak))
            (import "env" "PyLong_FromLong" (func)) (import "env" "helper" (func)) (import "env" "maybe" (func))
            (import "env" "memory" (memory 1)) (import "GOT.func" "own" (global (mut i32))) (func (export "own")))"#;
        assert_eq!(checked(text), Ok(()));
    }

    #[test]
    fn a_missing_symbol_is_named() {
        let text = r#"(module (@dylink.0 (mem-info)) (import "env" "gethostbyfoo" (func)))"#;
        assert_eq!(
            checked(text).unwrap_err(),
            "it imports function gethostbyfoo (env), which neither the runtime nor a library that it needs exports"
        );
    }

    #[test]
    fn a_missing_library_is_named() {
        let text = r#"(module (@dylink.0 (mem-info) (needed "libz.so")))"#;
        assert_eq!(
            checked(text).unwrap_err(),
            "it needs the library libz.so, which is not in the wheel; link it statically or put it in"
        );
    }
}
