//! Settings of the commands that build.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pkgsrv_builder::{
    BuildError, BuildOptions, Cache, CargoSettings, Context, Interrupt, Limits, LoadedRecipes, Progress, RecipeFinder,
    RecipeTree, ToolchainChoice, Upstream, WantedPackage,
};
use pkgsrv_index::Abi;

use super::limits::LimitArgs;
use super::{ToolchainArgs, user_directory};
use crate::RECIPES;

/// `--cache` and `--upstream`, for every command that fetches or builds.
#[derive(Debug, Clone, clap::Args)]
pub struct FetchArgs {
    /// Directory of toolchains, runtimes, sources and build results [default: pkgsrv in the user's cache directory]
    #[arg(long = "cache", value_name = "DIR", env = "PKGSRV_CACHE", global = true)]
    cache: Option<PathBuf>,
    /// Simple index that sources come from [default: the one that pip is set up with]
    #[arg(long, value_name = "URL", env = "PKGSRV_UPSTREAM", global = true)]
    upstream: Option<String>,
    /// How long that index may send nothing before it is given up
    #[arg(long, value_name = "SECONDS", env = "PKGSRV_UPSTREAM_TIMEOUT", global = true, default_value = "30",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    upstream_timeout: u64,
}

/// What to build from and for.
#[derive(Debug, Clone, clap::Args)]
pub struct BuildArgs {
    #[command(flatten)]
    fetch: FetchArgs,
    #[command(flatten)]
    toolchain: ToolchainArgs,
    /// Directory of recipes [default: ./recipes if it is one, else those that the program carries]
    #[arg(long, value_name = "DIR", env = "PKGSRV_RECIPES")]
    recipes: Option<PathBuf>,
    /// ABI to build for [default: the newest with a released runtime]
    #[arg(long, value_name = "ABI")]
    abi: Option<Abi>,
    /// Processes that all builds together may have at once [default: one for each processor]
    #[arg(long, short, value_name = "NUMBER", env = "PKGSRV_JOBS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    #[command(flatten)]
    limits: LimitArgs,
    /// Compile everything: take no objects from earlier builds of a package, which its own code could have changed, and
    /// leave none
    #[arg(long, env = "PKGSRV_NO_OBJECT_CACHE", value_parser = clap::builder::FalseyValueParser::new())]
    no_object_cache: bool,
}

/// What programs of Debian read to find a proxy.
const PROXY_VARIABLES: &[&str] = &["ftp_proxy", "http_proxy", "https_proxy", "no_proxy"];

/// Beginnings of the variables that tell cargo where crates come from.
const CARGO_VARIABLES: &[&str] = &["CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRIES_", "CARGO_SOURCE_"];

impl FetchArgs {
    /// The builder's surroundings.
    pub fn context(&self, interrupt: &Interrupt) -> Context {
        let cache = self.cache.clone().unwrap_or_else(|| user_directory("XDG_CACHE_HOME", ".cache").join("pkgsrv"));
        Context {
            // Sandboxes mount what lies in it: it must not depend on where they start.
            cache: Cache::new(std::path::absolute(&cache).unwrap_or(cache)),
            progress: Progress::stderr(),
            interrupt: interrupt.clone(),
            limits: Limits::of_this_machine(),
            upstream: Upstream::new(self.upstream.clone(), Duration::from_secs(self.upstream_timeout)),
            toolchain: ToolchainChoice::default(),
            proxy: PROXY_VARIABLES
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
                .collect(),
            cargo: cargo_settings(),
            object_cache: true,
        }
    }
}

/// Where cargo finds crates on this machine: its user configuration, and the variables that stand for parts of it.
fn cargo_settings() -> CargoSettings {
    let home = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let config = home.map(|home| home.join("config.toml")).filter(|config| config.is_file());
    let is_cargos = |name: &str| CARGO_VARIABLES.iter().any(|prefix| name.starts_with(prefix));
    // A variable that is not text is none of cargo's.
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    CargoSettings { config, variables: variables.filter(|(name, _)| is_cargos(name)).collect() }
}

impl BuildArgs {
    /// The builder's surroundings.
    pub fn context(&self, interrupt: &Interrupt) -> Context {
        Context {
            limits: self.limits.limits(),
            object_cache: !self.no_object_cache,
            ..self.toolchain.context(&self.fetch, interrupt)
        }
    }

    /// How to build; `keep_going` is whether a failure leaves what does not depend on it.
    pub fn options(&self, keep_going: bool) -> BuildOptions {
        let default = BuildOptions::default();
        BuildOptions { jobs: self.jobs.map_or(default.jobs, usize::from), keep_going }
    }

    /// The recipes asked for; else those of the current directory, if it has any; else those that the program carries.
    pub fn recipe_tree(&self, context: &Context) -> Result<RecipeTree, BuildError> {
        let here = Path::new("recipes");
        match &self.recipes {
            Some(named) => RecipeTree::open(named, self.abi()),
            None if RecipeTree::is_at(here) || RECIPES.is_empty() => RecipeTree::open(here, self.abi()),
            None => RecipeTree::carried(context, RECIPES, self.abi()),
        }
    }

    /// The recipes of what is wanted and of all that it needs, made where there are none.
    pub fn loaded_recipes(&self, context: &Context, wanted: &[WantedPackage]) -> Result<LoadedRecipes, BuildError> {
        RecipeFinder::new(context, &self.recipe_tree(context)?, self.abi()).closure(wanted)
    }

    /// The ABI asked for, or the preferred one.
    pub fn abi(&self) -> Abi {
        self.abi.unwrap_or_else(Abi::preferred)
    }
}
