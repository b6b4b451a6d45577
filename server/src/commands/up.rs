//! `pkgsrv up`: from package names to a server that has them.

use std::fmt::Write as _;
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use pkgsrv::{
    BuildArgs, Candidate, ChannelName, DataArgs, DataDir, EnvironmentName, ListenArgs, ServeSettings, Server, read_line,
};
use pkgsrv_builder::{Builder, Interrupt, WantedPackage};
use pkgsrv_index::{Abi, PackageName};

use super::company::BuiltWheels;
use super::serve::{announce, interrupted};
use super::working::interruptible;
use super::{JsonArgs, bake};
use crate::loader_build;

#[derive(Debug, clap::Args)]
pub(crate) struct Up {
    /// Names, of recipes or of projects on the upstream index, with versions if need be; sdists; directories
    #[arg(required = true, value_name = "NAME[==VERSION]|FILE.tar.gz|./DIR")]
    wanted: Vec<WantedPackage>,
    #[command(flatten)]
    build: BuildArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    listen: ListenArgs,
    /// Also make an environment of what was asked for: pages then start with it imported
    #[arg(long)]
    bake: bool,
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
        let asked_to_end = interrupted();
        // The address is taken first: who waited for a build should not learn then that the port is in use.
        let uploads = self.build.context(&Interrupt::default());
        let settings = ServeSettings::new(&self.listen, &data, uploads);
        let server = if self.no_serve { None } else { Some(Server::bind(settings).await?) };
        let prepare = move |interrupt: &Interrupt| prepare(&self.build, &self.wanted, &data, self.bake, interrupt);
        let prepared = interruptible(prepare).await?;
        let Some(server) = server else { return Ok(()) };
        announce(&server, self.output);
        if !self.output.json {
            print!("{}", what_is_served(&server, abi, &prepared));
        }
        Ok(server.run(asked_to_end).await?)
    }
}

/// What there is to show of what was made.
struct Prepared {
    /// The first package that was asked for.
    package: PackageName,
    environment: Option<EnvironmentName>,
}

/// Everything that must be there before the server answers.
fn prepare(
    settings: &BuildArgs,
    wanted: &[WantedPackage],
    data: &DataDir,
    bakes: bool,
    interrupt: &Interrupt,
) -> Result<Prepared> {
    // What is wrong with it should not be told after a build.
    let environment = bakes.then(|| environment_of(wanted, settings.abi())).transpose()?;
    let context = settings.context(interrupt);
    let recipes = settings.loaded_recipes(&context, wanted)?;
    let builder = Builder::new(&context, settings.abi())?;
    let results = builder.build(&recipes, settings.options(false))?.complete()?;
    let abis = [settings.abi()];
    let line = read_line(&data.store(), &ChannelName::main(), settings.abi())?;
    let store = data.store();
    let wheels = BuiltWheels::new(&context, &store, &line, &recipes, &results)?;
    let admit = |candidate: &Candidate<'_>| wheels.admit(candidate);
    pkgsrv::publish(&store, &ChannelName::main(), &abis, &wheels.uploads(), SystemTime::now(), &admit)
        .context("the packages are built, but could not be published")?;
    lay_out_runtime(&builder, data)?;
    loader_build::bring(&context, data)?;
    if let Some(wanted) = &environment {
        bake::bake(&builder, data, wanted).context("the packages are published, without an environment")?;
    }
    let first = wanted.iter().find_map(|wanted| match wanted {
        WantedPackage::Project(requirement) => Some(requirement.name.clone()),
        WantedPackage::Local(_) => None,
    });
    pkgsrv::sign_files(data, SystemTime::now())?;
    // A directory's name is known from its recipe, which comes after those that it needs.
    let package = first.or_else(|| results.last().map(|result| result.name.clone())).context("nothing was built")?;
    Ok(Prepared { package, environment: environment.map(|wanted| wanted.name) })
}

/// Lays the runtime with its image where it is served from, with the encodings that pages fetch.
pub(super) fn lay_out_runtime(builder: &Builder<'_>, data: &DataDir) -> Result<()> {
    let runtime = builder.runtime();
    // What `boot` does not start has no image, and nothing that is made of one.
    let Some(image) = builder.runtime_image()? else {
        return Ok(data.add_runtime(runtime.name, runtime.version, &[&runtime.directory])?);
    };
    let encodings = builder.runtime_derived(pkgsrv::RUNTIME_ENCODINGS, &pkgsrv::runtime_encodings)?;
    Ok(data.add_runtime(runtime.name, runtime.version, &[&runtime.directory, &image, &encodings])?)
}

/// The environment of what `up` was asked for.
fn environment_of(wanted: &[WantedPackage], abi: Abi) -> Result<bake::Wanted> {
    let named = wanted.iter().map(|wanted| match wanted {
        WantedPackage::Project(requirement) => Ok(requirement.clone()),
        WantedPackage::Local(_) => {
            bail!("`--bake` takes packages by their names; `pkgsrv bake NAME` makes an environment of others")
        }
    });
    let requirements: Vec<_> = named.collect::<Result<_>>()?;
    Ok(bake::Wanted {
        name: bake::name_of(&requirements)?,
        requirements: requirements.iter().map(ToString::to_string).collect(),
        code: String::new(),
        channel: ChannelName::main(),
        abi,
    })
}

fn what_is_served(server: &Server, abi: Abi, Prepared { package, environment }: &Prepared) -> String {
    let (base, main) = (server.base_url(), ChannelName::main());
    let at = server.prompt_url().map_or_else(|| "(switched off)".to_owned(), |url| format!("(Python, at {url}/)"));
    let shown = environment.as_ref().filter(|_| server.prompt_url().is_some());
    let opened = shown.and_then(|name| Some((name, name.prompt(&main, abi)?)));
    let opened = opened.map(|(name, prompt)| format!("             {base}{prompt} (with {name} imported)\n"));
    let mut text = format!(
        "\n  prompt     {base}/ {at}\n{}  packages   {base}/packages/\n  simple     {base}/simple/\n  lockfile   {base}/pyodide/{abi}/pyodide-lock.json\n  \
         repodata   {base}/repodata/{abi}/\n  loader     {base}/loader/index.js\n",
        opened.unwrap_or_default()
    );
    for snippet in pkgsrv::snippets(&base, &main, abi, package.as_str()) {
        let code = snippet.code.trim_end().replace('\n', "\n    ");
        let _infallible = write!(text, "\n  {}:\n\n    {code}\n", snippet.title);
    }
    text.push_str("\nCtrl-C stops the server.\n");
    text
}
