//! `pkgsrv recipe import`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use pkgsrv_recipe::foreign;

use super::folder::{self, META};
use super::report::{Outcome, Report, Row};
use crate::commands::{JsonArgs, print_json, recipe_report};

#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// A tree of recipes: a directory with one folder for each, or one such folder
    #[arg(value_name = "DIR")]
    from: PathBuf,
    /// Directory that the recipes are written below; one that is there already is kept
    #[arg(long, value_name = "DIR", default_value = "recipes")]
    out: PathBuf,
    /// Show the place of every refusal in its file
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    output: JsonArgs,
}

impl Import {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut rows = Vec::new();
        let mut written = BTreeMap::new();
        for folder in folder::recipes(&self.from)? {
            rows.push(self.import(&folder, &mut written)?);
        }
        if !written.is_empty() {
            folder::complete(&self.out)?;
        }
        let report = Report::new(rows, &self.out);
        if self.output.json {
            print_json(&report)?;
        } else {
            std::io::stdout().write_all(report.to_string().as_bytes())?;
        }
        Ok(if report.is_in_vain() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// Translates one folder; `written` has the folders by name of what is imported already.
    fn import(&self, folder: &Path, written: &mut BTreeMap<String, PathBuf>) -> Result<Row> {
        let from = folder.join(META);
        let text = folder::read_meta(folder)?;
        let outcome = match foreign::import(&from.display().to_string(), &text, &folder::files(folder)?) {
            Ok(imported) => {
                let name = imported.recipe.name.to_string();
                let needs = imported.recipe.requirements.host.iter().chain(&imported.recipe.requirements.run);
                let needs = needs.map(ToString::to_string).collect::<BTreeSet<_>>().into_iter().collect();
                if let Some(other) = written.get(&name) {
                    Outcome::same_name(&from, &name, other)
                } else if folder::write(&imported, folder, &self.out)? {
                    written.insert(name.clone(), from.clone());
                    Outcome::Imported { name, needs, notes: imported.notes }
                } else {
                    Outcome::Kept { name }
                }
            }
            Err(refusals) => {
                if self.explain {
                    for refusal in &refusals {
                        let mut text = String::new();
                        let _infallible = recipe_report().render_report(&mut text, refusal.error.as_ref());
                        eprint!("{text}");
                    }
                }
                Outcome::refused(&from, &refusals)
            }
        };
        Ok(Row { from, outcome })
    }
}
