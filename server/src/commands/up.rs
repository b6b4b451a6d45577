//! `pkgsrv up`: from package names to a server that has them.

use std::fmt::Write as _;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use pkgsrv::{BuildArgs, Candidate, ChannelName, DataArgs, DataDir, ListenArgs, ServeSettings, Server, read_line};
use pkgsrv_builder::{Builder, Interrupt};
use pkgsrv_index::{Abi, PackageName};

use super::JsonArgs;
use super::company::BuiltWheels;
use super::serve::{announce, interrupted};
use super::working::interruptible;
use crate::loader_build;

#[derive(Debug, clap::Args)]
pub(crate) struct Up {
    /// Names of recipes
    #[arg(required = true, value_name = "NAME")]
    names: Vec<PackageName>,
    #[command(flatten)]
    build: BuildArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    listen: ListenArgs,
    /// End when everything is published, for a server that runs elsewhere on the same data
    #[arg(long)]
    no_serve: bool,
    #[command(flatten)]
    output: JsonArgs,
}

impl Up {
    pub(crate) async fn run(self) -> Result<()> {
        let abi = self.build.abi();
        let data = self.data.data_dir();
        // The address is taken first: who waited for a build should not learn then that the port is in use.
        let settings = ServeSettings::new(&self.listen, &data);
        let server = if self.no_serve { None } else { Some(Server::bind(settings).await?) };
        let package = self.names[0].clone();
        let prepare = move |interrupt: &Interrupt| prepare(&self.build, &self.names, &data, interrupt);
        interruptible(prepare).await?;
        let Some(server) = server else { return Ok(()) };
        announce(&server, self.output);
        if !self.output.json {
            print!("{}", what_is_served(&server, abi, &package));
        }
        Ok(server.run(interrupted()).await?)
    }
}

/// Everything that must be there before the server answers.
fn prepare(settings: &BuildArgs, names: &[PackageName], data: &DataDir, interrupt: &Interrupt) -> Result<()> {
    let context = settings.context(interrupt);
    let recipes = settings.recipe_tree(&context)?.closure(names)?;
    let builder = Builder::new(&context, settings.abi())?;
    let results = builder.build(&recipes, settings.options(false))?.complete()?;
    let abis = [settings.abi()];
    let line = read_line(&data.store(), &ChannelName::main(), settings.abi())?;
    let store = data.store();
    let wheels = BuiltWheels::new(&context, &store, &line.index, &recipes, &results)?;
    let admit = |candidate: &Candidate<'_>| wheels.admit(candidate);
    pkgsrv::publish(&store, &ChannelName::main(), &abis, &wheels.uploads(), SystemTime::now(), &admit)
        .context("the packages are built, but could not be published")?;
    let runtime = builder.runtime();
    data.add_runtime(runtime.name, runtime.version, &runtime.directory)?;
    loader_build::bring(&context, data)
}

fn what_is_served(server: &Server, abi: Abi, package: &PackageName) -> String {
    let base = server.base_url();
    let at = server.prompt_url().map_or_else(|| "(switched off)".to_owned(), |url| format!("(Python, at {url}/)"));
    let mut text = format!(
        "\n  prompt     {base}/ {at}\n  packages   {base}/packages/\n  simple     {base}/simple/\n  lockfile   {base}/pyodide/{abi}/pyodide-lock.json\n  \
         repodata   {base}/repodata/{abi}/\n  loader     {base}/loader/index.js\n"
    );
    for snippet in pkgsrv::snippets(&base, &ChannelName::main(), abi, package.as_str()) {
        let code = snippet.code.trim_end().replace('\n', "\n    ");
        let _infallible = write!(text, "\n  {}:\n\n    {code}\n", snippet.title);
    }
    text.push_str("\nCtrl-C stops the server.\n");
    text
}
