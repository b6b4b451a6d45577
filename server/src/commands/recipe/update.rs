//! `pkgsrv recipe update`.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use pkgsrv::BuildArgs;
use pkgsrv_builder::{Interrupt, NewRelease, RecipeProblem, RecipeUpdate};
use pkgsrv_index::{Digest, PackageName};
use serde::Serialize;

use super::check::ToldProblem;
use crate::commands::working::interruptible;
use crate::commands::{JsonArgs, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct Update {
    /// Name of the recipe
    #[arg(value_name = "NAME")]
    name: PackageName,
    /// The version to take [default: the newest that is no pre-release, not yanked, and for the ABI's Python]
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
    /// Tell which release that is, and build and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    settings: BuildArgs,
    #[command(flatten)]
    output: JsonArgs,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Updated {
    name: PackageName,
    /// The version that the recipe was of.
    from: String,
    /// The version that it is of, or with `--dry-run` would be; the same where there is none to take.
    to: String,
    /// The file of that version, if it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Digest>,
    /// Whether the recipe was changed.
    changed: bool,
    /// What spoke against it.
    problems: Vec<RecipeProblem>,
    /// What is wrong with other recipes now.
    others: Vec<RecipeProblem>,
}

impl Update {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let (json, dry_run, asked) = (self.output.json, self.dry_run, self.to.is_some());
        let updated = interruptible(move |interrupt| self.update(interrupt)).await?;
        if json {
            print_json(&updated)?;
        } else {
            print!("{}", told(&updated, dry_run, asked));
        }
        Ok(if updated.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn update(&self, interrupt: &Interrupt) -> Result<Updated> {
        let context = self.settings.context(interrupt);
        let tree = self.settings.recipe_tree(&context)?;
        let update = RecipeUpdate::new(&context, &tree, self.settings.abi(), &self.name)?;
        let from = update.recipe.version.to_string();
        let mut updated = Updated {
            name: self.name.clone(),
            to: from.clone(),
            from,
            filename: None,
            sha256: None,
            changed: false,
            problems: Vec::new(),
            others: Vec::new(),
        };
        let Some(release) = update.find(self.to.as_deref())? else { return Ok(updated) };
        let NewRelease { version, filename, sha256 } = &release;
        updated.to = version.to_string();
        (updated.filename, updated.sha256) = (Some(filename.clone()), Some(*sha256));
        if self.dry_run {
            return Ok(updated);
        }
        let outcome = update.carry_out(&release, self.settings.options(false))?;
        updated.changed = outcome.problems.is_empty();
        (updated.problems, updated.others) = (outcome.problems, outcome.others);
        Ok(updated)
    }
}

fn told(updated: &Updated, dry_run: bool, asked: bool) -> String {
    let Updated { name, from, to, filename, changed, problems, others, .. } = updated;
    let Some(filename) = filename else {
        let why = if asked { "the recipe is of that version already" } else { "there is nothing newer" };
        return format!("{name} {from}: {why}\n");
    };
    let mut text: String = problems.iter().map(|problem| ToldProblem(problem).to_string()).collect();
    let _infallible = match (dry_run, changed) {
        (true, _) => writeln!(text, "{name}: {from} → {to} ({filename}) would be tried; nothing was changed"),
        (false, true) => writeln!(text, "{name}: {from} → {to} ({filename})"),
        (false, false) => writeln!(text, "{name}: stays at {from}, since {to} has the problems above"),
    };
    text.extend(others.iter().map(|problem| format!("now to be looked at, {}", ToldProblem(problem))));
    text
}
