//! The front of the crate.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pkgsrv_index::{Abi, Digest, PackageName};

use crate::action::ActionResult;
use crate::admission::ImportTest;
use crate::building::Building;
use crate::context::Context;
use crate::cross_environment::CrossEnvironment;
use crate::error::BuildError;
use crate::execute::{self, Workshop};
use crate::job_tokens::JobTokens;
use crate::loaded_recipe::LoadedRecipes;
use crate::runtime::{Derive, EnvironmentRecipe, Runtime};
use crate::testing::{self, PYTEST, PackageTest, TestOptions, Tested};
use crate::toolchain::Toolchain;
use crate::verification::{self, Verification};
use crate::work_directory::WorkDirectory;

pub use crate::plan::{Changed, Plan, PlannedPackage, PlannedState};

/// Builds and admits for one ABI.
#[derive(Debug)]
pub struct Builder<'a> {
    context: &'a Context,
    abi: Abi,
    toolchain: Toolchain,
    runtime: Runtime,
}

/// How to go about it.
#[derive(Clone, Copy, Debug)]
pub struct BuildOptions {
    /// Processes that all builds together may have at once.
    pub jobs: usize,
    /// Whether what does not need a package that failed is built all the same.
    pub keep_going: bool,
}

impl Default for BuildOptions {
    /// A job for each processor; the first failure ends it.
    fn default() -> Self {
        Self { jobs: std::thread::available_parallelism().map_or(1, usize::from), keep_going: false }
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub struct BuildOutcome {
    /// Every result, dependencies first.
    pub results: Vec<ActionResult>,
    /// What failed, in the plan's order.
    pub failures: Vec<FailedPackage>,
    /// What was not built, since it needs something that failed.
    pub given_up: Vec<PackageName>,
}

/// A package that failed.
#[derive(Debug)]
pub struct FailedPackage {
    /// Its name.
    pub name: PackageName,
    /// Why.
    pub error: BuildError,
}

impl BuildOutcome {
    /// All results; `Err` is the first failure.
    pub fn complete(mut self) -> Result<Vec<ActionResult>, BuildError> {
        if self.failures.is_empty() { Ok(self.results) } else { Err(self.failures.remove(0).error) }
    }
}

impl<'a> Builder<'a> {
    /// Brings the toolchain and the runtime, installing what is missing.
    pub fn new(context: &'a Context, abi: Abi) -> Result<Self, BuildError> {
        let runtime = Runtime::ensure(context, abi)?;
        let toolchain = Toolchain::ensure(context, abi)?;
        Ok(Self { context, abi, toolchain, runtime })
    }

    /// The runtime that the wheels are for.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The directory with the image of the runtime that the loader's `boot` starts from: `image.json`, and what it names.
    /// `None` for a runtime that `boot` does not start.
    pub fn runtime_image(&self) -> Result<Option<PathBuf>, BuildError> {
        self.abi.facts().has_images.then(|| self.runtime.image(self.context, &self.toolchain)).transpose()
    }

    /// The directory with files that `derive` makes of the runtime's and its image's, by their names and bytes: names and
    /// bytes again. They are made once for each `what`, a word that says what they are.
    pub fn runtime_derived(&self, what: &str, derive: Derive<'_>) -> Result<PathBuf, BuildError> {
        self.runtime.derived(self.context, &self.toolchain, what, derive)
    }

    /// Makes the image of an environment. The directory has `{name}.json`, and the memory that it names.
    pub fn bake(&self, recipe: &EnvironmentRecipe<'_>) -> Result<WorkDirectory, BuildError> {
        self.runtime.bake(self.context, &self.toolchain, recipe)
    }

    /// What building all `recipes` would do, each package after what it needs. Nothing is built.
    pub fn plan(&self, recipes: &LoadedRecipes) -> Result<Vec<PlannedPackage>, BuildError> {
        Plan::new(recipes, &self.cross_environment()?)?.packages(self.context)
    }

    /// Builds all `recipes`. `Err` is of the whole (an interruption, a circle); what goes wrong with one package is in
    /// the outcome.
    pub fn build(&self, recipes: &LoadedRecipes, options: BuildOptions) -> Result<BuildOutcome, BuildError> {
        let cross = self.cross_environment()?;
        let plan = Plan::new(recipes, &cross)?;
        let building = Building::new(self.context, &plan)?;
        if building.is_over() {
            return Ok(building.outcome());
        }
        let work = self.context.cache.work_directory("jobs")?;
        let tokens = JobTokens::new(work.path(), options.jobs)?;
        let shop = self.workshop(&cross, &tokens, self.context.object_cache);
        building.carry_out(&shop, options)
    }

    /// Builds the actions of `wanted` once more, each in a directory of its own and without objects of earlier builds,
    /// and compares what comes of it with the results in the cache, which stay. What has no result is built first.
    /// `Err` is also what goes wrong with a build.
    pub fn verify(
        &self,
        recipes: &LoadedRecipes,
        wanted: &[PackageName],
        options: BuildOptions,
    ) -> Result<Vec<Verification>, BuildError> {
        let results = self.build(recipes, options)?.complete()?;
        self.without_objects(recipes, options, |shop, plan| {
            let actions = wanted.iter().map(|name| &plan.actions[plan.places[name]]);
            actions.map(|action| verification::verify(shop, action, &results)).collect()
        })
    }

    /// Does something that builds without objects of earlier builds, and leaves none.
    fn without_objects<T>(
        &self,
        recipes: &LoadedRecipes,
        options: BuildOptions,
        work: impl FnOnce(&Workshop<'_>, &Plan<'_>) -> Result<T, BuildError>,
    ) -> Result<T, BuildError> {
        let cross = self.cross_environment()?;
        let plan = Plan::new(recipes, &cross)?;
        let directory = self.context.cache.work_directory("jobs")?;
        let tokens = JobTokens::new(directory.path(), options.jobs)?;
        work(&self.workshop(&cross, &tokens, false), &plan)
    }

    fn workshop<'b>(&'b self, cross: &'b CrossEnvironment, tokens: &'b JobTokens, object_cache: bool) -> Workshop<'b> {
        let Self { context, abi, toolchain, runtime, .. } = self;
        Workshop { context, abi: *abi, toolchain, runtime, cross, tokens, object_cache }
    }

