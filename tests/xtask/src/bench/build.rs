//! `cargo xtask bench build`: numpy built by the compiler wrapper and by plain `emcc`, built again with one changed file,
//! and what the wrapper itself costs.
//!
//! All sides are builds by `pkgsrv build`: the same source, toolchain, sandbox, build tools, meson options, repacking
//! and admission. The plain side differs in the cross file, which names Emscripten's programs; the changed one has a
//! function more in one C file, and the objects that the wrapper's build just left.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;
use toml::{Table, Value};

use crate::command::{cargo, prepare};
use crate::loader;

/// What numpy's plain build needs beside the recipe's own: Emscripten's programs instead of the wrapper, and a home of
/// Python with the target's headers, which else the wrapper puts in place of the build machine's.
const PLAIN_SCRIPT: &str = include_str!("plain-emcc.sh");

/// Compiles a small file by the wrapper, by clang and by `emcc`, and writes the medians to `$PREFIX/compile.json`.
const COMPILE_SCRIPT: &str = include_str!("compile.py");

/// A file of numpy's largest module.
const CHANGE_SCRIPT: &str = "echo 'int pkgsrv_changed(void) { return 1; }' >> numpy/_core/src/multiarray/flagsobject.c";

/// Medians of one compile of a small file, in milliseconds.
#[derive(Debug, Deserialize)]
struct Compile {
    wrapper: f64,
    clang: f64,
    emcc: f64,
    /// Median of wrapper minus clang, each pair measured one right after the other.
    cost: f64,
}

#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    ratio: f64,
    bar: Option<f64>,
}

/// Measures and prints.
pub fn run(json: bool, rounds: u32) -> Result<()> {
    ensure!(rounds > 0, "--rounds must be at least 1");
    let place = Place::prepare()?;
    let compile = place.compile()?;
    let (mut ours, mut plain, mut changed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        recreate(&place.cache().join("objects"))?;
        plain.push(place.timed_build("plain")?);
        ours.push(place.timed_build("ours")?);
        changed.push(place.timed_build("changed")?);
    }
    let (ours, plain, changed) = (median(ours), median(plain), median(changed));
    let rows = [
        Row { name: "numpy, cold build, wrapper / plain emcc", ratio: rounded(ours / plain), bar: Some(0.65) },
        Row { name: "numpy, one changed C file / cold", ratio: rounded(changed / ours), bar: Some(0.25) },
        Row { name: "the wrapper's own cost per compile, in ms", ratio: rounded(compile.cost), bar: Some(5.0) },
        Row {
            name: "compile of a small file, wrapper / emcc",
            ratio: rounded(compile.wrapper / compile.emcc),
            bar: None,
        },
    ];
    if json {
        println!("{}", json!({ "rows": rows }));
        return Ok(());
    }
    println!("numpy, cold build, medians of {rounds}: wrapper {ours:.1} s, plain emcc {plain:.1} s");
    println!("numpy, one changed C file: {changed:.1} s");
    let Compile { wrapper, clang, emcc, .. } = compile;
    println!("compile of a small file: wrapper {wrapper:.1} ms, clang {clang:.1} ms, emcc {emcc:.1} ms");
    for Row { name, ratio, bar } in rows {
        let bar = bar.map_or_else(String::new, |bar| format!("  (bar {bar})"));
        println!("{name:45} {ratio:6.3}{bar}");
    }
    Ok(())
}

/// A cache directory of its own, where results can be thrown away; toolchain, runtime, sources and cross environments are
/// those of the user's cache.
struct Place {
    program: PathBuf,
    directory: PathBuf,
}

impl Place {
    fn prepare() -> Result<Self> {
        loader::build(&loader::LoaderArguments::default())?;
        let root = loader::root()?;
        let target = root.join("target");
        let mut build = cargo();
        build.args(["build", "--release", "--locked", "--package", "pkgsrv", "--target-dir"]).arg(&target);
        prepare(build.current_dir(&root))?;
        let place = Self { program: target.join("release/pkgsrv"), directory: target.join("bench-build") };
        place.link_cache()?;
        let sides =
            [("changed", changed as fn(&mut Table)), ("compile", compile), ("ours", unchanged), ("plain", plain)];
        for (side, change) in sides {
            place.write_recipe(&root, side, change)?;
        }
        Ok(place)
    }

    fn pkgsrv(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(subcommand);
        command
    }

    fn cache(&self) -> PathBuf {
        self.directory.join("cache")
    }

