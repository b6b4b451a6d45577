//! What a recipe needs: whether there are recipes and pinned tools for it, and whether the package says the same.

use std::collections::BTreeSet;
use std::fs;

use pkgsrv_index::{ExtraName, PackageName, Requirement, evaluate};
use pkgsrv_recipe::{BuildKind, Recipe};
use pkgsrv_wheel::Metadata;

use super::{Findings, RecipeChecker};
use crate::action::check_versions;
use crate::recipe_tree::FRONTEND;
use crate::source;

impl RecipeChecker<'_> {
    pub(super) fn requirements(&self, recipe: &Recipe, findings: &mut Findings<'_>) {
        self.recipes_exist(recipe, findings);
        self.tools(recipe, findings);
        if let Some(circle) = self.circle(&recipe.name) {
            let shown = circle.iter().map(ToString::to_string).collect::<Vec<_>>().join(" → ");
            findings.add(
                "requirements",
                format!("recipes depend on each other in a circle: {shown}"),
                "no circle".to_owned(),
                "remove one of these requirements".to_owned(),
            );
        }
        self.metadata(recipe, findings);
    }

    fn recipes_exist(&self, recipe: &Recipe, findings: &mut Findings<'_>) {
        let fields = [("requirements.host", &recipe.requirements.host), ("requirements.run", &recipe.requirements.run)];
        for (field, names) in fields {
            for name in names {
                match self.known.get(name) {
                    None if self.unreadable.contains_key(name.as_str()) => {}
                    None => findings.add(
                        field,
                        format!("there is no recipe {name}"),
                        format!("one in {}", self.tree.directory().display()),
                        format!("add one (`pkgsrv recipe new {name}`), or remove the name"),
                    ),
                    Some(other) if field.ends_with("run") && other.build.kind.is_library() => findings.add(
                        field,
                        format!("{name} is a library, which makes no wheel"),
                        "packages only".to_owned(),
                        "name it in `host`".to_owned(),
                    ),
                    Some(_) => {}
                }
            }
        }
    }

    fn tools(&self, recipe: &Recipe, findings: &mut Findings<'_>) {
        let pinned = self.tree.pinned().with(&recipe.requirements.tools);
        let mut tools = recipe.requirements.build.clone();
        if recipe.build.kind == BuildKind::Package {
            tools.extend(FRONTEND.parse::<PackageName>().ok());
        }
        let mut missing = BTreeSet::new();
        tools.retain(|tool| match pinned.missing(tool) {
            None => true,
            Some(name) => {
                missing.insert(name);
                false
            }
        });
        for name in missing {
            findings.add(
                "requirements.build",
                format!("build requirement {name} is not pinned"),
                format!("its wheel in {}", pinned.file().display()),
                "add its wheel there, with its SHA-256".to_owned(),
            );
        }
        let Ok(wheels) = pinned.closure(&recipe.name, &tools) else { return };
        for constraint in &recipe.requirements.constraint {
            let pinned = wheels.iter().map(|wheel| &wheel.filename).find(|wheel| *wheel.name() == constraint.name);
            if let Some(wheel) = pinned.filter(|wheel| !constraint.admits(wheel.version())) {
                findings.add(
                    "requirements.constraint",
                    format!("{} {} is pinned", wheel.name(), wheel.version()),
                    constraint.to_string(),
                    "pin a version that fits, or see whether the constraint still holds".to_owned(),
                );
            }
        }
        // What is missing has been told already.
        let Ok(loaded) = self.tree.load(recipe, &self.known) else { return };
        let host = recipe.requirements.host.iter().filter_map(|name| self.known.get(name));
        if let Err(error) = check_versions(&loaded, host) {
            findings.add(
                "requirements.host",
                error.to_string(),
                "one version of what is built against".to_owned(),
                "change the recipe of that package, or its pinned wheel".to_owned(),
            );
        }
    }

    /// The shortest circle of which this package is the first by name: each is told once.
    fn circle(&self, start: &PackageName) -> Option<Vec<PackageName>> {
        let mut seen = BTreeSet::from([start]);
        let mut paths = vec![vec![start]];
        while !paths.is_empty() {
            let mut longer = Vec::new();
            for path in paths {
                let Some(recipe) = path.last().and_then(|name| self.known.get(*name)) else { continue };
                let needed = recipe.requirements.host.iter().chain(&recipe.requirements.run);
                for name in needed.filter(|name| *name >= start) {
                    if name == start {
                        return Some(path.into_iter().chain([name]).cloned().collect());
                    }
                    if seen.insert(name) {
                        longer.push(path.iter().copied().chain([name]).collect());
                    }
                }
            }
            paths = longer;
        }
        None
    }

    /// Compares `run` with `Requires-Dist`, where that is known.
    fn metadata(&self, recipe: &Recipe, findings: &mut Findings<'_>) {
        let Some((metadata, from)) = self.known_metadata(recipe) else { return };
        let extras: BTreeSet<ExtraName> = metadata.provides_extra.iter().filter_map(|it| it.parse().ok()).collect();
        let needs = match evaluate(metadata.requires_dist.iter().map(String::as_str), &extras, self.abi) {
            Ok(needs) => needs,
            Err(error) => {
                let remedy = "patch it in the source".to_owned();
                return findings.add(
                    "requirements.run",
                    format!("Requires-Dist of {from}: {error}"),
                    "dependency specifiers".to_owned(),
                    remedy,
                );
            }
        };
        let run = &recipe.requirements.run;
        let depends: Vec<&Requirement> = needs.depends.iter().filter(|need| need.name != recipe.name).collect();
        for need in depends.iter().filter(|need| !run.contains(&need.name)) {
            findings.add(
                "requirements.run",
                format!("{from} requires {need}, and `run` does not name it"),
                format!("{} in `run`", need.name),
                "add it; where the package works without it, patch its metadata".to_owned(),
            );
        }
        for need in depends {
            if let Some(other) = self.known.get(&need.name).filter(|it| !need.specifiers.contains(&it.version)) {
                findings.add(
                    "requirements.run",
                    format!("{from} requires {need}, and the recipe of {} is of {}", need.name, other.version),
                    format!("{need}"),
                    "update one of the two recipes".to_owned(),
                );
            }
        }
        let optional: Vec<&Requirement> = needs.extras.values().flatten().collect();
        let is_told =
            |name: &PackageName| needs.depends.iter().chain(optional.iter().copied()).any(|need| need.name == *name);
        for name in run.iter().filter(|name| !is_told(name)) {
            findings.add(
                "requirements.run",
                format!("`run` names {name}, and {from} does not require it"),
                "what the package requires".to_owned(),
                "remove it, or patch the metadata: installers bring what that says".to_owned(),
            );
        }
    }

    /// METADATA of the wheel that was built, or that the source is; else PKG-INFO of a source in the cache. With what
    /// it is called.
    fn known_metadata(&self, recipe: &Recipe) -> Option<(Metadata, String)> {
        if recipe.build.kind.is_library() {
            return None;
        }
        self.metadata_of_result(recipe).or_else(|| self.metadata_of_source(recipe))
    }

    /// Of the latest result of the same version.
    fn metadata_of_result(&self, recipe: &Recipe) -> Option<(Metadata, String)> {
        let version = recipe.version.to_string();
        let record = self.records.iter().find(|it| it.name == recipe.name && it.version == version)?;
        let directory = self.context.cache.actions().join(record.action.to_string());
        let wheel = fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path());
        let wheel = wheel.filter(|path| path.extension().is_some_and(|it| it == "whl")).min()?;
        let name = wheel.file_name()?.to_string_lossy().into_owned();
        Some((source::wheel_metadata(&wheel).ok()?, format!("METADATA of {name}")))
    }

    fn metadata_of_source(&self, recipe: &Recipe) -> Option<(Metadata, String)> {
        let fetched = source::cached(self.context, &recipe.source.sha256).ok()??;
        if recipe.build.kind == BuildKind::Wheel {
            let metadata = source::wheel_metadata(&fetched.path).ok()?;
            return Some((metadata, format!("METADATA of {}", fetched.filename)));
        }
        let text = source::pkg_info(&fetched)?;
        // Since version 2.2 the metadata says what a build may add to; before, anything may be missing.
        let headers = text.split("\n\n").next().unwrap_or_default();
        let is_dynamic = headers.lines().any(|line| line.eq_ignore_ascii_case("Dynamic: Requires-Dist"));
        let metadata = Metadata::parse("PKG-INFO", &text).ok()?;
        let is_static = !is_dynamic && !["1.", "2.0", "2.1"].iter().any(|it| metadata.metadata_version.starts_with(it));
        is_static.then(|| (metadata, format!("PKG-INFO of {}", fetched.filename)))
    }
}
