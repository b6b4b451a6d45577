//! The side modules of a wheel: what they use and demand, and whether each import binds to something that fits. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use pkgsrv_index::Abi;
use pkgsrv_side_module::{Export, ExternalKind, FunctionType, Import, Limits, SideModule, normal_path};

use super::features;
use super::report::{Check, CheckName, Finding, ImportCounts, NeededLibrary, SideModuleReport};
use super::wheel_files::{Binary, base_name};
use crate::runtime::{RuntimeSymbol, RuntimeSymbols};

/// What the linker itself provides.
const FROM_THE_LINKER: &[&str] =
    &["__indirect_function_table", "__memory_base", "__stack_pointer", "__table_base", "memory"];

/// What code imports that was compiled for exceptions or `longjmp` by way of JavaScript.
const JAVASCRIPT_EXCEPTIONS: &[&str] = &["__cxa_find_matching_catch_", "invoke_"];

/// Bytes of data of one module from which on people with small machines should know.
const LARGE_MEMORY: u32 = 100 << 20;

/// Slots of one module's part of the function table from which on somebody should look.
const LARGE_TABLE: u32 = 1_000_000;

const PAGE: u64 = 1 << 16;

/// Side modules of one wheel.
pub(super) struct Library {
    /// The wheel's filename; `None` for the one that is checked.
    pub wheel: Option<String>,
    /// Path in the wheel.
    pub path: String,
    pub module: SideModule,
}

/// Reads the modules themselves: valid, of the features that engines have. What cannot be read is missing in the second
/// result.
pub(super) fn read(binaries: &[Binary], abi: Abi) -> (Check, Vec<Library>, Vec<SideModuleReport>) {
    // Demands are judged by themselves, with a reason.
    let limits = Limits { memory_size: u32::MAX, table_size: u32::MAX, alignment: 31, ..Limits::default() };
    let mut findings = Vec::new();
    let mut libraries = Vec::new();
    let mut reports = Vec::new();
    let mut everything = BTreeSet::new();
    for Binary { path, bytes } in binaries {
        let parsed = SideModule::parse_with(bytes, &limits).map_err(|error| error.to_string());
        let module = match parsed {
            Ok(module) => module,
            Err(error) => {
                findings.push(Finding::refused(path.clone(), error));
                continue;
            }
        };
        let used = match features::used(bytes) {
            Ok(used) => used,
            Err(error) => {
                let found = format!("it is not valid WebAssembly: {error}");
                findings.push(Finding::refused(path.clone(), found).advice("build it again; the file is damaged"));
                continue;
            }
        };
        findings.extend(features::judge(path, &used, abi));
        findings.extend(threads(path, &module));
        everything.extend(used.iter().copied());
        reports.push(SideModuleReport {
            path: path.clone(),
            size: bytes.len() as u64,
            memory: module.dylink.memory_size,
            table: module.dylink.table_size,
            features: used.into_iter().map(str::to_owned).collect(),
            exports: module.exports.len(),
            python_modules: module.python_modules().map(str::to_owned).collect(),
            ..SideModuleReport::default()
        });
        libraries.push(Library { wheel: None, path: path.clone(), module });
    }
    let listed = everything.into_iter().collect::<Vec<_>>().join(", ");
    let summary = match listed.as_str() {
        "" if libraries.is_empty() => "no side module could be read".to_owned(),
        "" => "none beyond the first version's".to_owned(),
        _ => listed,
    };
    (Check::new(CheckName::Features, summary, findings), libraries, reports)
}

fn threads(path: &str, module: &SideModule) -> Option<Finding> {
    let thread_local = module.dylink.exports.iter().map(|info| (&info.name, info.flags));
    let thread_local = thread_local.chain(module.dylink.imports.iter().map(|info| (&info.name, info.flags)));
    let found = match thread_local.into_iter().find(|(_, flags)| flags.is_tls()) {
        Some((name, _)) => format!("it keeps {name} in thread-local storage: it"),
        None if module.uses_shared_memory() => "it imports shared memory: it".to_owned(),
        None => return None,
    };
    Some(
        Finding::refused(path.to_owned(), format!("{found} is built for threads, which the runtime does not have"))
            .advice("build it without -pthread"),
    )
}

