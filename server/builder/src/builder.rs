//! The front of the crate.

use pkgsrv_index::{Abi, PackageName};

use crate::action::ActionResult;
use crate::building::Building;
use crate::context::Context;
use crate::cross_environment::CrossEnvironment;
use crate::error::BuildError;
use crate::execute::Workshop;
use crate::job_tokens::JobTokens;
use crate::loaded_recipe::LoadedRecipes;
use crate::runtime::Runtime;
use crate::toolchain::Toolchain;
use crate::verification::{self, Verification};

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
        let shop = Workshop {
            context: self.context,
            abi: self.abi,
            toolchain: &self.toolchain,
            cross: &cross,
            tokens: &tokens,
            object_cache: self.context.object_cache,
        };
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
        let cross = self.cross_environment()?;
        let plan = Plan::new(recipes, &cross)?;
        let work = self.context.cache.work_directory("jobs")?;
        let tokens = JobTokens::new(work.path(), options.jobs)?;
        let shop = Workshop {
            context: self.context,
            abi: self.abi,
            toolchain: &self.toolchain,
            cross: &cross,
            tokens: &tokens,
            object_cache: false,
        };
        let actions = wanted.iter().map(|name| &plan.actions[plan.places[name]]);
        actions.map(|action| verification::verify(&shop, action, &results)).collect()
    }

    fn cross_environment(&self) -> Result<CrossEnvironment, BuildError> {
        CrossEnvironment::ensure(self.context, self.abi, &self.toolchain, &self.runtime)
    }
}
