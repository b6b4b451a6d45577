//! `cargo xtask packages`: builds everything there is a recipe for, and some projects that have none, and writes into
//! recipes/README.md what builds, what passes, and why not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde::Deserialize;
use toml::Table;

use crate::command::release_program;
use crate::loader;

/// Options of `cargo xtask packages`.
#[derive(Debug, Args)]
pub struct PackagesArguments {
    /// ABI to build for, a column of the table; may be repeated
    #[arg(long = "abi", value_name = "ABI", default_values_t = ["2026_0".to_owned(), "2026_5".to_owned()])]
    abis: Vec<String>,
}

/// Projects that are built without a recipe, one in each line.
const WITHOUT_RECIPE: &str = "without-recipe.txt";

const BEGIN: &str = "<!-- `cargo xtask packages` writes what is between here … -->\n";
const END: &str = "<!-- … and here. -->\n";

/// Tools that tell how a package is built; others only help these.
const TELLING: &[&str] = &[
    "cffi",
    "cppy",
    "cython",
    "flit-core",
    "hatchling",
    "maturin",
    "meson-python",
    "nanobind",
    "pdm-backend",
    "poetry-core",
    "pybind11",
    "scikit-build-core",
    "setuptools",
    "setuptools-rust",
    "uv-build",
];

/// Characters of a reason.
const LONGEST_REASON: usize = 240;

