//! numpy by pyodide-build, which is the tool that Pyodide's own packages are built with: the newest one on the upstream
//! index, with the tools that pip chooses for it.
//!
//! It is a side like the others: a recipe, whose script makes a cross-build environment out of ours and runs
//! `pyodide build` on the same source, with the same settings for meson, in the same sandbox, with the same processes.
//! What it had to be told beside, and what it gets that the others have not:
//!
//! - Its flags are those of Pyodide's `Makefile.envs`, and after them its own `-Oz`. One is more, since Debian's linker
//!   calls the linking of side modules unstable, and pyodide-build makes errors of warnings.
//! - Its configure checks link without flags, for which Emscripten takes other system libraries. They are compiled
//!   before, and its cache can be written, as on a machine on which pyodide-build has built before.
//! - Its time has no admission in it, ours has: the comparison is against us. One of its wheels is admitted afterwards,
//!   so that what was measured is known to be a numpy.

use std::collections::BTreeSet;
use std::env::consts::ARCH;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};
use toml::{Table, Value};

use super::numpy::{self, table};
use super::place::Place;
use crate::command::{prepare, recreate};
use crate::test_channel::{pip_download, wheels_in};

/// The side's name.
pub(super) const SIDE: &str = "pyodide-build";

/// The library that holds what Emscripten has compiled for it.
const EMSCRIPTEN_CACHE: &str = "emscripten-cache";

/// Makes the environment, builds, and leaves the wheel in `$PREFIX`.
const SCRIPT: &str = include_str!("pyodide-build.sh");

const EMSCRIPTEN_CACHE_SCRIPT: &str = include_str!("emscripten-cache.sh");

/// Writes the side's recipes with their own pinned tools, and brings what is warm when it is measured.
pub(super) fn set_up(place: &Place) -> Result<()> {
    let recipes = numpy::recipes(place, SIDE);
    let wheels = place.directory.join("pyodide-build-wheels");
    recreate(&wheels)?;
    numpy::write_recipe(place, SIDE, |_| {})?;
    let pinned = read(&recipes.join("build-requirements.toml"))?;
    let mut recipe = read(&recipes.join("numpy/recipe.toml"))?;
    prepare(pip_download(&platforms(), &wheels).args(wanted(&recipe, &pinned)?))?;
    let tools = tools(&wheels)?;
    by_pyodide_build(&mut recipe, &tools);
    write(&recipes.join("build-requirements.toml"), &Table::from_iter([("wheel".to_owned(), tools.into())]))?;
    write(&recipes.join("numpy/recipe.toml"), &recipe)?;
    into_emscripten_cache(&mut recipe);
    recreate(&recipes.join(EMSCRIPTEN_CACHE))?;
    write(&recipes.join(EMSCRIPTEN_CACHE).join("recipe.toml"), &recipe)?;
    prepare(place.build(&recipes).arg(EMSCRIPTEN_CACHE))
}

/// Admits the wheel that the last build left.
pub(super) fn admit(place: &Place) -> Result<()> {
    let prefix = place.result_of("numpy")?.join("prefix");
    let [wheel] = &wheels_in(&prefix)?[..] else { anyhow::bail!("there must be one wheel in {}", prefix.display()) };
    prepare(place.pkgsrv("admit").arg("--cache").arg(place.cache()).arg(wheel))
}

/// Requirements for pip: what the recipe's build names, in the pinned versions, and pyodide-build, which may be any.
fn wanted(recipe: &Table, pinned: &Table) -> Result<BTreeSet<String>> {
    let names = recipe.get("requirements").and_then(|requirements| requirements.get("build")?.as_array());
    let names: Vec<&str> = names.context("numpy's recipe names no tools")?.iter().filter_map(Value::as_str).collect();
    let wheels = pinned.get("wheel").and_then(Value::as_array).context("build-requirements.toml pins nothing")?;
    let mut wanted = BTreeSet::from([SIDE.to_owned()]);
    for wheel in wheels.iter().filter_map(|wheel| wheel.get("filename")?.as_str()) {
        let mut parts = wheel.split('-');
        let (name, version) = (project(parts.next().unwrap_or_default()), parts.next().unwrap_or_default());
        if names.contains(&name.as_str()) {
            wanted.insert(format!("{name}=={version}"));
        }
    }
    ensure!(wanted.len() == names.len() + 1, "build-requirements.toml does not pin each of {names:?}");
    Ok(wanted)
}

/// What wheels for the build Python may be made for.
fn platforms() -> [String; 3] {
    ["manylinux2014", "manylinux_2_17", "manylinux_2_28"].map(|platform| format!("{platform}_{ARCH}"))
}

/// Entries of a `build-requirements.toml`.
fn tools(wheels: &Path) -> Result<Vec<Table>> {
    let entry = |path: &Path| {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let filename = path.file_name().unwrap_or_else(|| OsStr::new("")).to_string_lossy().into_owned();
        let sha256 = format!("{:x}", Sha256::digest(&bytes));
        Ok(Table::from_iter([("filename".to_owned(), filename.into()), ("sha256".to_owned(), sha256.into())]))
    };
    wheels_in(wheels)?.iter().map(|path| entry(path)).collect()
}

/// numpy's recipe as one that runs pyodide-build, and makes a library of the wheel, so that nothing is admitted.
fn by_pyodide_build(recipe: &mut Table, tools: &[Table]) {
    let settings = table(table(recipe, "build"), "config-settings").clone();
    let settings = settings.iter().flat_map(|(key, values)| {
        let values = values.as_array().into_iter().flatten().filter_map(Value::as_str);
        values.map(move |value| format!("--config-setting={key}={value}"))
    });
    let settings = settings.collect::<Vec<_>>().join(" ");
    let filenames = tools.iter().filter_map(|tool| tool.get("filename")?.as_str());
    let names = filenames.map(|name| Value::from(project(name.split('-').next().unwrap_or_default()))).collect();
    let build = library(SCRIPT, Table::from_iter([("SETTINGS".to_owned(), settings.into())]));
    recipe.insert("build".to_owned(), build.into());
    recipe.remove("test");
    let requirements = table(recipe, "requirements");
    requirements.insert("build".to_owned(), Value::Array(names));
    requirements.insert("host".to_owned(), Value::Array(vec![EMSCRIPTEN_CACHE.into()]));
}

/// That recipe as one of the library. It has no source of its own to build; with the same tools, it has them installed.
fn into_emscripten_cache(recipe: &mut Table) {
    table(recipe, "package").insert("name".to_owned(), EMSCRIPTEN_CACHE.into());
    table(recipe, "source").remove("files");
    table(recipe, "requirements").remove("host");
    recipe.insert("build".to_owned(), library(EMSCRIPTEN_CACHE_SCRIPT, Table::new()).into());
}

fn library(script: &str, environment: Table) -> Table {
    Table::from_iter([
        ("type".to_owned(), "static-library".into()),
        ("script".to_owned(), script.into()),
        ("environment".to_owned(), environment.into()),
    ])
}

/// A project's name as a wheel's file name tells it.
fn project(escaped: &str) -> String {
    escaped.to_lowercase().replace(['_', '.'], "-")
}

fn read(path: &Path) -> Result<Table> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.parse().with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, content: &Table) -> Result<()> {
    fs::write(path, content.to_string()).with_context(|| format!("cannot write {}", path.display()))
}
