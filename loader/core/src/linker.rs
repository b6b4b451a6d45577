//! The linker's view: which libraries there are, and what binds to what.

use std::collections::VecDeque;

use litemap::LiteMap;
use pkgsrv_side_module::{ExternalKind, Import, SideModule};

use crate::CoreError;
use crate::plan::{Binding, LinkPlan, PlannedImport};

/// Libraries by path, with the symbols that the runtime gives to everyone.
///
/// A symbol is looked up in the runtime first, then in the needed libraries in order, then in the
/// module itself: the order of Emscripten's own loader, on which C++ type information in several
/// libraries relies to be one.
#[derive(Debug, Default)]
pub struct Linker {
    /// Sorted.
    runtime: Vec<Box<str>>,
    libraries: LiteMap<String, Library>,
    /// Needed libraries that the host found: by the library that needs them and the name it uses.
    found: LiteMap<(String, String), String>,
}

#[derive(Debug)]
enum Library {
    /// One that we link.
    Ours(Box<SideModule>),
    /// One that is linked already.
    Linked {
        /// Sorted.
        exports: Vec<Box<str>>,
        /// Paths of the libraries that it needs.
        needed: Vec<String>,
    },
}

impl Linker {
    /// Names of what a library of ours imports, in order.
    pub fn imports(&self, path: &str) -> impl Iterator<Item = &str> {
        let module = match self.libraries.get(path) {
            Some(Library::Ours(module)) => Some(module),
            _ => None,
        };
        module.into_iter().flat_map(|module| module.imports.iter().map(|import| import.name.as_str()))
    }

