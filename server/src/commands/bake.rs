//! `pkgsrv bake`.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use pkgsrv::{
    ChannelName, DataArgs, DataDir, EnvironmentName, EnvironmentOverview, InterpreterArgs, ServerError, environment,
    read_line, sign_files,
};
use pkgsrv_builder::{Builder, EnvironmentRecipe, Interrupt};
use pkgsrv_index::{Abi, Requirement};
use serde_json::json;

use super::working::interruptible;
use super::{JsonArgs, print_json};
use crate::loader_build;

#[derive(Debug, clap::Args)]
pub(crate) struct Bake {
    /// What is installed and imported, such as `numpy` or `pandas>=2`; it must be in the channel
    #[arg(required_unless_present = "remove", value_name = "REQUIREMENT")]
    requirements: Vec<Requirement>,
    /// Take an environment out of the channel, and make none
    #[arg(long, value_name = "NAME", conflicts_with_all = ["requirements", "name", "warm"])]
    remove: Option<EnvironmentName>,
    /// Name of the environment [default: the names of what is asked for, with dashes between them]
    #[arg(long, value_name = "NAME")]
    name: Option<EnvironmentName>,
    /// Python code that runs after the imports; what it imports and defines is in the environment
    #[arg(long, value_name = "FILE.py")]
    warm: Option<PathBuf>,
    /// Channel that the packages come from, and that gets the environment
    #[arg(long, value_name = "NAME", default_value = "main")]
    channel: ChannelName,
    /// ABI that it is for [default: the newest with a released runtime]
    #[arg(long, value_name = "ABI")]
    abi: Option<Abi>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    interpreter: InterpreterArgs,
    #[command(flatten)]
    output: JsonArgs,
}

impl Bake {
    pub(crate) async fn run(self) -> Result<()> {
        if let Some(name) = &self.remove {
            return self.take_out(name);
        }
        let (channel, abi, json) = (self.channel.clone(), self.abi.unwrap_or_else(Abi::preferred), self.output.json);
        let made = interruptible(move |interrupt| self.bake(abi, interrupt)).await?;
        let prompt = made.name.prompt(&channel, abi);
        if json {
            let channel = channel.to_string();
            return print_json(&json!({ "channel": channel, "abi": abi, "environment": made, "prompt": prompt }));
        }
        println!("environment {} of channel {channel}, ABI {abi}", made.name);
        for package in &made.packages {
            println!("  {} {}", package.name, package.version);
        }
        println!("  {} bytes, {} of them memory", made.size, made.memory);
        if let Some(prompt) = prompt {
            println!("  the server (`pkgsrv serve`) opens a prompt with it at {prompt}");
        }
        Ok(())
    }

    fn take_out(&self, name: &EnvironmentName) -> Result<()> {
        let (channel, abi) = (&self.channel, self.abi.unwrap_or_else(Abi::preferred));
        let data = self.data.data_dir();
        if !data.remove_environment(channel, abi, name)? {
            bail!("the channel {channel} has no environment {name} for the ABI {abi}");
        }
        sign_files(&data, SystemTime::now())?;
        if self.output.json {
            return print_json(&json!({ "channel": channel.to_string(), "abi": abi, "removed": name }));
        }
        println!("environment {name} of channel {channel}, ABI {abi}: removed");
        Ok(())
    }

    fn bake(self, abi: Abi, interrupt: &Interrupt) -> Result<EnvironmentOverview> {
        let data = self.data.data_dir();
        let code = self
            .warm
            .as_ref()
            .map(|path| fs::read_to_string(path).map_err(|source| ServerError::Read { path: path.clone(), source }));
        let wanted = Wanted {
            name: self.name.map_or_else(|| name_of(&self.requirements), Ok)?,
            requirements: self.requirements.iter().map(ToString::to_string).collect(),
            code: code.transpose()?.unwrap_or_default(),
            channel: self.channel,
            abi,
        };
        let context = self.interpreter.context(interrupt);
        loader_build::bring(&context, &data)?;
        let builder = Builder::new(&context, abi)?;
        super::up::lay_out_runtime(&builder, &data)?;
        bake(&builder, &data, &wanted)
    }
}

/// An environment that is to be made.
pub(super) struct Wanted {
    pub(super) name: EnvironmentName,
    pub(super) requirements: Vec<String>,
    pub(super) code: String,
    pub(super) channel: ChannelName,
    pub(super) abi: Abi,
}

/// The name of an environment that was given none.
pub(super) fn name_of(requirements: &[Requirement]) -> Result<EnvironmentName> {
    let names: Vec<&str> = requirements.iter().map(|requirement| requirement.name.as_str()).collect();
    names.join("-").parse().context("the environment needs a name of its own: give one with --name")
}

/// Makes and publishes an environment, of packages that are published already.
pub(super) fn bake(builder: &Builder<'_>, data: &DataDir, wanted: &Wanted) -> Result<EnvironmentOverview> {
    let Wanted { name, requirements, code, channel, abi } = wanted;
    let store = data.store();
    if read_line(&store, channel, *abi)?.head_bytes().is_none() {
        bail!("the channel {channel} has nothing for the ABI {abi}; publish what is to be baked first");
    }
    let recipe = EnvironmentRecipe {
        name: name.as_str(),
        store: store.root(),
        repodata: &format!("{}repodata/{abi}/", channel.prefix()),
        loader: &fs::canonicalize(data.loader()).context("the data directory has no loader")?,
        requirements,
        code,
    };
    let made = builder.bake(&recipe).with_context(|| format!("the environment {name} could not be made"))?;
    data.add_environment(channel, *abi, name, made.path())?;
    sign_files(data, SystemTime::now())?;
    Ok(environment(&data.environments(channel, *abi), name.clone())?)
}
