//! `pkgsrv verify`: whether building a package again makes the same bytes.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use pkgsrv::BuildArgs;
use pkgsrv_builder::{Builder, Difference, Interrupt, Verification, WantedPackage};
use pkgsrv_index::PackageName;
use serde_json::json;

use super::working::interruptible;
use super::{JsonArgs, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// Names of recipes, or of projects on the upstream index
    #[arg(required = true, value_name = "NAME")]
    names: Vec<PackageName>,
    #[command(flatten)]
    settings: BuildArgs,
    #[command(flatten)]
    output: JsonArgs,
}

impl Verify {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let json = self.output.json;
        let packages = interruptible(move |interrupt| self.verify(interrupt)).await?;
        let same = packages.iter().all(|package| package.same);
        if json {
            print_json(&json!({ "packages": packages, "same": same }))?;
        } else {
            print!("{}", packages.iter().map(told).collect::<String>());
        }
        Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn verify(&self, interrupt: &Interrupt) -> Result<Vec<Verification>> {
        let context = self.settings.context(interrupt);
        let wanted: Vec<WantedPackage> = self.names.iter().cloned().map(Into::into).collect();
        let recipes = self.settings.loaded_recipes(&context, &wanted)?;
        let builder = Builder::new(&context, self.settings.abi())?;
        Ok(builder.verify(&recipes, &self.names, self.settings.options(false))?)
    }
}

fn told(package: &Verification) -> String {
    let Verification { name, version, cached, built, .. } = package;
    if package.same {
        return format!("{name} {version}: same bytes, SHA-256 {cached}\n");
    }
    let mut text = format!("{name} {version}: other bytes\n  in the cache {cached}\n  built again  {built}\n");
    if package.differences.is_empty() {
        text.push_str("  every file is the same; the archives are packed in another way\n");
    }
    for Difference { path, cached, built } in &package.differences {
        let _infallible = match (cached, built) {
            (Some(cached), Some(built)) => writeln!(text, "  {path}: {cached} bytes in the cache, {built} built again"),
            (Some(cached), None) => writeln!(text, "  {path}: {cached} bytes in the cache, not built again"),
            (None, Some(built)) => writeln!(text, "  {path}: not in the cache, {built} bytes built again"),
            (None, None) => writeln!(text, "  {path}"),
        };
    }
    let more = package.different.saturating_sub(package.differences.len());
    if more > 0 {
        let _infallible = writeln!(text, "  and {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_told() {
        let digest = |digit: &str| digit.repeat(64).parse().unwrap();
        let difference = |path: &str, cached, built| Difference { path: path.to_owned(), cached, built };
        let mut package = Verification {
            name: "demo".parse().unwrap(),
            version: "1.0".to_owned(),
            action: digest("0"),
            same: true,
            cached: digest("1"),
            built: digest("1"),
            differences: Vec::new(),
            different: 0,
        };
        let (one, two) = ("1".repeat(64), "2".repeat(64));
        assert_eq!(told(&package), format!("demo 1.0: same bytes, SHA-256 {one}\n"));
        (package.same, package.built) = (false, digest("2"));
        let head = format!("demo 1.0: other bytes\n  in the cache {one}\n  built again  {two}\n");
        assert_eq!(told(&package), format!("{head}  every file is the same; the archives are packed in another way\n"));
        package.differences = vec![
            difference("demo.so", Some(3), Some(5)),
            difference("gone.py", Some(1), None),
            difference("new.py", None, Some(2)),
        ];
        package.different = 4;
        assert_eq!(
            told(&package),
            format!(
                "{head}  demo.so: 3 bytes in the cache, 5 built again\n  gone.py: 1 bytes in the cache, not built again\n  \
                 new.py: not in the cache, 2 bytes built again\n  and 1 more\n"
            )
        );
    }
}
