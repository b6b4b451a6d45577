//! `pkgsrv test`: a recipe's tests in the real runtime.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use pkgsrv::BuildArgs;
use pkgsrv_builder::{
    Builder, Interrupt, PYTEST, PackageTest, TestKind, TestOptions, TestOutcome, TestStep, WantedPackage, printable,
};
use pkgsrv_index::PackageName;
use serde_json::json;

use super::working::interruptible;
use super::{JsonArgs, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct Test {
    /// Names of recipes, or of projects on the upstream index
    #[arg(required = true, value_name = "NAME")]
    names: Vec<PackageName>,
    /// Also run, by pytest, the tests that `unvendor-tests` left out of the wheel
    #[arg(long)]
    unvendored: bool,
    /// Show what passed tests printed, too
    #[arg(long)]
    show_output: bool,
    /// Seconds that one import may take, the recipe's test, and all tests that pytest runs together
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=540))]
    timeout: u64,
    #[command(flatten)]
    settings: BuildArgs,
    #[command(flatten)]
    output: JsonArgs,
}

impl Test {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let (json, unvendored, show_output) = (self.output.json, self.unvendored, self.show_output);
        let packages = interruptible(move |interrupt| self.test(interrupt)).await?;
        let passed = packages.iter().all(|package| package.passed);
        if json {
            print_json(&json!({ "packages": packages, "passed": passed }))?;
        } else {
            print!("{}", packages.iter().map(|package| told(package, show_output)).collect::<String>());
            let failed: Vec<&str> =
                packages.iter().filter(|package| !package.passed).map(|package| package.name.as_str()).collect();
            if !failed.is_empty() {
                let option = if unvendored { " --unvendored" } else { "" };
                let names = failed.join(" ");
                eprintln!("failed: {}; to see it again: pkgsrv test {names}{option}", failed.join(", "));
            }
        }
        Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn test(&self, interrupt: &Interrupt) -> Result<Vec<PackageTest>> {
        let context = self.settings.context(interrupt);
        let mut wanted: Vec<WantedPackage> = self.names.iter().cloned().map(Into::into).collect();
        if self.unvendored {
            wanted.push(PYTEST.parse::<PackageName>()?.into());
        }
        let recipes = self.settings.loaded_recipes(&context, &wanted)?;
        for name in &self.names {
            let build = &recipes[name].recipe.build;
            if build.kind.is_library() {
                bail!("{name} is a library, of which nothing can be imported; test a package that links it");
            }
            if self.unvendored && !build.unvendor_tests {
                bail!(
                    "{name} has no tests beside its wheel; `unvendor-tests = true` in [build] of its recipe keeps them \
                     there, or leave --unvendored out"
                );
            }
        }
        let builder = Builder::new(&context, self.settings.abi())?;
        let how = TestOptions { unvendored: self.unvendored, timeout: Duration::from_secs(self.timeout) };
        Ok(builder.test(&recipes, &self.names, self.settings.options(true), how)?)
    }
}

/// A line for the package and one for each step; what went wrong in full.
fn told(package: &PackageTest, show_output: bool) -> String {
    let PackageTest { name, version, passed, script, steps, reason } = package;
    let mut text = format!("{name} {version}: {}", if *passed { "passed" } else { "failed" });
    if script.is_none() {
        text.push_str(" (imports only: its recipe has no [test] script)");
    }
    text.push('\n');
    for step in steps {
        let TestStep { kind, name, outcome, detail, output } = step;
        let what = match kind {
            TestKind::Import => format!("import {name}"),
            TestKind::Script => format!("test {name}"),
            TestKind::Unvendored => format!("unvendored tests, by {name}"),
        };
        let word = match outcome {
            TestOutcome::Passed => "passed",
            TestOutcome::Failed => "failed",
            TestOutcome::TimedOut => "did not come to an end in time",
            TestOutcome::Crashed => "ended the interpreter",
            TestOutcome::NotTried => "not tried",
        };
        let _infallible = writeln!(text, "  {what}: {word}");
        text.push_str(&indented(detail.as_deref().unwrap_or_default()));
        if (*outcome != TestOutcome::Passed || show_output) && !output.trim().is_empty() {
            let _infallible = write!(text, "    it printed:\n{}", indented(output));
        }
    }
    if let Some(reason) = reason {
        text.push_str(&indented(reason));
    }
    text
}

fn indented(text: &str) -> String {
    text.trim_end().lines().flat_map(|line| ["    ".to_owned(), printable(line), "\n".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_printed_is_told_where_it_failed() {
        let step = |kind, name: &str, outcome, detail: Option<&str>| TestStep {
            kind,
            name: name.to_owned(),
            outcome,
            detail: detail.map(str::to_owned),
            output: format!("{name} speaks\n"),
        };
        let mut package = PackageTest {
            name: "demo".parse().unwrap(),
            version: "1.0".to_owned(),
            passed: false,
            script: Some("test.py".to_owned()),
            steps: vec![
                step(TestKind::Import, "demo", TestOutcome::Passed, None),
                step(TestKind::Import, "demo_tests", TestOutcome::NotTried, Some("left out: needs a network")),
                step(TestKind::Script, "test.py", TestOutcome::Failed, Some("Traceback:\nAssertionError\n")),
            ],
            reason: None,
        };
        package.steps[1].output.clear();
        let failed = "demo 1.0: failed\n  import demo: passed\n  import demo_tests: not tried\n    left out: needs a \
                      network\n  test test.py: failed\n    Traceback:\n    AssertionError\n    it printed:\n    test.py \
                      speaks\n";
        assert_eq!(told(&package, false), failed);
        package.steps.truncate(1);
        (package.passed, package.script) = (true, None);
        let passed = "demo 1.0: passed (imports only: its recipe has no [test] script)\n  import demo: passed\n";
        assert_eq!(told(&package, false), passed);
        assert_eq!(told(&package, true), format!("{passed}    it printed:\n    demo speaks\n"));
    }
}
