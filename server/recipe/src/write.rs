//! From a checked recipe to the text of a `recipe.toml`: what is the default is left out, and reading the text gives the
//! same recipe again.

use std::fmt::Write as _;

use pkgsrv_index::PackageName;
use toml::Value;

use crate::checked::{Build, BuildKind, Exports, Prefix, Recipe, Requirements};
use crate::source::{Source, SourceOrigin};

/// A list longer than this goes on several lines.
const LONGEST_LINE: usize = 110;

impl Recipe {
    /// The text of its `recipe.toml`.
    pub fn to_toml(&self) -> String {
        let mut package = Table::new("package");
        package.text("name", self.name.as_str());
        package.text("version", &self.version.to_string());
        let mut test = Table::new("test");
        test.texts("imports", &self.test_imports);
        test.map("leave-out", self.test_left_out.iter().map(|(name, reason)| (name, string(reason))));
        test.optional("script", self.test_script.as_deref());
        let mut about = Table::new("about");
        for (key, value) in
            [("home", &self.about.home), ("summary", &self.about.summary), ("license", &self.about.license)]
        {
            about.optional(key, Some(value.as_str()).filter(|value| !value.is_empty()));
        }
        let tables = [package, source(&self.source), build(&self.build), requirements(&self.requirements), test, about];
        let mut parts: Vec<String> = tables.into_iter().filter_map(Table::finish).collect();
        if !self.extra.is_empty() {
            let whole = toml::Table::from_iter([("extra".to_owned(), Value::Table(self.extra.clone()))]);
            parts.push(whole.to_string());
        }
        parts.join("\n")
    }
}

fn source(source: &Source) -> Table {
    let mut table = Table::new("source");
    match &source.origin {
        SourceOrigin::PyPi(project) => table.text("pypi", project.as_str()),
        SourceOrigin::PyPiWheel { project, filename } => {
            table.text("pypi", project.as_str());
            table.text("wheel", filename);
        }
        SourceOrigin::Debian { package, file } => {
            table.text("debian", package);
            table.text("file", file);
        }
        SourceOrigin::Url(url) => table.text("url", url),
    }
    table.text("sha256", &source.sha256.to_string());
    table.optional("extract-dir", source.extract_dir.as_deref());
    table.texts("patches", &source.patches);
    let pairs = source.extras.iter().map(|(from, to)| format!("[{}, {}]", string(from), string(to)));
    table.list("extras", &pairs.collect::<Vec<_>>());
    table.texts("files", &source.files);
    table.optional("crates", source.crates.as_deref());
    table
}

fn build(build: &Build) -> Table {
    let mut table = Table::new("build");
    match build.kind {
        // The default, and what a source that is a wheel says by itself.
        BuildKind::Package | BuildKind::Wheel => {}
        BuildKind::StaticLibrary => table.text("type", "static-library"),
        BuildKind::SharedLibrary => table.text("type", "shared-library"),
    }
    if build.prefix == Prefix::Shared {
        table.text("prefix", "shared");
    }
    table.optional("script", build.script.as_deref());
    table.optional("post", build.post.as_deref());
    if build.unvendor_tests {
        table.value("unvendor-tests", "true");
    }
    table.texts("retain-test-patterns", &build.retain_test_patterns);
    table.texts("cflags", &build.cflags);
    table.texts("cxxflags", &build.cxxflags);
    table.texts("ldflags", &build.ldflags);
    match &build.exports {
        // The default: of packages, and of shared libraries.
        Exports::PyInit => {}
        Exports::WholeArchive if build.kind == BuildKind::SharedLibrary => {}
        Exports::WholeArchive => table.text("exports", "whole-archive"),
        Exports::Symbols(symbols) => table.value("exports", &list(&strings(symbols))),
    }
    table.map("environment", build.environment.iter().map(|(name, value)| (name, string(value))));
    let settings = build.config_settings.iter();
    table.map("config-settings", settings.map(|(key, values)| (key, list(&strings(values)))));
    table
}

fn requirements(requirements: &Requirements) -> Table {
    let mut table = Table::new("requirements");
    let names = |names: &[PackageName]| names.iter().map(|name| string(name.as_str())).collect::<Vec<_>>();
    if requirements.build_system {
        table.value("build-system", "true");
    }
    table.list("build", &names(&requirements.build));
    table.texts("constraint", &requirements.constraint.iter().map(ToString::to_string).collect::<Vec<_>>());
    table.list("host", &names(&requirements.host));
    table.list("run", &names(&requirements.run));
    let tools: Vec<(String, String)> =
        requirements.tools.iter().map(|tool| (tool.filename.to_string(), string(&tool.sha256.to_string()))).collect();
    table.map("tools", tools.iter().map(|(filename, sha256)| (filename, sha256.clone())));
    table
}

/// One table: its own keys, then the tables in it.
struct Table {
    name: &'static str,
    keys: String,
    inner: String,
}

impl Table {
    fn new(name: &'static str) -> Self {
        Self { name, keys: String::new(), inner: String::new() }
    }

    fn value(&mut self, key: &str, value: &str) {
        writeln!(self.keys, "{key} = {value}").expect("a string grows");
    }

    fn text(&mut self, key: &str, text: &str) {
        self.value(key, &string(text));
    }

    fn optional(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    fn list(&mut self, key: &str, values: &[String]) {
        if !values.is_empty() {
            self.value(key, &list(values));
        }
    }

    fn texts(&mut self, key: &str, texts: &[String]) {
        self.list(key, &strings(texts));
    }

    fn map<'a>(&mut self, key: &str, entries: impl Iterator<Item = (&'a String, String)>) {
        let lines: Vec<String> = entries.map(|(name, value)| format!("{} = {value}\n", bare_or_quoted(name))).collect();
        if !lines.is_empty() {
            write!(self.inner, "\n[{}.{key}]\n{}", self.name, lines.concat()).expect("a string grows");
        }
    }

    fn finish(self) -> Option<String> {
        match (self.keys.is_empty(), self.inner.is_empty()) {
            (true, true) => None,
            (true, false) => Some(self.inner.trim_start().to_owned()),
            _ => Some(format!("[{}]\n{}{}", self.name, self.keys, self.inner)),
        }
    }
}

fn list(values: &[String]) -> String {
    let line = format!("[{}]", values.join(", "));
    if line.len() <= LONGEST_LINE {
        return line;
    }
    format!("[\n    {},\n]", values.join(",\n    "))
}

fn strings(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| string(text)).collect()
}

/// A script stays readable: lines stay as they are, where the quotes for that are not in them.
fn string(text: &str) -> String {
    let is_plain = |c: char| c == '\n' || c == '\t' || !c.is_control();
    if text.ends_with('\n') && !text.contains("'''") && text.chars().all(is_plain) {
        return format!("'''\n{text}'''");
    }
    Value::String(text.to_owned()).to_string()
}

/// A key: never on several lines, as a value may be.
fn bare_or_quoted(key: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !key.is_empty() && key.bytes().all(is_bare) {
        return key.to_owned();
    }
    let escaped = key.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<Vec<_>>().concat())
}
