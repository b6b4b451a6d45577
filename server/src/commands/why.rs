//! `pkgsrv why`: what a package is needed for, and why it would be built.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use pkgsrv::BuildArgs;
use pkgsrv_builder::{Changed, PlannedPackage, PlannedState, WantedPackage};
use pkgsrv_index::PackageName;
use serde_json::json;

use super::build::plan;
use super::working::interruptible;
use super::{JsonArgs, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct Why {
    /// The package that is asked about
    #[arg(value_name = "NAME")]
    name: PackageName,
    /// What is to be built [default: the package itself]
    #[arg(value_name = "FOR")]
    wanted: Vec<PackageName>,
    #[command(flatten)]
    settings: BuildArgs,
    #[command(flatten)]
    output: JsonArgs,
}

impl Why {
    pub(crate) async fn run(self) -> Result<()> {
        let (name, json) = (self.name.clone(), self.output.json);
        let asked = if self.wanted.is_empty() { vec![name.clone()] } else { self.wanted };
        let wanted: Vec<WantedPackage> = asked.iter().cloned().map(Into::into).collect();
        let plan = interruptible(move |interrupt| plan(&self.settings, &wanted, interrupt)).await?;
        let Some(package) = plan.iter().find(|package| package.name == name) else {
            let wanted = asked.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            bail!("{name} is not needed for {wanted}; nothing there names it, directly or not");
        };
        let chains = chains(&plan, &asked, &name);
        if json {
            return print_json(&json!({ "package": package, "chains": chains }));
        }
        print!("{}", told(package, &chains));
        Ok(())
    }
}

/// The shortest way from each wanted package to `name`, as names; none from itself.
fn chains(plan: &[PlannedPackage], wanted: &[PackageName], name: &PackageName) -> Vec<Vec<PackageName>> {
    let needs = |name: &PackageName| {
        let package = plan.iter().find(|package| package.name == *name);
        package.into_iter().flat_map(|package| package.host.iter().chain(&package.run)).cloned()
    };
    let shortest = |from: &PackageName| {
        let mut ways = vec![vec![from.clone()]];
        let mut seen = vec![from.clone()];
        let mut next = 0;
        while let Some(way) = ways.get(next).cloned() {
            let last = way.last()?;
            if last == name {
                return Some(way);
            }
            for needed in needs(last) {
                if !seen.contains(&needed) {
                    seen.push(needed.clone());
                    ways.push([way.as_slice(), &[needed]].concat());
                }
            }
            next += 1;
        }
        None
    };
    wanted.iter().filter(|from| *from != name).filter_map(shortest).collect()
}

fn told(package: &PlannedPackage, chains: &[Vec<PackageName>]) -> String {
    let mut text = format!("{} {}\n", package.name, package.version);
    for chain in chains {
        let names: Vec<&str> = chain.iter().map(PackageName::as_str).collect();
        let _infallible = writeln!(text, "  needed: {}", names.join(" → "));
    }
    let state = match (package.state, &package.changed) {
        (PlannedState::Cached, _) => "its result is in the cache".to_owned(),
        (PlannedState::Build, None) => "it would be built: there is no result of it in the cache".to_owned(),
        (PlannedState::Build, Some(changed)) => format!("it would be built: {}", changed_since(changed)),
    };
    let _infallible = writeln!(text, "  {state}\n  action {}", package.action);
    text
}

/// What is different from the latest result of a package.
pub(super) fn changed_since(changed: &Changed) -> String {
    let Changed { since, version, inputs, .. } = changed;
    let since = &since.to_string()[..12];
    if inputs.is_empty() {
        // Its inputs are told in words only as far as they are known by name.
        return format!("differs from the result {since} of {version}");
    }
    format!("{} changed since the result {since} of {version}", inputs.join(", "))
}