/// Whether memory and table of the modules can be had.
pub(super) fn demands(libraries: &[Library], runtime: &RuntimeSymbols) -> Check {
    let most = Limits::default();
    let available = runtime.memory.map_or(u64::from(u32::MAX), |memory| {
        u64::from(memory.maximum.unwrap_or(1 << 16).saturating_sub(memory.minimum)) * PAGE
    });
    let mut findings = Vec::new();
    for Library { path, module, .. } in libraries {
        let dylink = &module.dylink;
        let (memory, table) = (dylink.memory_size, dylink.table_size);
        if memory > most.memory_size || u64::from(memory) > available {
            let limit = u64::from(most.memory_size).min(available);
            findings.push(
                Finding::refused(path.clone(), format!("it asks for {memory} bytes of memory for its data"))
                    .expected(format!("at most {limit}, which one module can be given"))
                    .advice("allocate large buffers when they are used, not as static data"),
            );
        } else if memory > LARGE_MEMORY {
            findings.push(
                Finding::warning(path.clone(), format!("it takes {memory} bytes of memory as soon as it is imported"))
                    .advice("small machines may not have that much; allocate large buffers when they are used"),
            );
        }
        if table > most.table_size {
            findings.push(
                Finding::refused(path.clone(), format!("it asks for {table} slots of the function table"))
                    .expected(format!("at most {}, which engines give", most.table_size)),
            );
        } else if table > LARGE_TABLE {
            findings.push(Finding::warning(path.clone(), format!("it asks for {table} slots of the function table")));
        }
        for (what, alignment) in [("memory", dylink.memory_alignment), ("table", dylink.table_alignment)] {
            if alignment > most.alignment {
                findings.push(
                    Finding::refused(path.clone(), format!("its {what} is to be aligned to 2^{alignment}"))
                        .expected(format!("at most 2^{}", most.alignment)),
                );
            }
        }
        for (what, count) in [("memory", module.memories.len()), ("table", module.tables as usize)] {
            if count > 0 {
                findings.push(
                    Finding::refused(path.clone(), format!("it defines a {what} of its own"))
                        .expected(format!("that it imports the runtime's {what} from env"))
                        .advice("link it with -sSIDE_MODULE"),
                );
            }
        }
    }
    let total =
        |of: fn(&SideModule) -> u32| libraries.iter().map(|library| u64::from(of(&library.module))).sum::<u64>();
    let memory = total(|module| module.dylink.memory_size);
    let table = total(|module| module.dylink.table_size);
    Check::new(CheckName::Demands, format!("{memory} bytes of memory and {table} slots of the table in all"), findings)
}

/// Extension modules, by their names, must have an initialiser.
pub(super) fn initialisers(libraries: &[Library], abi: Abi) -> Check {
    let mut findings = Vec::new();
    let mut count = 0;
    for Library { path, module, .. } in libraries {
        let file = base_name(path);
        let suffixes = [abi.facts().extension_suffix, ".abi3.so"];
        let Some(name) = suffixes.iter().find_map(|suffix| file.strip_suffix(suffix)) else { continue };
        // A package's own initialiser is called as the package is.
        let folder = path.rsplit('/').nth(1).unwrap_or_default();
        let name = if name == "__init__" { folder } else { name };
        // Names beyond ASCII are encoded in the symbol; the import test tries those.
        if !name.is_ascii() {
            continue;
        }
        count += 1;
        if !module.python_modules().any(|found| found == name) {
            let found = match module.python_modules().collect::<Vec<_>>().as_slice() {
                [] => "it exports no PyInit function".to_owned(),
                others => format!("it exports PyInit_{}", others.join(", PyInit_")),
            };
            findings.push(
                Finding::warning(path.clone(), found)
                    .expected(format!("PyInit_{name}"))
                    .advice("`import` cannot load it; export that function when linking, or give it a plain .so name"),
            );
        }
    }
    Check::new(CheckName::Initialisers, format!("{count} extension modules"), findings)
}

/// Looks up what every module needs and imports. `others` are libraries of the wheels that this one needs; `reports`
/// gets what was found, by path.
pub(super) fn link(
    libraries: &[Library],
    others: &[Library],
    runtime: &RuntimeSymbols,
    reports: &mut [SideModuleReport],
) -> [Check; 2] {
    let linker = Linker { all: libraries.iter().chain(others).collect(), runtime };
    let (mut missing, mut unfit) = (Vec::new(), Vec::new());
    let mut totals = ImportCounts::default();
    let mut needed = 0;
    for library in libraries {
        let scope = linker.scope(library, &mut missing);
        let counts = linker.imports(library, &scope, &mut unfit);
        for (total, count) in [
            (&mut totals.linker, counts.linker),
            (&mut totals.runtime, counts.runtime),
            (&mut totals.libraries, counts.libraries),
            (&mut totals.itself, counts.itself),
            (&mut totals.absent, counts.absent),
        ] {
            *total += count;
        }
        needed += library.module.dylink.needed.len();
        if let Some(report) = reports.iter_mut().find(|report| report.path == library.path) {
            report.imports = counts;
            report.needed = linker.needed(library);
        }
    }
    let summary = format!(
        "{} imports: {} from the runtime, {} from libraries, {} from the module itself",
        totals.total(),
        totals.runtime,
        totals.libraries,
        totals.itself
    );
    [
        Check::new(CheckName::Libraries, format!("{needed} needed"), missing),
        Check::new(CheckName::Symbols, summary, unfit),
    ]
}

