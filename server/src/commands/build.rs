//! `pkgsrv build`.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::slice;

use anyhow::{Context as _, Result, bail};
use pkgsrv::{BuildArgs, ServerError, digest_of};
use pkgsrv_builder::{
    ActionResult, BuildError, BuildOutcome, Builder, Context, FailedPackage, Interrupt, LoadedRecipes, PlannedPackage,
    PlannedState, WantedPackage, check_plan,
};
use pkgsrv_index::{Digest, DocumentKind, PackageName};
use serde::Serialize;
use serde_json::json;

use super::whole_file::write_whole;
use super::working::interruptible;
use super::{JsonArgs, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct Build {
    /// Names, of recipes or of projects on the upstream index, with versions if need be; sdists; directories
    #[arg(required = true, value_name = "NAME[==VERSION]|FILE.tar.gz|./DIR")]
    wanted: Vec<WantedPackage>,
    #[command(flatten)]
    settings: BuildArgs,
    /// Build what does not need a package that failed, and tell of all failures at the end
    #[arg(long, short)]
    keep_going: bool,
    /// Print what would be built, and why, and build nothing
    #[arg(long)]
    dry_run: bool,
    /// Open a shell where the package is built, in the sandbox, with source, tools and variables in place; without a
    /// terminal, run standard input there
    #[arg(long, conflicts_with_all = ["keep_going", "dry_run", "out", "json"])]
    shell: bool,
    /// Directory that the wheels are copied to; beside each its lock, bill of materials and provenance
    #[arg(long, value_name = "DIR", default_value = "dist")]
    out: PathBuf,
    #[command(flatten)]
    output: JsonArgs,
}

/// What `--json` prints: every wheel that was asked for or needed, dependencies first; with `--keep-going` also what was
/// not made.
#[derive(Debug, Default, Serialize)]
struct Built {
    wheels: Vec<BuiltWheel>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<Failure>,
    /// Not built, since they need something that failed.
    #[serde(rename = "not_built", skip_serializing_if = "Vec::is_empty")]
    given_up: Vec<PackageName>,
}

/// A package that failed.
#[derive(Debug, Serialize)]
struct Failure {
    name: PackageName,
    /// As it is told to people.
    error: String,
}

#[derive(Debug, Serialize)]
struct BuiltWheel {
    /// The package.
    name: PackageName,
    /// Where the wheel was copied to.
    path: PathBuf,
    sha256: Digest,
    /// Bytes.
    size: u64,
    /// Where the tests were copied to that the recipe leaves out of the wheel.
    #[serde(skip_serializing_if = "Option::is_none")]
    tests: Option<PathBuf>,
    /// Everything that its build used; absent, as the next two, if a version built it that kept no lock.
    #[serde(skip_serializing_if = "Option::is_none")]
    lock: Option<PathBuf>,
    /// What it consists of, `CycloneDX`.
    #[serde(skip_serializing_if = "Option::is_none")]
    sbom: Option<PathBuf>,
    /// How it came about, in-toto and SLSA.
    #[serde(skip_serializing_if = "Option::is_none")]
    provenance: Option<PathBuf>,
    /// The build's record in the cache, with its steps; `pkgsrv report` shows it.
    record: PathBuf,
}

impl Build {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        if self.shell {
            return interruptible(move |interrupt| self.open_shell(interrupt)).await.map(ExitCode::from);
        }
        self.wheels().await.map(|()| ExitCode::SUCCESS)
    }

    async fn wheels(self) -> Result<()> {
        let json = self.output.json;
        if self.dry_run {
            let plan = interruptible(move |interrupt| plan(&self.settings, &self.wanted, interrupt)).await?;
            if json {
                return print_json(&json!({ "packages": plan }));
            }
            print!("{}", as_table(&plan));
            return Ok(());
        }
        let built = interruptible(move |interrupt| self.build(interrupt));
        let (built, outcome) = built.await?;
        if json {
            print_json(&built)?;
        } else {
            built.wheels.iter().for_each(|wheel| println!("{}", wheel.path.display()));
        }
        tell_failures(outcome)
    }

    fn open_shell(&self, interrupt: &Interrupt) -> Result<u8> {
        let [wanted] = self.wanted.as_slice() else { bail!("--shell opens one, so name one package") };
        let context = self.settings.context(interrupt);
        let recipes = self.settings.loaded_recipes(&context, &self.wanted)?;
        let name = match wanted {
            WantedPackage::Project(requirement) => requirement.name.clone(),
            WantedPackage::Local(path) => {
                let path = path.display().to_string();
                let local = recipes.values().find(|loaded| loaded.typed.as_deref() == Some(path.as_str()));
                local.map(|loaded| loaded.recipe.name.clone()).context("nothing was made of the path")?
            }
        };
        let terminal = pkgsrv::terminal_kind();
        let builder = Builder::new(&context, self.settings.abi())?;
        Ok(builder.shell(&recipes, &name, self.settings.options(false), terminal.as_deref())?)
    }

    fn build(&self, interrupt: &Interrupt) -> Result<(Built, BuildOutcome)> {
        // Mistakes in names and recipes show before anything is fetched.
        let context = self.settings.context(interrupt);
        let (recipes, refused) = self.recipes(&context)?;
        let builder = Builder::new(&context, self.settings.abi())?;
        let mut outcome = builder.build(&recipes, self.settings.options(self.keep_going))?;
        outcome.failures.extend(refused);
        if !self.keep_going && !outcome.failures.is_empty() {
            return Ok((Built::default(), outcome));
        }
        let failures = outcome.failures.iter().map(|it| Failure { name: it.name.clone(), error: it.error.to_string() });
        let built = Built {
            wheels: copy_wheels(&context, &outcome.results, &self.out)?,
            failures: failures.collect(),
            given_up: outcome.given_up.clone(),
        };
        Ok((built, outcome))
    }

    /// All recipes. With `--keep-going`, those that can be built, and why the other packages that were asked for cannot.
    fn recipes(&self, context: &Context) -> Result<(LoadedRecipes, Vec<FailedPackage>), BuildError> {
        let load = |wanted: &[WantedPackage]| {
            let recipes = self.settings.loaded_recipes(context, wanted)?;
            check_plan(&recipes).map(|()| recipes)
        };
        let error = match load(&self.wanted) {
            Err(error) if self.keep_going => error,
            whole => return whole.map(|recipes| (recipes, Vec::new())),
        };
        context.interrupt.check()?;
        let (mut buildable, mut refused) = (Vec::new(), Vec::new());
        for wanted in &self.wanted {
            match (load(slice::from_ref(wanted)), wanted) {
                (Ok(_), _) => buildable.push(wanted.clone()),
                (Err(error), WantedPackage::Project(requirement)) => {
                    refused.push(FailedPackage { name: requirement.name.clone(), error });
                }
                // Nothing tells its name.
                (Err(error), WantedPackage::Local(_)) => return Err(error),
            }
        }
        // Each alone could be built.
        if refused.is_empty() {
            return Err(error);
        }
        load(&buildable).map(|recipes| (recipes, refused))
    }
}

