//! The pinned tools that builds may ask for: `recipes/build-requirements.toml`.

use std::collections::BTreeMap;

use pkgsrv_index::{Digest, PackageName, WheelFilename};
use serde::Deserialize;
use toml::Spanned;

use crate::error::RecipeError;

/// Every project that `requirements.build` may name, each pinned to one wheel, or to one for each kind of machine.
#[derive(Clone, Debug, Default)]
pub struct BuildRequirements {
    wheels: BTreeMap<PackageName, Vec<LockedWheel>>,
}

/// One wheel for the build Python.
#[derive(Clone, Debug)]
pub struct LockedWheel {
    /// Wheel file name; it tells project and version.
    pub filename: WheelFilename,
    /// SHA-256 of the wheel.
    pub sha256: Digest,
    /// Projects that it needs in turn, all in the same file.
    pub requires: Vec<PackageName>,
}

impl LockedWheel {
    /// Whether it runs on a machine of this kind (`x86_64`, as in platform tags): pure Python runs on all.
    fn runs_on(&self, machine: &str) -> bool {
        let mut platforms = self.filename.compressed_tags().rsplit('-').next().unwrap_or_default().split('.');
        platforms.any(|platform| platform == "any" || platform.ends_with(&format!("_{machine}")))
    }

    /// Whether both would do for some machine.
    fn rivals(&self, other: &Self) -> bool {
        MACHINES.iter().any(|machine| self.runs_on(machine) && other.runs_on(machine))
    }
}

/// The kinds of build machines, as platform tags end.
const MACHINES: &[&str] = &["aarch64", "x86_64"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LockText {
    wheel: Vec<WheelText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WheelText {
    filename: Spanned<String>,
    sha256: Spanned<String>,
    #[serde(default)]
    requires: Vec<Spanned<String>>,
}

impl BuildRequirements {
    /// Reads and checks the text of the file called `file`.
    pub fn parse(file: &str, text: &str) -> Result<Self, RecipeError> {
        let parsed: LockText = toml::from_str(text).map_err(|error| RecipeError::from_toml(file, text, &error))?;
        let bad = |at: &Spanned<String>, error: &dyn std::fmt::Display| {
            RecipeError::at(file, text, Some(at.span()), format!("{file}: {error}"), "here", None)
        };
        let mut lock = Self::default();
        for wheel in parsed.wheel {
            let filename: WheelFilename = wheel.filename.get_ref().parse().map_err(|e| bad(&wheel.filename, &e))?;
            let requires = wheel.requires.iter().map(|name| name.get_ref().parse().map_err(|e| bad(name, &e)));
            let locked = LockedWheel {
                sha256: wheel.sha256.get_ref().parse().map_err(|e| bad(&wheel.sha256, &e))?,
                requires: requires.collect::<Result<_, _>>()?,
                filename: filename.clone(),
            };
            let wheels = lock.wheels.entry(filename.name().clone()).or_default();
            if wheels.iter().any(|other| other.rivals(&locked)) {
                return Err(bad(&wheel.filename, &"a second wheel of one project for the same machines"));
            }
            wheels.push(locked);
        }
        Ok(lock)
    }

    /// The wheels of these projects and of all that they need for a kind of machine (`x86_64`), sorted by project; `Err`
    /// names what is not in the file.
    pub fn closure(&self, names: &[PackageName], machine: &str) -> Result<Vec<&LockedWheel>, PackageName> {
        let mut found = BTreeMap::new();
        let mut pending: Vec<&PackageName> = names.iter().collect();
        while let Some(name) = pending.pop() {
            if found.contains_key(name) {
                continue;
            }
            let wheels = self.wheels.get(name).map_or(&[][..], Vec::as_slice);
            let wheel = wheels.iter().find(|wheel| wheel.runs_on(machine)).ok_or_else(|| name.clone())?;
            found.insert(name, wheel);
            pending.extend(&wheel.requires);
        }
        Ok(found.into_values().collect())
    }
}