    /// Replaces the symbols that every library may use. Those are enough that the libraries import which are to be planned.
    pub fn set_runtime<'a>(&mut self, symbols: impl Iterator<Item = &'a str>) {
        self.runtime = sorted(symbols);
    }

    /// Adds a library of ours. What cannot run in any runtime is refused by name.
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> Result<(), CoreError> {
        let path = path.to_owned();
        let module = SideModule::parse(bytes).map_err(|source| CoreError::SideModule { path: path.clone(), source })?;
        let unsupported = if module.uses_tls() {
            Some("thread-local storage")
        } else if module.uses_shared_memory() {
            Some("memory shared between threads")
        } else {
            None
        };
        if let Some(feature) = unsupported {
            return Err(CoreError::UnsupportedModule { path, feature: feature.to_owned() });
        }
        self.libraries.insert(path, Library::Ours(Box::new(module)));
        Ok(())
    }

    /// Adds a library whose linking is settled, with its exports and the paths of what it needs.
    pub fn add_linked<'a>(
        &mut self,
        path: &str,
        exports: impl Iterator<Item = &'a str>,
        needed: impl Iterator<Item = &'a str>,
    ) {
        let library = Library::Linked { exports: sorted(exports), needed: needed.map(str::to_owned).collect() };
        self.libraries.insert(path.to_owned(), library);
    }

    /// Forgets a library.
    pub fn remove(&mut self, path: &str) {
        self.libraries.remove(path);
        self.found.retain(|(by, _), found| by != path && found != path);
    }

    /// Notes where the host found `name`, which the library at `by` needs.
    pub fn set_found(&mut self, by: &str, name: &str, path: &str) {
        self.found.insert((by.to_owned(), name.to_owned()), path.to_owned());
    }

    /// Whether the library at `path` is known.
    pub fn has(&self, path: &str) -> bool {
        self.libraries.contains_key(path)
    }

    /// Needed libraries of the one at `path` that are not among the known ones: name, and the
    /// directories to look in.
    pub fn unresolved(&self, path: &str) -> Vec<(String, Vec<String>)> {
        let Some(Library::Ours(module)) = self.libraries.get(path) else { return Vec::new() };
        let needed = module.dylink.needed.iter();
        let missing = needed.filter(|name| self.locate(path, module, name).is_none());
        missing.map(|name| (name.clone(), module.dylink.runtime_directories(path))).collect()
    }

    /// Plans the linking of the library at `path`.
    pub fn plan(&self, path: &str) -> Result<LinkPlan, CoreError> {
        let Some(Library::Ours(module)) = self.libraries.get(path) else {
            return Err(CoreError::HostValue { problem: format!("there is no library {path}") });
        };
        let needed = self.needed(path, module)?;
        let scope = self.scope(path, &needed)?;
        let own = sorted(module.exports.iter().map(|export| export.name.as_str()));
        let by_runtime = module.embedded_javascript().next().is_some();
        let embedded = sorted(module.embedded_javascript().filter_map(|name| name.strip_prefix("__em_js__")));
        let mut imports = Vec::with_capacity(module.imports.len());
        for import in &module.imports {
            let binding = match self.bind(module, import, &scope, &own) {
                Some(binding) => binding,
                // The runtime's loader makes these out of the source that the module carries.
                None if contains(&embedded, &import.name) => Binding::Own,
                None => {
                    return Err(CoreError::MissingSymbol {
                        path: path.to_owned(),
                        module: import.module.clone(),
                        symbol: import.name.clone(),
                        kind: kind_of(import),
                    });
                }
            };
            let (from, name) = (import.module.clone(), import.name.clone());
            imports.push(PlannedImport(from, name, import.kind.to_string(), binding));
        }
        Ok(LinkPlan {
            path: path.to_owned(),
            memory_size: module.dylink.memory_size,
            memory_alignment: 1 << module.dylink.memory_alignment,
            table_size: module.dylink.table_size,
            table_alignment: 1 << module.dylink.table_alignment,
            needed,
            scope,
            imports,
            shared: module.python_modules().next().is_none(),
            by_runtime,
        })
    }

    fn bind(&self, module: &SideModule, import: &Import, scope: &[String], own: &[Box<str>]) -> Option<Binding> {
        let name = import.name.as_str();
        let by_address = matches!(import.module.as_str(), "GOT.mem" | "GOT.func");
        if !by_address && !matches!(import.module.as_str(), "env" | "wasi_snapshot_preview1") {
            return None;
        }
        if import.module == "env" && matches!(name, "__memory_base" | "__table_base") {
            return Some(Binding::Base);
        }
        if contains(&self.runtime, name) {
            return Some(Binding::Runtime);
        }
        let provides = |path: &String| match self.libraries.get(path) {
            Some(Library::Ours(library)) => library.exports.iter().any(|export| export.name == name),
            Some(Library::Linked { exports, .. }) => contains(exports, name),
            None => false,
        };
        if let Some(place) = scope.iter().position(provides) {
            return Some(Binding::Library(place));
        }
        // Its own exports exist only after instantiation: functions can wait for that, and so can
        // addresses; memories, tables and tags cannot.
        let deferrable = by_address || import.kind == ExternalKind::Function;
        if deferrable && contains(own, name) {
            return Some(Binding::Own);
        }
        (deferrable && module.is_weak_import(&import.module, name)).then_some(Binding::Absent)
    }

    /// Paths of the libraries that `module` needs, in order.
    fn needed(&self, path: &str, module: &SideModule) -> Result<Vec<String>, CoreError> {
        let needed = module.dylink.needed.iter();
        let located = needed.map(|name| {
            self.locate(path, module, name)
                .ok_or_else(|| CoreError::MissingLibrary { path: path.to_owned(), library: name.clone() })
        });
        located.collect()
    }

    /// All that is needed directly and in turn: breadth first, each once.
    fn scope(&self, path: &str, needed: &[String]) -> Result<Vec<String>, CoreError> {
        let mut scope: Vec<String> = Vec::new();
        let mut queue: VecDeque<String> = needed.iter().cloned().collect();
        while let Some(next) = queue.pop_front() {
            if next == path {
                let feature = "a library that needs it in turn".to_owned();
                return Err(CoreError::UnsupportedModule { path: next, feature });
            }
            if scope.contains(&next) {
                continue;
            }
            match self.libraries.get(&next) {
                Some(Library::Ours(module)) => queue.extend(self.needed(&next, module)?),
                Some(Library::Linked { needed, .. }) => queue.extend(needed.iter().cloned()),
                None => {}
            }
            scope.push(next);
        }
        Ok(scope)
    }

    /// Where a needed library is: as the runtime paths say, as the host found it, or the only
    /// one of that file name.
    fn locate(&self, by: &str, module: &SideModule, name: &str) -> Option<String> {
        if name.starts_with('/') {
            return self.has(name).then(|| name.to_owned());
        }
        let directories = module.dylink.runtime_directories(by);
        let paths = directories.iter().map(|directory| format!("{directory}/{name}"));
        if let Some(path) = paths.into_iter().find(|path| self.has(path)) {
            return Some(path);
        }
        if let Some(found) = self.found.get(&(by.to_owned(), name.to_owned())) {
            return Some(found.clone());
        }
        let same_name = |path: &&String| path.rsplit('/').next() == Some(name) && path.as_str() != by;
        self.libraries.keys().find(same_name).cloned()
    }
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Box<str>> {
    let mut names: Vec<Box<str>> = names.map(Box::from).collect();
    names.sort_unstable();
    names
}

fn contains(names: &[Box<str>], name: &str) -> bool {
    names.binary_search_by(|known| known.as_ref().cmp(name)).is_ok()
}

/// What a person would call the import: `GOT.mem` and `GOT.func` import addresses, not globals.
fn kind_of(import: &Import) -> String {
    match import.module.as_str() {
        "GOT.mem" => "data address".to_owned(),
        "GOT.func" => "function address".to_owned(),
        _ => import.kind.to_string(),
    }
}