/// `Err` if anything failed. One failure is the error; several are told one after the other.
fn tell_failures(outcome: BuildOutcome) -> Result<()> {
    let BuildOutcome { results, mut failures, given_up } = outcome;
    if given_up.is_empty() && failures.len() == 1 {
        return Err(failures.remove(0).error.into());
    }
    if failures.is_empty() {
        return Ok(());
    }
    let names = |names: &mut dyn Iterator<Item = &PackageName>| {
        names.map(ToString::to_string).collect::<Vec<String>>().join(", ")
    };
    let (built, failed) = (results.len(), names(&mut failures.iter().map(|failure| &failure.name)));
    for failure in failures {
        super::report(&failure.error.into());
    }
    let after = match names(&mut given_up.iter()) {
        none if none.is_empty() => String::new(),
        lost => format!("; not built, since they need these: {lost}"),
    };
    bail!("failed: {failed}{after}; built: {built}")
}

/// What would be built, each package after what it needs.
pub(super) fn plan(
    settings: &BuildArgs,
    wanted: &[WantedPackage],
    interrupt: &Interrupt,
) -> Result<Vec<PlannedPackage>> {
    let context = settings.context(interrupt);
    let recipes = settings.loaded_recipes(&context, wanted)?;
    Ok(Builder::new(&context, settings.abi())?.plan(&recipes)?)
}