struct Linker<'a> {
    /// The wheel's own first.
    all: Vec<&'a Library>,
    runtime: &'a RuntimeSymbols,
}

/// Where a needed library was found.
struct Located<'a> {
    library: &'a Library,
    /// Whether a runtime path of who needs it leads there.
    by_path: bool,
}

impl<'a> Linker<'a> {
    /// By the runtime paths, else the only library of that name that is not the one that asks. Wheels are unpacked into
    /// one directory, so a path in one wheel may lead to a file of another.
    fn locate(&self, by: &Library, name: &str) -> Option<Located<'a>> {
        let directories = by.module.dylink.runtime_directories(&unpacked(&by.path));
        let paths: Vec<String> =
            directories.into_iter().map(|directory| normal_path(&format!("{directory}/{name}"))).collect();
        let at = |path: &String| self.all.iter().find(|library| unpacked(&library.path) == *path).copied();
        if let Some(library) = paths.iter().find_map(at) {
            return Some(Located { library, by_path: true });
        }
        let other = |library: &&&Library| base_name(&library.path) == base_name(name) && library.path != by.path;
        self.all.iter().find(other).map(|library| Located { library, by_path: false })
    }

    fn needed(&self, by: &Library) -> Vec<NeededLibrary> {
        let found = |name: &String| self.locate(by, name).map(|located| place(located.library));
        by.module.dylink.needed.iter().map(|name| NeededLibrary { name: name.clone(), found: found(name) }).collect()
    }

    /// All that is needed, directly and in turn. What is not there, and what is needed in a circle, goes into
    /// `findings`.
    fn scope(&self, library: &Library, findings: &mut Vec<Finding>) -> Vec<&'a Library> {
        let mut scope: Vec<&Library> = Vec::new();
        let mut queue: VecDeque<(&Library, String)> =
            library.module.dylink.needed.iter().map(|name| (library, name.clone())).collect();
        while let Some((by, name)) = queue.pop_front() {
            let direct = std::ptr::eq(by, library);
            let Some(Located { library: found, by_path }) = self.locate(by, &name) else {
                // Reported where it is needed directly.
                if direct {
                    findings.push(
                        Finding::refused(
                            by.path.clone(),
                            format!(
                                "it needs the library {name}, which is neither in the wheel nor in one that it needs"
                            ),
                        )
                        .advice("link it statically, put it in, or require the package that has it"),
                    );
                }
                continue;
            };
            if direct && !by_path {
                findings.push(
                    Finding::warning(
                        by.path.clone(),
                        format!("it needs {name}, which is at {}, where none of its runtime paths leads", place(found)),
                    )
                    .advice("link it with -Wl,-rpath,$ORIGIN/… ; loaders other than ours may not find it"),
                );
            }
            if found.path == library.path && found.wheel == library.wheel {
                findings.push(Finding::refused(
                    library.path.clone(),
                    format!("it needs {name}, which needs it in turn; no linker of side modules can begin with either"),
                ));
                continue;
            }
            if !scope.iter().any(|known| std::ptr::eq(*known, found)) {
                scope.push(found);
                queue.extend(found.module.dylink.needed.iter().map(|name| (found, name.clone())));
            }
        }
        scope
    }

    /// Counts the imports by provider. What is provided by nobody or by something that does not fit goes into
    /// `findings`.
    fn imports(&self, library: &Library, scope: &[&'a Library], findings: &mut Vec<Finding>) -> ImportCounts {
        let Library { path, module, .. } = library;
        let own = exports(module);
        let scope: Vec<BTreeMap<&str, Provided<'_>>> = scope.iter().map(|library| exports(&library.module)).collect();
        let mut counts = ImportCounts::default();
        let mut by_javascript = Vec::new();
        for import in &module.imports {
            let name = import.name.as_str();
            if import.module == "env" && import.kind != ExternalKind::Function && FROM_THE_LINKER.contains(&name) {
                counts.linker += 1;
                continue;
            }
            if import.kind == ExternalKind::Function
                && JAVASCRIPT_EXCEPTIONS.iter().any(|begin| name.starts_with(begin))
            {
                by_javascript.push(name);
                continue;
            }
            let is_address = matches!(import.module.as_str(), "GOT.func" | "GOT.mem");
            if !is_address && !matches!(import.module.as_str(), "env" | "wasi_snapshot_preview1") {
                findings.push(
                    Finding::refused(path.clone(), format!("it imports {} {name} from {}", import.kind, import.module))
                        .expected("imports from env, wasi_snapshot_preview1, GOT.func and GOT.mem alone")
                        .advice("build it with Emscripten"),
                );
                continue;
            }
            let provided = if let Some(symbol) = self.runtime.get(name) {
                counts.runtime += 1;
                Some((Provided::of_runtime(symbol), "the runtime's".to_owned()))
            } else if let Some(found) = scope.iter().find_map(|exports| exports.get(name)) {
                counts.libraries += 1;
                Some((*found, "that of the library which has it".to_owned()))
            } else if let Some(found) = own.get(name) {
                counts.itself += 1;
                Some((*found, "its own".to_owned()))
            } else if module.is_weak_import(&import.module, name) {
                counts.absent += 1;
                continue;
            } else {
                None
            };
            match provided {
                Some(_) if is_address => {}
                Some((provided, whose)) => findings.extend(mismatch(path, module, import, provided, &whose)),
                None => findings.push(
                    Finding::refused(
                        path.clone(),
                        format!(
                            "it imports {} {name} ({}), which neither the runtime nor a library that it needs exports",
                            kind_of(import),
                            import.module
                        ),
                    )
                    .advice("link what defines it, or build without what uses it"),
                ),
            }
        }
        findings.extend(javascript_exceptions(path, &by_javascript));
        counts
    }
}

