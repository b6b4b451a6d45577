//! numpy by the compiler wrapper, by plain `emcc`, by pyodide-build, with one changed file, and with nothing changed.
//!
//! All sides are builds by `pkgsrv build`: the same source, toolchain, sandbox, build tools, meson options, repacking
//! and admission. The plain side differs in the cross file, which names Emscripten's programs; the changed one has a
//! function more in one C file, and the objects that the wrapper's build just left. The tools are installed before. How
//! pyodide-build's side differs, `pyodide_build.rs` tells. The bar holds against the faster peer.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use toml::{Table, Value};

use super::place::Place;
use super::{Row, median, pyodide_build};
use crate::command::{prepare, recreate};

/// What numpy's plain build needs beside the recipe's own: Emscripten's programs instead of the wrapper, and a home of
/// Python with the target's headers, which else the wrapper puts in place of the build machine's.
const PLAIN_SCRIPT: &str = include_str!("plain-emcc.sh");

/// Compiles a small file by the wrapper, by clang and by `emcc`, and writes the medians to `$PREFIX/compile.json`.
const COMPILE_SCRIPT: &str = include_str!("compile.py");

/// The sides that keep objects, and take those that there are.
const OF_THE_CACHE: &[&str] = &["ours", "changed"];

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

/// Rows, and lines for people.
pub(super) fn measure(place: &Place, rounds: u32) -> Result<(Vec<Row>, Vec<String>)> {
    for (side, change) in
        [("changed", changed as fn(&mut Table)), ("compile", compile), ("ours", unchanged), ("plain", plain)]
    {
        write_recipe(place, side, change)?;
    }
    let Compile { wrapper, clang, emcc, cost } = compiles(place)?;
    let (mut ours, mut plain, mut changed, mut nothing) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut pyodide = Vec::new();
    // The first time installs the tools.
    build(place, "ours")?;
    pyodide_build::set_up(place)?;
    for _ in 0..rounds {
        place.forget_objects()?;
        pyodide.push(cold(place, pyodide_build::SIDE)?);
        pyodide_build::admit(place)?;
        plain.push(cold(place, "plain")?);
        ours.push(cold(place, "ours")?);
        nothing.push(timed(place, "ours")?);
        changed.push(cold(place, "changed")?);
    }
    let (ours, plain, changed, nothing) = (median(ours), median(plain), median(changed), median(nothing));
    let pyodide = median(pyodide);
    let bar = |peer: f64| (peer <= plain && peer <= pyodide).then_some(0.6);
    let rows = vec![
        Row::new("numpy, cold build, wrapper / plain emcc", ours / plain, bar(plain)),
        Row::new("numpy, cold build, wrapper / pyodide-build", ours / pyodide, bar(pyodide)),
        Row::new("numpy, one changed C file / cold", changed / ours, 0.25),
        Row::new("numpy, nothing changed, in s", nothing, 0.2),
        Row::new("the wrapper's own cost per compile, in ms", cost, 5.0),
        Row::new("compile of a small file, wrapper / emcc", wrapper / emcc, None),
    ];
    let told = vec![
        format!(
            "numpy, cold build, medians of {rounds}: wrapper {ours:.1} s, plain emcc {plain:.1} s, \
                 pyodide-build {pyodide:.1} s"
        ),
        format!("numpy, one changed C file: {changed:.1} s; nothing changed: {nothing:.2} s"),
        format!("compile of a small file: wrapper {wrapper:.1} ms, clang {clang:.1} ms, emcc {emcc:.1} ms"),
    ];
    Ok((rows, told))
}

/// Copies numpy's recipe into the recipe folder of a side, changed.
pub(super) fn write_recipe(place: &Place, side: &str, change: impl FnOnce(&mut Table)) -> Result<()> {
    let (from, to) = (&place.recipes, recipes(place, side));
    let folder = to.join("numpy");
    recreate(&folder)?;
    for file in fs::read_dir(from.join("numpy"))? {
        let path = file?.path();
        fs::copy(&path, folder.join(path.file_name().unwrap_or_else(|| OsStr::new(""))))
            .with_context(|| format!("cannot copy {}", path.display()))?;
    }
    let path = folder.join("recipe.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut recipe: Table = text.parse().with_context(|| format!("cannot read {}", path.display()))?;
    change(&mut recipe);
    fs::write(&path, recipe.to_string())?;
    fs::copy(from.join("build-requirements.toml"), to.join("build-requirements.toml"))?;
    Ok(())
}

pub(super) fn recipes(place: &Place, side: &str) -> PathBuf {
    place.directory.join("recipes").join(side)
}

fn build(place: &Place, side: &str) -> Result<()> {
    let mut build = place.build(&recipes(place, side));
    // The others have none, and what they would leave there of Cython's is not to be found by ours.
    build.args((!OF_THE_CACHE.contains(&side)).then_some("--no-object-cache"));
    prepare(build.arg("numpy"))
}

fn timed(place: &Place, side: &str) -> Result<f64> {
    let started = Instant::now();
    build(place, side)?;
    Ok(started.elapsed().as_secs_f64())
}

/// Seconds from unpacking the source to the admitted wheel.
fn cold(place: &Place, side: &str) -> Result<f64> {
    place.forget_result_of("numpy")?;
    timed(place, side)
}

/// Being the first build, it also brings what the others need: cross environment, source.
fn compiles(place: &Place) -> Result<Compile> {
    place.forget_results()?;
    build(place, "compile")?;
    let path = place.result_of("numpy")?.join("prefix/compile.json");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(serde_json::from_str(&text)?)
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

pub(super) fn table<'a>(parent: &'a mut Table, key: &str) -> &'a mut Table {
    let value = parent.entry(key).or_insert_with(|| Value::Table(Table::new()));
    value.as_table_mut().expect("the recipes of the repository are well formed")
}
