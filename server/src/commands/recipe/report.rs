//! What became of every recipe of a tree.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use pkgsrv_recipe::foreign::Refusal;
use serde::Serialize;

/// The whole of it; `--json` prints this.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    counts: Counts,
    /// How many recipes each field or reason refused; one may be refused by several.
    refused_by: BTreeMap<String, usize>,
    recipes: Vec<Row>,
    #[serde(skip)]
    out: PathBuf,
}

#[derive(Debug, Serialize)]
struct Counts {
    /// All that were found.
    recipes: usize,
    imported: usize,
    /// Of these, how many need a recipe that is not there.
    incomplete: usize,
    kept: usize,
    refused: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Row {
    /// The `meta.yaml`.
    pub from: PathBuf,
    #[serde(flatten)]
    pub outcome: Outcome,
}

#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub(super) enum Outcome {
    /// Written whole.
    Imported { name: String, needs: Vec<String>, notes: Vec<String> },
    /// There is a recipe of this name already.
    Kept { name: String },
    /// Not written.
    Refused { reasons: Vec<Reason> },
}

#[derive(Debug, Serialize)]
pub(super) struct Reason {
    /// The field, as in `build.type`.
    field: String,
    message: String,
    /// In the `meta.yaml`, from 1.
    line: Option<usize>,
}

impl Outcome {
    pub(super) fn refused(from: &Path, refusals: &[Refusal]) -> Self {
        let prefix = format!("{}: ", from.display());
        let reasons = refusals.iter().map(|refusal| {
            let message = refusal.error.to_string();
            let message = message.strip_prefix(&prefix).unwrap_or(&message).to_owned();
            Reason { field: refusal.field.clone(), message, line: refusal.error.line() }
        });
        Self::Refused { reasons: reasons.collect() }
    }

    /// Two folders of one name, after normalising.
    pub(super) fn same_name(from: &Path, name: &str, other: &Path) -> Self {
        let message = format!("{} is called {name} too; rename one of them ({})", other.display(), from.display());
        Self::Refused { reasons: vec![Reason { field: "package.name".to_owned(), message, line: None }] }
    }
}

impl Report {
    pub(super) fn new(recipes: Vec<Row>, out: &Path) -> Self {
        let mut counts = Counts { recipes: recipes.len(), imported: 0, incomplete: 0, kept: 0, refused: 0 };
        let mut refused_by = BTreeMap::new();
        for row in &recipes {
            match &row.outcome {
                Outcome::Imported { needs, .. } => {
                    counts.imported += 1;
                    counts.incomplete += usize::from(needs.iter().any(|name| !is_there(out, name)));
                }
                Outcome::Kept { .. } => counts.kept += 1,
                Outcome::Refused { reasons } => {
                    counts.refused += 1;
                    let fields: BTreeSet<&str> = reasons.iter().map(|reason| reason.field.as_str()).collect();
                    for field in fields {
                        *refused_by.entry(shown_field(field).to_owned()).or_default() += 1;
                    }
                }
            }
        }
        Self { counts, refused_by, recipes, out: out.to_owned() }
    }

    /// Whether there was something to import and nothing was.
    pub(super) fn is_in_vain(&self) -> bool {
        self.counts.imported + self.counts.kept == 0
    }
}

fn is_there(out: &Path, name: &str) -> bool {
    out.join(name).join("recipe.toml").is_file()
}

fn shown_field(field: &str) -> &str {
    if field.is_empty() { "not readable" } else { field }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { recipes, imported, incomplete, kept, refused } = self.counts;
        writeln!(f, "{recipes} recipes: {imported} imported whole, {refused} refused, {kept} there already")?;
        if !self.refused_by.is_empty() {
            writeln!(f, "\nrefused by")?;
        }
        for (field, count) in &self.refused_by {
            writeln!(f, "  {field} ({count})")?;
            for row in &self.recipes {
                let Outcome::Refused { reasons } = &row.outcome else { continue };
                for reason in reasons.iter().filter(|reason| shown_field(&reason.field) == field) {
                    let line = reason.line.map_or_else(String::new, |line| format!(":{line}"));
                    writeln!(f, "    {}{line}: {}", row.from.display(), reason.message)?;
                }
            }
        }
        self.notes(f)?;
        if incomplete > 0 {
            writeln!(f, "\nneed recipes that are not in {}", self.out.display())?;
        }
        for row in &self.recipes {
            let Outcome::Imported { name, needs, .. } = &row.outcome else { continue };
            let missing: Vec<&str> =
                needs.iter().map(String::as_str).filter(|name| !is_there(&self.out, name)).collect();
            if !missing.is_empty() {
                writeln!(f, "  {name}: {}", missing.join(", "))?;
            }
        }
        Ok(())
    }
}

impl Report {
    /// Notes with the recipes that they are about.
    fn notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut about: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for row in &self.recipes {
            let Outcome::Imported { name, notes, .. } = &row.outcome else { continue };
            for note in notes {
                about.entry(note).or_default().push(name);
            }
        }
        if !about.is_empty() {
            writeln!(f, "\nimported, and to be looked at")?;
        }
        for (note, names) in about {
            writeln!(f, "  {note}: {}", names.join(", "))?;
        }
        Ok(())
    }
}
