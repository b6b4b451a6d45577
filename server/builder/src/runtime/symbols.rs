//! What a runtime gives to side modules.

use std::collections::BTreeMap;

use pkgsrv_side_module::{ExternalKind, FunctionType, MemoryLimits, SideModule};
use serde::Deserialize;

/// What side modules may import from a runtime, and what it can give them.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuntimeSymbols {
    symbols: BTreeMap<String, RuntimeSymbol>,
    /// The memory that it starts with and may grow to; `None` if it does not say.
    pub memory: Option<MemoryLimits>,
}

/// One symbol, by its C name, as the dynamic linker looks it up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RuntimeSymbol {
    /// A function of its wasm module: callers must agree with its type.
    Function(FunctionType),
    /// A function whose type is not known. JavaScript takes whatever it is called with.
    AnyFunction,
    /// The address of data, or a global.
    Data,
    /// Memory, table or tag.
    Other(ExternalKind),
}

/// What `symbols.mjs` prints.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    functions: BTreeMap<String, u32>,
    javascript: Vec<String>,
    data: Vec<String>,
    others: BTreeMap<String, String>,
}

impl RuntimeSymbols {
    /// From what `symbols.mjs` printed and the runtime's wasm module, which has the types. `Err` says why not.
    pub(super) fn read(listed: &str, wasm: &[u8]) -> Result<Self, String> {
        let listed: Listed = serde_json::from_str(listed).map_err(|error| error.to_string())?;
        let module = SideModule::parse(wasm).map_err(|error| format!("its wasm module: {error}"))?;
        let function = |index: u32| match module.function_type(index) {
            Some(found) => RuntimeSymbol::Function(found.clone()),
            None => RuntimeSymbol::AnyFunction,
        };
        let mut symbols: BTreeMap<String, RuntimeSymbol> =
            listed.functions.into_iter().map(|(name, index)| (name, function(index))).collect();
        symbols.extend(listed.javascript.into_iter().map(|name| (name, RuntimeSymbol::AnyFunction)));
        symbols.extend(listed.data.into_iter().map(|name| (name, RuntimeSymbol::Data)));
        for (name, kind) in listed.others {
            let kind = match kind.as_str() {
                "memory" => ExternalKind::Memory,
                "table" => ExternalKind::Table,
                "tag" => ExternalKind::Tag,
                _ => return Err(format!("the symbol {name} is of the unknown kind {kind}")),
            };
            symbols.insert(name, RuntimeSymbol::Other(kind));
        }
        Ok(Self { symbols, memory: module.memories.first().copied() })
    }

    /// What the runtime has under this name.
    pub(crate) fn get(&self, name: &str) -> Option<&RuntimeSymbol> {
        self.symbols.get(name)
    }

    /// For tests: a runtime with these symbols and as much memory as there can be.
    #[cfg(test)]
    pub(crate) fn of<const N: usize>(symbols: [(&str, RuntimeSymbol); N]) -> Self {
        let symbols = symbols.into_iter().map(|(name, symbol)| (name.to_owned(), symbol)).collect();
        Self { symbols, memory: Some(MemoryLimits { minimum: 480, maximum: Some(65_536), shared: false }) }
    }
}

impl RuntimeSymbol {
    /// What kind of import it can be given to.
    pub(crate) fn kind(&self) -> ExternalKind {
        match self {
            Self::Function(_) | Self::AnyFunction => ExternalKind::Function,
            Self::Data => ExternalKind::Global,
            Self::Other(kind) => *kind,
        }
    }
}