/// What somebody provides under a name.
#[derive(Clone, Copy)]
struct Provided<'a> {
    kind: ExternalKind,
    /// The type of a function, if it is known.
    function: Option<&'a FunctionType>,
}

impl<'a> Provided<'a> {
    fn of_runtime(symbol: &'a RuntimeSymbol) -> Self {
        let function = match symbol {
            RuntimeSymbol::Function(function) => Some(function),
            _ => None,
        };
        Self { kind: symbol.kind(), function }
    }
}

fn exports(module: &SideModule) -> BTreeMap<&str, Provided<'_>> {
    let provided = |export: &Export| Provided { kind: export.kind, function: module.exported_function_type(export) };
    module.exports.iter().map(|export| (export.name.as_str(), provided(export))).collect()
}

/// Engines refuse to link a function to an import of another type; C compilers let such declarations pass.
fn mismatch(path: &str, module: &SideModule, import: &Import, provided: Provided<'_>, whose: &str) -> Option<Finding> {
    let Import { name, kind, .. } = import;
    if *kind != provided.kind {
        return Some(
            Finding::refused(path.to_owned(), format!("it imports {name} as a {kind}"))
                .expected(format!("a {}, as {whose} is", provided.kind)),
        );
    }
    let (Some(asked), Some(given)) = (module.imported_function_type(import), provided.function) else { return None };
    if asked == given {
        return None;
    }
    Some(
        Finding::refused(path.to_owned(), format!("it imports function {name} as {asked}"))
            .expected(format!("{given}, as {whose} is"))
            .advice("correct its declaration in the source; C compilers warn of it with -Wstrict-prototypes and -Wmissing-prototypes"),
    )
}

fn javascript_exceptions(path: &str, names: &[&str]) -> Option<Finding> {
    let (first, others) = names.split_first()?;
    let more = if others.is_empty() { String::new() } else { format!(" and {} more of its kind", others.len()) };
    Some(
        Finding::refused(
            path.to_owned(),
            format!("it imports {first}{more}: it handles exceptions or longjmp by way of JavaScript"),
        )
        .expected("WebAssembly's own exceptions, as the runtime has them")
        .advice("build all of it with -fwasm-exceptions -sSUPPORT_LONGJMP=wasm"),
    )
}

/// What a person would call the import: `GOT.mem` and `GOT.func` import addresses, not globals.
fn kind_of(import: &Import) -> String {
    match import.module.as_str() {
        "GOT.mem" => "the address of data".to_owned(),
        "GOT.func" => "the address of function".to_owned(),
        _ => import.kind.to_string(),
    }
}

fn place(library: &Library) -> String {
    match &library.wheel {
        Some(wheel) => format!("{wheel}: {}", library.path),
        None => library.path.clone(),
    }
}

/// Where a library is when all wheels are unpacked into one directory, which is no directory that a runtime path would name
/// by itself.
fn unpacked(path: &str) -> String {
    normal_path(&format!("/site-packages/{path}"))
}

#[cfg(test)]
mod tests;
