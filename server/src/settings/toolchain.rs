//! Settings of what to build with.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use pkgsrv_builder::{Context, HostSource, Interrupt, Provider, ToolchainChoice};

use super::{FetchArgs, LimitArgs};

/// `--toolchain`, for every command that builds packages or imports them.
#[derive(Debug, Clone, clap::Args)]
pub struct ToolchainArgs {
    /// Toolchain to use: debian, system, emsdk, or a name that `pkgsrv toolchain list` prints
    #[arg(long, value_name = "NAME", env = "PKGSRV_TOOLCHAIN", default_value = "debian")]
    toolchain: ToolchainChoice,
}

/// What a command needs that runs packages' code on wheels which are there: where to fetch from, what to run it with, and
/// within which limits.
#[derive(Debug, Clone, clap::Args)]
pub struct InterpreterArgs {
    #[command(flatten)]
    fetch: FetchArgs,
    #[command(flatten)]
    toolchain: ToolchainArgs,
    #[command(flatten)]
    limits: LimitArgs,
}

/// What to make a toolchain of.
#[derive(Debug, Clone, clap::Args)]
pub struct ProviderArgs {
    /// Where the toolchain comes from: a Debian root directory, an emsdk directory, or the `emcc` on PATH
    #[arg(long, value_name = "PROVIDER", default_value = "debian", value_parser = providers())]
    provider: Provider,
    /// Directory of an installed emsdk, for --provider emsdk
    #[arg(long, value_name = "DIR", env = "EMSDK")]
    emsdk: Option<PathBuf>,
    /// The build Python, for the providers emsdk and system [default: python3.N on PATH]
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
}

impl ToolchainArgs {
    /// The builder's surroundings with this toolchain.
    pub fn context(&self, fetch: &FetchArgs, interrupt: &Interrupt) -> Context {
        Context { toolchain: self.toolchain.clone(), ..fetch.context(interrupt) }
    }
}

impl InterpreterArgs {
    /// The builder's surroundings.
    pub fn context(&self, interrupt: &Interrupt) -> Context {
        Context { limits: self.limits.limits(), ..self.toolchain.context(&self.fetch, interrupt) }
    }
}

impl ProviderArgs {
    /// What to make it of; `Ok(None)` means a Debian root directory. The error tells which option is missing.
    pub fn source(&self) -> Result<Option<HostSource>, &'static str> {
        match (self.provider, &self.emsdk) {
            (Provider::Debian, _) => Ok(None),
            (Provider::System, _) => Ok(Some(HostSource::system(self.python.clone()))),
            (Provider::Emsdk, Some(directory)) => Ok(Some(HostSource::emsdk(directory.clone(), self.python.clone()))),
            (Provider::Emsdk, None) => {
                Err("the provider emsdk needs the directory of an installed emsdk; name it with --emsdk DIR, or set \
                     EMSDK as emsdk_env.sh does")
            }
        }
    }
}

fn providers() -> impl clap::builder::TypedValueParser<Value = Provider> {
    PossibleValuesParser::new(Provider::ALL.map(Provider::as_str)).map(|text| {
        let named = Provider::ALL.into_iter().find(|provider| provider.as_str() == text);
        named.expect("the parser admits these only")
    })
}
