//! What the wrapper is told by the builder: one `key value` pair a line, repeated keys make lists.

/// The settings of one build.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Directory of Emscripten's programs (`emcc`, `em++`, `emar`, …).
    pub emscripten: String,
    /// How Emscripten starts clang for C, each under the argument that it was asked with; the first under the empty one.
    pub clang: Vec<Asked>,
    /// The same for C++.
    pub clang_cxx: Vec<Asked>,
    /// How Emscripten starts the linker for a program of one source file, under driver and source file, `emcc conftest`; what is quicker
    /// and may say less comes before that.
    pub linker: Vec<Asked>,
    /// The same with all symbols that Emscripten lists: what this does not link, it does not either.
    pub refusing_linker: Vec<Asked>,
    /// How Emscripten links a side module, under the level of optimisation, `-O2`: each command begins with
    /// [`STEP`](crate::side_module::STEP).
    pub side_module: Vec<Asked>,
    /// LLVM's `ar`, which `emar` becomes; empty where it is not known.
    pub ar: String,
    /// The same for `ranlib`.
    pub ranlib: String,
    /// The same for `nm`.
    pub nm: String,
    /// The package's flags: they come after a build's own.
    pub package_flags: Vec<String>,
    /// Flags that make objects of this ABI; they come last on the command line, so that they win.
    pub abi_flags: Vec<String>,
    /// Flags that come first, so that a package may override them (optimisation level, includes of host libraries).
    pub default_flags: Vec<String>,
    /// As `default_flags`, for C++ only.
    pub default_cxx_flags: Vec<String>,
    /// Flags for linking side modules.
    pub side_module_flags: Vec<String>,
    /// Flags for linking programs.
    pub program_flags: Vec<String>,
    /// Search paths and libraries added to every link.
    pub link_flags: Vec<String>,
    /// The build Python's include directory, which a native build passes by mistake.
    pub build_python_include: String,
    /// The target Python's include directory, which takes its place.
    pub target_python_include: String,
    /// What a side module exports.
    pub exports: Exports,
    /// Where compiled objects are kept from build to build; `None` where they are not.
    pub objects: Option<Objects>,
}

/// A package's cache of compiled objects.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Objects {
    /// Directory of the entries.
    pub directory: String,
    /// File that tells the builder what was compiled and what was not.
    pub log: String,
    /// Hash over everything that is mounted read-only.
    pub inputs: String,
    /// Directories of which that is true.
    pub known: Vec<String>,
}

/// A command that Emscripten starts, as it told when it was asked.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    /// What it was asked with.
    pub with: String,
    /// Program and arguments.
    pub command: Vec<String>,
}

/// Which symbols a side module exports.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Exports {
    /// Only `PyInit_<module>`: what an extension module needs.
    #[default]
    PyInit,
    /// Everything (Emscripten's `SIDE_MODULE=1`).
    WholeArchive,
    /// The named symbols, without the leading underscore.
    Named(Vec<String>),
}

impl Settings {
    /// Reads the settings; an unknown key is an error, since a misspelt flag would build for a wrong ABI.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut settings = Self::default();
        for (number, line) in text.lines().enumerate() {
            if line.is_empty() {
                continue;
            }
            let (key, value) = line
                .split_once(' ')
                .ok_or_else(|| format!("settings line {}: expected `key value`, found {line:?}", number + 1))?;
            let value = value.to_owned();
            match key {
                "emscripten" => settings.emscripten = value,
                "clang" => settings.clang.push(Asked::parse(&value)),
                "clang++" => settings.clang_cxx.push(Asked::parse(&value)),
                "linker" => settings.linker.push(Asked::parse(&value)),
                "refusing-linker" => settings.refusing_linker.push(Asked::parse(&value)),
                "side-module" => settings.side_module.push(Asked::parse(&value)),
                "ar" => settings.ar = value,
                "ranlib" => settings.ranlib = value,
                "nm" => settings.nm = value,
                "package-flag" => settings.package_flags.push(value),
                "program-flag" => settings.program_flags.push(value),
                "abi-flag" => settings.abi_flags.push(value),
                "default-flag" => settings.default_flags.push(value),
                "default-cxx-flag" => settings.default_cxx_flags.push(value),
                "side-module-flag" => settings.side_module_flags.push(value),
                "link-flag" => settings.link_flags.push(value),
                "build-python-include" => settings.build_python_include = value,
                "target-python-include" => settings.target_python_include = value,
                "export" => settings.add_export(&value),
                "object-cache" => settings.objects().directory = value,
                "object-cache-log" => settings.objects().log = value,
                "object-cache-inputs" => settings.objects().inputs = value,
                "object-cache-known" => settings.objects().known.push(value),
                _ => return Err(format!("settings line {}: unknown key {key:?}", number + 1)),
            }
        }
        Ok(settings)
    }

    fn objects(&mut self) -> &mut Objects {
        self.objects.get_or_insert_default()
    }

    fn add_export(&mut self, value: &str) {
        match (value, &mut self.exports) {
            ("pyinit", _) => self.exports = Exports::PyInit,
            ("whole-archive", _) => self.exports = Exports::WholeArchive,
            (symbol, Exports::Named(symbols)) => symbols.push(symbol.to_owned()),
            (symbol, exports) => *exports = Exports::Named(vec![symbol.to_owned()]),
        }
    }
}

impl Asked {
    /// Parts are separated by tabs; the first is what was asked with.
    fn parse(value: &str) -> Self {
        let mut parts = value.split('\t').map(str::to_owned);
        Self { with: parts.next().unwrap_or_default(), command: parts.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_keys_make_lists() {
        let settings =
            Settings::parse("emscripten /usr/bin\nabi-flag -fPIC\nabi-flag -g0\nexport f\nexport g\n").unwrap();
        assert_eq!(settings.abi_flags, ["-fPIC", "-g0"]);
        assert_eq!(settings.exports, Exports::Named(vec!["f".into(), "g".into()]));
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = Settings::parse("emscripten /usr/bin\nabi-flags -fPIC\n").unwrap_err();
        assert_eq!(error, "settings line 2: unknown key \"abi-flags\"");
    }
}