/// What `pkgsrv build --json` prints.
#[derive(Debug, Default, Deserialize)]
struct Built {
    wheels: Vec<Wheel>,
    #[serde(default)]
    failures: Vec<Failure>,
    #[serde(default, rename = "not_built")]
    given_up: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Wheel {
    name: String,
    path: PathBuf,
    size: u64,
    lock: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Failure {
    name: String,
    error: String,
}

/// What is told of a wheel's build.
#[derive(Debug, Deserialize)]
struct Lock {
    build_tools: Vec<Tool>,
    version: String,
}

#[derive(Debug, Deserialize)]
struct Tool {
    name: String,
}

#[derive(Debug, Default)]
struct Row {
    version: String,
    /// Whether there is a recipe; else the name alone was given.
    recipe: bool,
    is_library: bool,
    has_test: bool,
    how: String,
    size: Option<u64>,
    /// By ABI.
    results: BTreeMap<String, Outcome>,
}

#[derive(Debug)]
enum Outcome {
    Passed,
    Failed(String),
    NotBuilt,
}

/// Builds, and writes the table.
pub fn make(arguments: &PackagesArguments) -> Result<()> {
    let root = loader::root()?;
    let recipes = root.join("recipes");
    let readme = recipes.join("README.md");
    let text = fs::read_to_string(&readme).with_context(|| format!("cannot read {}", readme.display()))?;
    let mut rows = recipe_rows(&recipes)?;
    let place = Place::prepare(&root)?;
    // Hours of work are not lost for what fails later.
    let write = |rows: &BTreeMap<String, Row>| {
        let written = replaced(&text, &table(rows, &arguments.abis))?;
        fs::write(&readme, written).with_context(|| format!("cannot write {}", readme.display()))
    };
    let names: Vec<String> = rows.keys().cloned().collect();
    for abi in &arguments.abis {
        let built = place.build(&names, abi, true)?;
        take(&mut rows, &names, built, abi)?;
        write(&rows)?;
    }
    let abi = arguments.abis.first().context("name an ABI")?;
    for name in projects(&recipes)? {
        let built = place.build(std::slice::from_ref(&name), abi, false)?;
        rows.insert(name.clone(), Row::default());
        take(&mut rows, &[name], built, abi)?;
    }
    write(&rows)
}

/// A row for each recipe.
fn recipe_rows(recipes: &Path) -> Result<BTreeMap<String, Row>> {
    let mut rows = BTreeMap::new();
    for entry in fs::read_dir(recipes).with_context(|| format!("cannot read {}", recipes.display()))? {
        let path = entry?.path().join("recipe.toml");
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let recipe: Table = text.parse().with_context(|| format!("cannot read {}", path.display()))?;
        let field = |table: &str, key: &str| recipe.get(table)?.get(key)?.as_str();
        let name = field("package", "name").with_context(|| format!("{} has no name", path.display()))?;
        let row = Row {
            version: field("package", "version").unwrap_or_default().to_owned(),
            recipe: true,
            is_library: field("build", "type").is_some_and(|kind| kind.ends_with("library")),
            has_test: field("test", "script").is_some(),
            how: field("build", "type").unwrap_or_default().replace('-', " "),
            ..Row::default()
        };
        rows.insert(name.to_owned(), row);
    }
    Ok(rows)
}

fn projects(recipes: &Path) -> Result<Vec<String>> {
    let path = recipes.join(WITHOUT_RECIPE);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

struct Place {
    program: PathBuf,
    root: PathBuf,
    out: PathBuf,
}

impl Place {
    fn prepare(root: &Path) -> Result<Self> {
        loader::build(&loader::LoaderArguments::default())?;
        let program = release_program(root)?;
        Ok(Self { program, root: root.to_owned(), out: root.join("target/packages") })
    }

    /// Builds; with `keep_going` failures are in what is returned, else the one failure is all that is.
    fn build(&self, names: &[String], abi: &str, keep_going: bool) -> Result<Built> {
        let mut build = Command::new(&self.program);
        build.arg("build").args(names).arg("--abi").arg(abi).arg("--json").arg("--out").arg(self.out.join(abi));
        build.args(keep_going.then_some("--keep-going")).current_dir(&self.root).stdin(Stdio::null());
        build.stdout(Stdio::piped()).stderr(if keep_going { Stdio::inherit() } else { Stdio::piped() });
        let output = build.output().context("cannot start pkgsrv")?;
        let printed = String::from_utf8_lossy(&output.stdout);
        if let Ok(built) = serde_json::from_str::<Built>(printed.trim())
            && (output.status.success() || keep_going)
        {
            return Ok(built);
        }
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!keep_going, "pkgsrv build ended without a result");
        let error = told.split_once("error: ").map_or(told.as_str(), |(_, error)| error).to_owned();
        let failures = vec![Failure { name: names.first().cloned().unwrap_or_default(), error }];
        Ok(Built { failures, ..Built::default() })
    }
}

/// Notes what became of `names`.
fn take(rows: &mut BTreeMap<String, Row>, names: &[String], built: Built, abi: &str) -> Result<()> {
    let Built { wheels, failures, given_up } = built;
    let failed: BTreeMap<String, String> = failures.into_iter().map(|it| (it.name, reason(&it.error))).collect();
    let not_built: BTreeSet<String> = given_up.into_iter().collect();
    for name in names {
        let Some(row) = rows.get_mut(name) else { continue };
        let outcome = match failed.get(name) {
            Some(reason) => Outcome::Failed(reason.clone()),
            None if not_built.contains(name) => Outcome::NotBuilt,
            None => Outcome::Passed,
        };
        row.results.insert(abi.to_owned(), outcome);
        let Some(wheel) = wheels.iter().find(|wheel| wheel.name == *name) else { continue };
        row.size.get_or_insert(wheel.size);
        let filename = wheel.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(path) = &wheel.lock else { continue };
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let lock: Lock = serde_json::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?;
        row.version = lock.version;
        let tools = lock.build_tools.iter().map(|tool| tool.name.as_str()).filter(|name| TELLING.contains(name));
        let tools = tools.collect::<Vec<_>>().join(", ");
        let tools = if tools.is_empty() { "its wheel".to_owned() } else { tools };
        row.how = if filename.ends_with("-none-any.whl") { format!("pure Python: {tools}") } else { tools };
    }
    Ok(())
}

/// The beginning of an error, on one line, without paths of this machine and what a table cannot hold.
fn reason(error: &str) -> String {
    let words = error.split_whitespace().filter(|word| !word.contains('/') && !word.starts_with("───"));
    let line = words.collect::<Vec<_>>().join(" ").replace('|', "\\|").replace('<', "&lt;");
    let line = line.split(" full log:").next().unwrap_or_default().trim_end_matches(" full").to_owned();
    if line.chars().count() <= LONGEST_REASON {
        return line;
    }
    format!("{}…", line.chars().take(LONGEST_REASON).collect::<String>())
}

fn table(rows: &BTreeMap<String, Row>, abis: &[String]) -> String {
    let mut lines = vec![
        cells(["package", "version", "how", "size"].into_iter().chain(abis.iter().map(String::as_str))),
        cells(std::iter::repeat_n("---", 4 + abis.len())),
    ];
    for (name, row) in rows {
        let link = if row.recipe { format!("[{name}]({name}/recipe.toml)") } else { format!("{name}, without recipe") };
        let size = row.size.map_or_else(String::new, size);
        let results: Vec<String> = abis.iter().map(|abi| row.told(abi)).collect();
        let first = [link.as_str(), &row.version, &row.how, &size];
        lines.push(cells(first.into_iter().chain(results.iter().map(String::as_str))));
    }
    lines.concat()
}

/// A line of the table.
fn cells<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

impl Row {
    /// What became of it for an ABI.
    fn told(&self, abi: &str) -> String {
        match self.results.get(abi) {
            None => String::new(),
            Some(Outcome::Failed(reason)) => format!("no: {reason}"),
            Some(Outcome::NotBuilt) => "no: what it needs failed".to_owned(),
            Some(Outcome::Passed) if self.is_library => "built".to_owned(),
            Some(Outcome::Passed) if self.has_test => "tested".to_owned(),
            Some(Outcome::Passed) => "imported".to_owned(),
        }
    }
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let kilobytes = bytes as f64 / 1000.0;
    if kilobytes < 1000.0 { format!("{kilobytes:.0} kB") } else { format!("{:.1} MB", kilobytes / 1000.0) }
}

fn replaced(text: &str, table: &str) -> Result<String> {
    let (before, rest) = text.split_once(BEGIN).context("recipes/README.md has no place for the table")?;
    let (_, after) = rest.split_once(END).context("the table's place in recipes/README.md has no end")?;
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_is_in_the_table() {
        let recipes = loader::root().unwrap().join("recipes");
        let text = fs::read_to_string(recipes.join("README.md")).unwrap();
        for (name, row) in recipe_rows(&recipes).unwrap() {
            let line = format!("| [{name}]({name}/recipe.toml) | {} |", row.version);
            assert!(text.contains(&line), "recipes/README.md lacks {line}; run `cargo xtask packages`");
        }
    }

    #[test]
    fn reasons_are_short_and_name_no_path() {
        let error =
            "demo 1.0: step `build` failed (exit status: 1)\n/build/a.c:1: error: no | such\nfull log: /home/x.log";
        assert_eq!(reason(error), "demo 1.0: step `build` failed (exit status: 1) error: no \\| such");
        assert_eq!(reason(&"word ".repeat(100)).chars().count(), LONGEST_REASON + 1);
    }
}
