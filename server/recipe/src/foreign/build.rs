//! `build` and `requirements`, and the variables that scripts and flags use.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;

use super::reader::Reader;
use super::variables::{self, Meaning};
use super::yaml::Value;
use crate::text::{BuildText, ExportsText, PackageText, RequirementsText, SourceText};

/// What `executable` may name, since every toolchain has it.
const EXECUTABLES: &[&str] =
    &["autoconf", "automake", "bash", "cmake", "make", "ninja", "node", "patch", "pkg-config", "python3"];

/// Names in `executable` that mean Rust.
const RUST: &[&str] = &["cargo", "rustc", "rustup"];

/// Files that a build against a package gets of it, by their endings; the builder lays these over the pinned wheel.
const CROSS_BUILD_FILES: &[&str] = &[".a", ".h", ".hpp", ".inc", ".pc", ".pxd", ".pxi"];

/// Programs in a script that fetch; a build has no network.
const FETCHING: &[&str] = &["curl", "wget", "git clone", "embuilder", "--use-port="];

impl Reader<'_> {
    /// `build.type`, if it is text.
    pub fn kind(&self) -> Option<&str> {
        match self.node("build", "type").map(|node| &node.value) {
            None => Some("package"),
            Some(Value::Text(text)) => Some(text),
            Some(_) => None,
        }
    }

    pub fn build(&mut self, wheel: bool) -> BuildText {
        let kind = self.build_type();
        let script = self.script();
        self.vendored_libraries(wheel);
        self.cross_build_files();
        let uses_libraries = kind.is_some() || !self.texts("requirements", "host").is_empty();
        let span = self.node("build", "type").map_or(0..0, |node| node.span.clone());
        let prefix = (uses_libraries && !wheel).then(|| Spanned::new(span, "shared".to_owned()));
        let is_library = kind.is_some();
        BuildText {
            kind,
            prefix,
            script,
            post: self.text("build", "post"),
            unvendor_tests: self.boolean("build", "unvendor-tests").unwrap_or(true) && !is_library,
            retain_test_patterns: self.texts("build", "_retain-test-patterns"),
            cflags: self.flags("cflags"),
            cxxflags: self.flags("cxxflags"),
            ldflags: self.flags("ldflags"),
            exports: self.exports(),
            environment: BTreeMap::new(),
            config_settings: self.backend_flags(),
        }
    }

    fn build_type(&mut self) -> Option<Spanned<String>> {
        let kind = self.text("build", "type")?;
        match kind.get_ref().as_str() {
            "package" => {}
            "static_library" => return Some(Spanned::new(kind.span(), "static-library".to_owned())),
            "shared_library" => return Some(Spanned::new(kind.span(), "shared-library".to_owned())),
            "cpython_module" => {
                let message = "`build.type: cpython_module` is not supported";
                self.refuse("build", "type", message, "here", "the runtime has its modules of CPython");
            }
            _ => {
                let help = "known: package, static_library, shared_library, cpython_module";
                self.refuse("build", "type", "unknown `build.type`", "here", help);
            }
        }
        None
    }

    /// Both scripts in one: every script of a build finds the target's tools.
    fn script(&mut self) -> Option<Spanned<String>> {
        let mut script = self.text("build", "script");
        // Their builds make that directory before, and a shared library copies what it ships into it.
        if self.kind() == Some("shared_library")
            && let Some(text) = &mut script
            && text.get_ref().contains("DISTDIR")
        {
            *text = Spanned::new(text.span(), format!("mkdir -p \"$DISTDIR\"\n{}", text.get_ref()));
        }
        let Some(cross) = self.text("build", "cross-script") else { return script };
        let Some(script) = script else { return Some(cross) };
        let both = format!("{}\n{}", script.get_ref().trim_end(), cross.get_ref());
        Some(Spanned::new(script.span(), both))
    }

    /// Shared libraries travel inside the wheels that are built, asked for or not; a wheel that is not stays as it is.
    fn vendored_libraries(&mut self, wheel: bool) {
        if self.boolean("build", "vendor-sharedlib") == Some(true) && wheel {
            let message = "`build.vendor-sharedlib: true` is not supported for a wheel, which is not built";
            self.refuse("build", "vendor-sharedlib", message, "here", "name the sdist as the source");
        }
    }

    /// What these would ask for happens to every package in `host`.
    fn cross_build_files(&mut self) {
        // Read for its kind only.
        let _always = self.boolean("build", "cross-build-env");
        for file in self.texts("build", "cross-build-files") {
            if !CROSS_BUILD_FILES.iter().any(|end| file.get_ref().ends_with(end)) {
                let message = format!("`build.cross-build-files` has {}, which no compiler reads", file.get_ref());
                let help = format!("files that are taken over end with {}", CROSS_BUILD_FILES.join(", "));
                self.refuse_at("build.cross-build-files", &file.span(), &message, "here", &help);
            }
        }
    }

    fn flags(&mut self, key: &str) -> Vec<String> {
        let text = self.text("build", key).map(Spanned::into_inner).unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn exports(&mut self) -> Option<Spanned<ExportsText>> {
        let node = self.node("build", "exports")?;
        let exports = match &node.value {
            Value::Text(word) => match word.as_str() {
                "whole_archive" => ExportsText::Word("whole-archive".to_owned()),
                "requested" => {
                    self.notes.push(REQUESTED_NOTE.to_owned());
                    ExportsText::Word("whole-archive".to_owned())
                }
                // An unknown one is for the check.
                other => ExportsText::Word(other.to_owned()),
            },
            Value::List(_) => {
                ExportsText::Symbols(self.texts("build", "exports").into_iter().map(Spanned::into_inner).collect())
            }
            _ => {
                self.wrong_kind("build", "exports", node, "a word or a list of symbols");
                return None;
            }
        };
        Some(Spanned::new(node.span.clone(), exports))
    }

    /// Words of `key=value`, of which a key may come again; `#` begins a comment.
    fn backend_flags(&mut self) -> BTreeMap<String, Vec<String>> {
        let mut settings: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let Some(text) = self.text("build", "backend-flags") else { return settings };
        let without_comment = |line| str::split(line, " #").next().filter(|line| !line.trim_start().starts_with('#'));
        for word in text.get_ref().lines().filter_map(without_comment).flat_map(str::split_whitespace) {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            // The builder gives meson its cross file by itself.
            if value.starts_with("--cross-file=") && value.contains("MESON_CROSS_FILE") {
                continue;
            }
            settings.entry(key.to_owned()).or_default().push(with_parentheses(value));
        }
        settings
    }

    pub fn requirements(&mut self, wheel: bool) -> RequirementsText {
        self.executables();
        RequirementsText {
            tools: BTreeMap::new(),
            // Their builds install what the source's `pyproject.toml` names.
            build_system: self.kind() == Some("package") && !wheel,
            build: Vec::new(),
            constraint: self.texts("requirements", "constraint"),
            host: unique(self.texts("requirements", "host")),
            run: unique(self.texts("requirements", "run")),
        }
    }

    fn executables(&mut self) {
        for name in self.texts("requirements", "executable") {
            let text = name.get_ref().as_str();
            if !RUST.contains(&text) && !EXECUTABLES.contains(&text) {
                let message = format!("`requirements.executable` has `{text}`, which toolchains do not have");
                self.refuse_at("requirements.executable", &name.span(), &message, "here", EXECUTABLE_HELP);
            }
        }
    }

    fn is_rust(&mut self) -> Option<Spanned<String>> {
        self.texts("requirements", "executable").into_iter().find(|name| RUST.contains(&name.get_ref().as_str()))
    }

    /// Completes source and build by what their texts use.
    pub fn variables(
        &mut self,
        source: Option<SourceText>,
        mut build: BuildText,
        requirements: &RequirementsText,
        package: Option<&PackageText>,
    ) -> Option<(SourceText, BuildText)> {
        if let Some(script) = &build.script {
            let programs: Vec<&str> = FETCHING.iter().copied().filter(|word| calls(script.get_ref(), word)).collect();
            if !programs.is_empty() {
                self.notes.push(format!("its script uses {}, and a build has no network", programs.join(", ")));
            }
        }
        self.name_variables(&mut build, requirements, package);
        let mut source = source?;
        let scripts = [&build.script, &build.post].into_iter().flatten().map(|script| script.get_ref().as_str());
        let scripts = scripts.collect::<Vec<_>>().join("\n");
        source.files = self.files_below_recipe(&scripts);
        if let Some(at) = self.is_rust() {
            source.crates = Some(Spanned::new(at.span(), "Cargo.lock".to_owned()));
            self.notes.push("it is taken to have its Cargo.lock at the top of the source".to_owned());
        }
        Some((source, build))
    }

    /// Puts every variable of theirs that a text uses into `environment`, by what it is here.
    fn name_variables(
        &mut self,
        build: &mut BuildText,
        requirements: &RequirementsText,
        package: Option<&PackageText>,
    ) {
        let script = build.script.as_ref().map_or("", |script| script.get_ref().as_str()).to_owned();
        let post = build.post.as_ref().map_or("", |post| post.get_ref().as_str()).to_owned();
        let mut used: Vec<(&str, String)> = Vec::new();
        for (key, text) in [("script", &script), ("post", &post)] {
            let names = variables::mentioned(text).into_iter().filter(|name| !variables::is_set_in(text, name));
            used.extend(names.filter(|name| variables::meaning(name).is_some()).map(|name| (key, name.to_owned())));
        }
        let flags = [("cflags", &build.cflags), ("cxxflags", &build.cxxflags), ("ldflags", &build.ldflags)];
        let settings = build.config_settings.values().map(|values| ("backend-flags", values));
        for (key, texts) in flags.into_iter().chain(settings) {
            let names = texts.iter().flat_map(|text| crate::variables::names(text));
            used.extend(names.filter(|name| !variables::is_set_in(&script, name)).map(|name| (key, name.to_owned())));
        }
        // Packages look for it to learn what they are built for.
        if requirements.build_system {
            build.environment.insert("PYODIDE".to_owned(), "1".to_owned());
        }
        for (key, name) in used {
            match variables::meaning(&name) {
                Some(Meaning::Value(value)) => drop(build.environment.insert(name, value.to_owned())),
                Some(Meaning::Version) => {
                    let version = package.map(|package| package.version.get_ref().clone()).unwrap_or_default();
                    build.environment.insert(name, version);
                }
                Some(Meaning::Same) => {}
                Some(Meaning::Refused(help)) => {
                    let field = format!("${name} in `build.{key}` is not supported");
                    self.refuse("build", key, &field, "here", help);
                }
                None => {
                    let message = format!("nothing sets $({name}), which `build.{key}` uses");
                    self.refuse("build", key, &message, "here", "export it in `build.script`, or write its value");
                }
            }
        }
    }
}

fn unique(names: Vec<Spanned<String>>) -> Vec<Spanned<String>> {
    let mut seen = BTreeSet::new();
    names.into_iter().filter(|name| seen.insert(name.get_ref().clone())).collect()
}

/// Whether a script has the words in what is no comment.
fn calls(script: &str, words: &str) -> bool {
    script.lines().filter(|line| !line.trim_start().starts_with('#')).any(|line| line.contains(words))
}

/// `${NAME}` as `$(NAME)`.
fn with_parentheses(text: &str) -> String {
    let mut parts = text.split("${");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}') {
            Some((name, rest)) => whole.extend(["$(", name, ")", rest]),
            None => whole.extend(["${", part]),
        }
    }
    whole
}

const EXECUTABLE_HELP: &str = "bring what the program makes as a patch, or as `extras`";
const REQUESTED_NOTE: &str =
    "`exports: requested` becomes \"whole-archive\", which exports the same symbols and those of archives";