/// A line for each package.
fn as_table(plan: &[PlannedPackage]) -> String {
    let label = |package: &PlannedPackage| format!("{} {}", package.name, package.version);
    let width = plan.iter().map(|package| label(package).len()).max().unwrap_or(0);
    let line = |package: &PlannedPackage| {
        let why = match (package.state, &package.changed) {
            (PlannedState::Cached, _) => "cached".to_owned(),
            (PlannedState::Build, None) => "build".to_owned(),
            (PlannedState::Build, Some(changed)) => format!("build: {}", super::why::changed_since(changed)),
        };
        format!("{:width$}  {why}\n", label(package))
    };
    plan.iter().map(line).collect()
}

/// Copies the wheels, each with its documents before it: who sees a wheel finds these.
fn copy_wheels(context: &Context, results: &[ActionResult], out: &Path) -> Result<Vec<BuiltWheel>> {
    fs::create_dir_all(out).map_err(|source| ServerError::Write { path: out.to_owned(), source })?;
    let mut wheels = Vec::new();
    for result in results {
        let (Some(from), Some(filename)) = (result.wheel_path(), &result.wheel) else { continue };
        let documents = write_documents(context, result, results, out)?;
        let tests = result.tests.as_ref().zip(result.tests_path());
        let tests = tests.map(|(tests, from)| copy(&from, out, &tests.filename)).transpose()?;
        let (path, bytes) = copy(&from, out, filename)?;
        let [lock, sbom, provenance] = DocumentKind::BUILT.map(|kind| documents.get(&kind).cloned());
        wheels.push(BuiltWheel {
            tests: tests.map(|(path, _)| path),
            name: result.name.clone(),
            path,
            sha256: digest_of(&bytes),
            size: bytes.len() as u64,
            lock,
            sbom,
            provenance,
            record: result.record_path(),
        });
    }
    Ok(wheels)
}

/// Copies a file; the new path and the bytes.
fn copy(from: &Path, out: &Path, filename: &str) -> Result<(PathBuf, Vec<u8>), ServerError> {
    let path = out.join(filename);
    let bytes = fs::read(from).map_err(|source| ServerError::Read { path: from.to_owned(), source })?;
    write_whole(&path, &bytes)?;
    Ok((path, bytes))
}

/// Where lock, bill of materials and provenance of a wheel are now; none where nothing is known for them, which is
/// said. Those of another build of the same name go then.
fn write_documents(
    context: &Context,
    result: &ActionResult,
    results: &[ActionResult],
    out: &Path,
) -> Result<BTreeMap<DocumentKind, PathBuf>> {
    let filename = result.wheel.as_deref().unwrap_or_default();
    let path = |kind: DocumentKind| out.join(format!("{filename}{}", kind.ending()));
    let documents = result.documents(results)?;
    if documents.is_empty() {
        for path in DocumentKind::BUILT.map(path) {
            match fs::remove_file(&path) {
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(ServerError::Write { path, source }.into());
                }
                _ => {}
            }
        }
        context.progress.line(&format!(
            "{filename}: no lock, bill of materials or provenance, since an earlier version of pkgsrv built it; to \
             have them, remove {} and build again",
            result.directory.display()
        ));
    }
    let mut written = BTreeMap::new();
    for (kind, bytes) in documents {
        write_whole(&path(kind), &bytes)?;
        written.insert(kind, path(kind));
    }
    Ok(written)
}