    /// Opens a shell where `name` is built, in the sandbox of its build; what it is built with is built before.
    /// Returns the shell's exit code. With `terminal`, what the user's terminal is called, it is one to type at, else
    /// it reads its standard input.
    pub fn shell(
        &self,
        recipes: &LoadedRecipes,
        name: &PackageName,
        options: BuildOptions,
        terminal: Option<&str>,
    ) -> Result<u8, BuildError> {
        let host = &recipes[name].recipe.requirements.host;
        let mut needed: LoadedRecipes = BTreeMap::new();
        let mut pending: Vec<&PackageName> = host.iter().collect();
        while let Some(other) = pending.pop() {
            if needed.insert(other.clone(), recipes[other].clone()).is_none() {
                let requirements = &recipes[other].recipe.requirements;
                pending.extend(requirements.host.iter().chain(&requirements.run));
            }
        }
        let results = self.build(&needed, options)?.complete()?;
        self.without_objects(recipes, options, |shop, plan| {
            let action = &plan.actions[plan.places[name]];
            let _token = shop.tokens.take(&self.context.interrupt)?;
            execute::shell(shop, action, &action.host_of(&results), terminal)
        })
    }

    /// Runs the tests of `wanted` in the real runtime, each on the wheel in the cache, which is built first where
    /// there is none. With [`TestOptions::unvendored`], `recipes` has [`PYTEST`] too. `Err` is what goes wrong with a
    /// build; a wheel that its own imports or its test refuse is in the result.
    pub fn test(
        &self,
        recipes: &LoadedRecipes,
        wanted: &[PackageName],
        options: BuildOptions,
        how: TestOptions,
    ) -> Result<Vec<PackageTest>, BuildError> {
        let BuildOutcome { results, failures, .. } =
            self.build(recipes, BuildOptions { keep_going: true, ..options })?;
        let mut refused = BTreeMap::new();
        for FailedPackage { name, error } in failures {
            match error {
                BuildError::NotAdmitted { reason, imports, .. } if wanted.contains(&name) => {
                    refused.insert(name, (reason, imports));
                }
                error => return Err(error),
            }
        }
        let cross = self.cross_environment()?;
        let plan = Plan::new(recipes, &cross)?;
        let wheels = |name: &PackageName| {
            let needed = plan.run_closure(plan.places[name]).into_iter().map(|place| &plan.actions[place].digest);
            let of = |digest: &Digest| results.iter().find(|it| it.digest == *digest)?.wheel_path();
            needed.filter_map(of).collect::<Vec<PathBuf>>()
        };
        let mut pytest = Vec::new();
        if let Some((name, _)) = recipes.iter().find(|(name, _)| how.unvendored && name.as_str() == PYTEST) {
            pytest = wheels(name);
            pytest.extend(results.iter().find(|result| result.name == *name).and_then(ActionResult::wheel_path));
        }
        let mut tests = Vec::new();
        for name in wanted {
            let loaded = &recipes[name];
            let test = ImportTest { timeout: how.timeout, ..loaded.import_test() };
            let (steps, reason) = match (refused.remove(name), results.iter().find(|result| result.name == *name)) {
                (Some((reason, imports)), _) => (testing::steps(&imports, &test), Some(reason)),
                (None, Some(result)) => {
                    let companions = wheels(name);
                    let pytest = how.unvendored.then_some(pytest.as_slice());
                    let Self { abi, runtime, toolchain, .. } = self;
                    let (companions, test) = (&companions, &test);
                    let tested = Tested { abi: *abi, runtime, toolchain, result, companions, pytest, test };
                    (tested.run(self.context)?, None)
                }
                (None, None) => (Vec::new(), Some("not built, since it needs what failed".to_owned())),
            };
            let failed = steps.iter().any(|step| step.is_failure(&test));
            tests.push(PackageTest {
                name: name.clone(),
                version: loaded.recipe.version.to_string(),
                passed: reason.is_none() && !failed,
                script: loaded.recipe.test_script.clone(),
                // What the steps tell already is not told twice.
                reason: reason.filter(|_| !failed),
                steps,
            });
        }
        Ok(tests)
    }

    fn cross_environment(&self) -> Result<CrossEnvironment, BuildError> {
        CrossEnvironment::ensure(self.context, self.abi, &self.toolchain, &self.runtime)
    }
}