    fn link_cache(&self) -> Result<()> {
        let installed = self.pkgsrv("toolchain").arg("install").stderr(Stdio::inherit()).output();
        let installed = installed.context("cannot start pkgsrv")?;
        let printed = String::from_utf8(installed.stdout)?;
        // The line tells the toolchain's directory, `toolchains/NAME` in the cache.
        let toolchain = printed.split("  ").map(str::trim).find(|part| part.starts_with('/')).map(Path::new);
        let users = toolchain.and_then(|path| path.ancestors().nth(2));
        let users = users.with_context(|| format!("pkgsrv toolchain install printed {printed:?}"))?;
        let cache = self.cache();
        recreate(&cache)?;
        for entry in ["cross-environments", "runtimes", "sources", "toolchains"] {
            let (from, link) = (users.join(entry), cache.join(entry));
            fs::create_dir_all(&from).with_context(|| format!("cannot create {}", from.display()))?;
            symlink(from, &link).with_context(|| format!("cannot create {}", link.display()))?;
        }
        Ok(())
    }

    /// Copies numpy's recipe into the recipe folder of a side, changed.
    fn write_recipe(&self, root: &Path, side: &str, change: fn(&mut Table)) -> Result<()> {
        let (from, to) = (root.join("recipes"), self.recipes(side));
        recreate(&to.join("numpy"))?;
        let path = from.join("numpy/recipe.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut recipe: Table = text.parse().with_context(|| format!("cannot read {}", path.display()))?;
        change(&mut recipe);
        fs::write(to.join("numpy/recipe.toml"), recipe.to_string())?;
        fs::copy(from.join("build-requirements.toml"), to.join("build-requirements.toml"))?;
        Ok(())
    }

    fn recipes(&self, side: &str) -> PathBuf {
        self.directory.join("recipes").join(side)
    }

    /// Builds with an empty cache of results.
    fn build(&self, side: &str) -> Result<()> {
        recreate(&self.cache().join("actions"))?;
        let mut build = self.pkgsrv("build");
        build.arg("numpy").arg("--recipes").arg(self.recipes(side)).arg("--cache").arg(self.cache());
        // It measures compiles.
        build.args((side == "compile").then_some("--no-object-cache"));
        prepare(build.arg("--out").arg(self.directory.join("dist").join(side)))
    }

    /// Seconds from unpacking the source to the admitted wheel.
    fn timed_build(&self, side: &str) -> Result<f64> {
        let started = Instant::now();
        self.build(side)?;
        Ok(started.elapsed().as_secs_f64())
    }

    /// Being the first build, it also brings what the others need: cross environment, source, build tools.
    fn compile(&self) -> Result<Compile> {
        self.build("compile")?;
        let actions = self.cache().join("actions");
        let action = fs::read_dir(&actions)?.next().context("the build left no result")??.path();
        let path = action.join("prefix/compile.json");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(serde_json::from_str(&text)?)
    }
}

fn unchanged(_: &mut Table) {}

/// The recipe with another text of one file.
fn changed(recipe: &mut Table) {
    table(recipe, "build").insert("script".to_owned(), CHANGE_SCRIPT.into());
}

/// The recipe with Emscripten's own programs.
fn plain(recipe: &mut Table) {
    let build = table(recipe, "build");
    build.insert("script".to_owned(), PLAIN_SCRIPT.into());
    table(build, "environment").insert("PYTHONHOME".to_owned(), "/build/source/plain/python".into());
    let settings = table(build, "config-settings");
    let setup = settings.entry("setup-args").or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(arguments) = setup {
        arguments.push("--cross-file=/build/source/plain/emcc.ini".into());
    }
}

/// The recipe as one that measures compiles, and makes nothing.
fn compile(recipe: &mut Table) {
    let script = format!("python3 - <<'END'\n{COMPILE_SCRIPT}\nEND\n");
    let mut build = Table::new();
    build.insert("type".to_owned(), "static-library".into());
    build.insert("script".to_owned(), script.into());
    recipe.insert("build".to_owned(), Value::Table(build));
    recipe.remove("test");
}

fn table<'a>(parent: &'a mut Table, key: &str) -> &'a mut Table {
    let value = parent.entry(key).or_insert_with(|| Value::Table(Table::new()));
    value.as_table_mut().expect("the recipes of the repository are well formed")
}

fn recreate(directory: &Path) -> Result<()> {
    let remove = |error: std::io::Error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) };
    fs::remove_dir_all(directory)
        .or_else(remove)
        .and_then(|()| fs::create_dir_all(directory))
        .with_context(|| format!("cannot empty {}", directory.display()))
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    if numbers.len() % 2 == 1 { numbers[middle] } else { f64::midpoint(numbers[middle - 1], numbers[middle]) }
}

/// Three decimals.
fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}
