//! `pkgsrv toolchain`.

use anyhow::{Result, anyhow};
use pkgsrv::{FetchArgs, ProviderArgs};
use pkgsrv_builder::{Interrupt, Manifest, Toolchain};
use pkgsrv_index::Abi;
use serde_json::json;

use super::working::interruptible;
use super::{JsonArgs, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct ToolchainCommand {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    fetch: FetchArgs,
    #[command(flatten)]
    output: JsonArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Install the toolchain of an ABI, if it is not there
    Install {
        /// ABI that it is for [default: the newest with a released runtime]
        abi: Option<Abi>,
        #[command(flatten)]
        provider: ProviderArgs,
    },
    /// List the installed toolchains
    List,
    /// Show what an installed toolchain consists of; with --json its manifest, as it enters the digest of every build
    Show {
        /// Its name, as `list` prints it
        name: String,
    },
    /// Print the Debian packages that the provider debian installs, for images that are made of the same
    Packages {
        /// ABI that they are for [default: the newest with a released runtime]
        abi: Option<Abi>,
        /// Print the Debian suite instead that they come from
        #[arg(long)]
        suite: bool,
    },
}

impl ToolchainCommand {
    pub(crate) async fn run(self) -> Result<()> {
        let fetch = self.fetch;
        match self.action {
            Action::Install { abi, provider } => {
                print(&[install(fetch, abi.unwrap_or_else(Abi::preferred), &provider).await?], self.output)?;
            }
            Action::List => print(&Toolchain::installed(&fetch.context(&Interrupt::default()))?, self.output)?,
            Action::Show { name } => {
                let toolchain = Toolchain::named(&fetch.context(&Interrupt::default()), &name)?;
                if self.output.json {
                    println!("{}", serde_json::to_string_pretty(&toolchain.manifest)?);
                } else {
                    print!("{}\n{}", described(&toolchain), parts(&toolchain.manifest));
                }
            }
            Action::Packages { suite: true, .. } => println!("{}", Toolchain::debian_suite()),
            Action::Packages { abi, suite: false } => {
                println!("{}", Toolchain::debian_packages(abi.unwrap_or_else(Abi::preferred)).join("\n"));
            }
        }
        Ok(())
    }
}

async fn install(fetch: FetchArgs, abi: Abi, provider: &ProviderArgs) -> Result<Toolchain> {
    let source = provider.source().map_err(|missing| anyhow!(missing))?;
    let install = move |interrupt: &Interrupt| {
        let context = fetch.context(interrupt);
        Ok(match source {
            Some(source) => Toolchain::install_from_host(&context, abi, &source)?,
            None => Toolchain::ensure(&context, abi)?,
        })
    };
    interruptible(install).await
}

/// One line each, or all in one line of JSON.
fn print(toolchains: &[Toolchain], output: JsonArgs) -> Result<()> {
    if output.json {
        let entry = |toolchain: &Toolchain| {
            let manifest = &toolchain.manifest;
            json!({
                "directory": toolchain.directory(),
                "emscripten": manifest.emscripten,
                "name": manifest.name,
                "python": manifest.python,
            })
        };
        return print_json(&json!({ "toolchains": toolchains.iter().map(entry).collect::<Vec<_>>() }));
    }
    for toolchain in toolchains {
        println!("{}", described(toolchain));
    }
    Ok(())
}

fn described(toolchain: &Toolchain) -> String {
    let manifest = &toolchain.manifest;
    let (name, directory) = (&manifest.name, toolchain.directory().display());
    let line = format!("{name}  Emscripten {}, Python {}  {directory}", manifest.emscripten, manifest.python);
    match toolchain.changed() {
        None => line,
        Some(path) => format!("{line}  unusable: {} has changed since", path.display()),
    }
}

/// What it consists of, a line each.
fn parts(manifest: &Manifest) -> String {
    let host = manifest.host.iter().flat_map(|host| {
        let contents = host.contents.to_string();
        let paths = [&host.emscripten, &host.node, &host.python, &host.python_include, &host.pip];
        let names = ["Emscripten", "Node", "build Python", "its headers", "its pip"];
        let paths = names.into_iter().zip(paths).map(|(name, path)| format!("  {name}: {path}\n"));
        paths.chain([format!("  contents: {contents}\n")]).collect::<Vec<String>>()
    });
    let packages = manifest.packages.iter().map(|(name, version)| format!("  {name} {version}\n"));
    host.chain(packages).collect()
}
