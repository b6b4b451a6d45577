//! The pinned tools that builds may ask for: `recipes/build-requirements.toml`.

use std::collections::BTreeMap;

use pkgsrv_index::{Abi, Digest, PackageName, WheelFilename};
use serde::{Deserialize, Serialize, Serializer};
use toml::Spanned;

use crate::error::RecipeError;

/// Every project that `requirements.build` may name, each pinned to one wheel, or to one for each kind of machine.
#[derive(Clone, Debug, Default)]
pub struct BuildRequirements {
    wheels: BTreeMap<PackageName, Vec<LockedWheel>>,
}

/// One wheel for the build Python.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedWheel {
    /// Wheel file name; it tells project and version.
    pub filename: WheelFilename,
    /// SHA-256 of the wheel.
    pub sha256: Digest,
    /// Projects that it needs in turn, all in the same file.
    pub requires: Vec<PackageName>,
}

/// File name and hash: what it needs changes nothing of what it is.
impl Serialize for LockedWheel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.filename, self.sha256).serialize(serializer)
    }
}

impl LockedWheel {
    /// Whether it runs on a machine of this kind (`x86_64`, as in platform tags): pure Python runs on all.
    fn runs_on(&self, machine: &str) -> bool {
        let mut platforms = self.filename.compressed_tags().rsplit('-').next().unwrap_or_default().split('.');
        platforms.any(|platform| platform == "any" || platform.ends_with(&format!("_{machine}")))
    }

    /// Whether the build Python of an ABI, which has its version, takes it.
    fn runs_with(&self, abi: Abi) -> bool {
        let facts = abi.facts();
        self.filename.tags().any(|tag| match (tag.python.strip_prefix("cp"), tag.abi) {
            (Some(_), "abi3") => minor(tag.python).is_some_and(|least| least <= facts.python_minor),
            (Some(_), _) => tag.python == facts.interpreter_tag,
            (None, _) => {
                let least = minor(tag.python);
                tag.abi == "none" && (tag.python == "py3" || least.is_some_and(|least| least <= facts.python_minor))
            }
        })
    }

    fn does_for(&self, machine: &str, abi: Abi) -> bool {
        self.runs_on(machine) && self.runs_with(abi)
    }

    /// Whether both would do for some machine and ABI.
    pub(crate) fn rivals(&self, other: &Self) -> bool {
        let both = |machine: &str, abi| self.does_for(machine, abi) && other.does_for(machine, abi);
        MACHINES.iter().any(|machine| Abi::known().any(|abi| both(machine, abi)))
    }
}

/// `14` of `cp314` and `py314`; `None` of `py3`.
fn minor(python: &str) -> Option<u16> {
    python.strip_prefix("cp").or_else(|| python.strip_prefix("py"))?.strip_prefix('3')?.parse().ok()
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
                return Err(bad(
                    &wheel.filename,
                    &"a second wheel of one project for the same machines and versions of Python",
                ));
            }
            wheels.push(locked);
        }
        Ok(lock)
    }

    /// The same, but for the projects of `wheels`: of these there are those and no others.
    #[must_use]
    pub fn with(&self, wheels: &[LockedWheel]) -> Self {
        let mut own: BTreeMap<PackageName, Vec<LockedWheel>> = BTreeMap::new();
        for wheel in wheels {
            own.entry(wheel.filename.name().clone()).or_default().push(wheel.clone());
        }
        let mut all = self.clone();
        all.wheels.extend(own);
        all
    }

    /// The wheel of a project for a kind of machine (`x86_64`) and the build Python of an ABI.
    pub fn wheel(&self, name: &PackageName, machine: &str, abi: Abi) -> Option<&LockedWheel> {
        self.wheels.get(name)?.iter().find(|wheel| wheel.does_for(machine, abi))
    }

    /// All wheels for a kind of machine and the build Python of an ABI, sorted by project.
    pub fn wheels(&self, machine: &str, abi: Abi) -> impl Iterator<Item = &LockedWheel> {
        self.wheels.values().flatten().filter(move |wheel| wheel.does_for(machine, abi))
    }

    /// The wheels of these projects and of all that they need for a kind of machine (`x86_64`) and the build Python of an
    /// ABI, sorted by project; `Err` names what is not in the file.
    pub fn closure(&self, names: &[PackageName], machine: &str, abi: Abi) -> Result<Vec<&LockedWheel>, PackageName> {
        let mut found = BTreeMap::new();
        let mut pending: Vec<&PackageName> = names.iter().collect();
        while let Some(name) = pending.pop() {
            if found.contains_key(name) {
                continue;
            }
            let wheel = self.wheel(name, machine, abi).ok_or_else(|| name.clone())?;
            found.insert(name, wheel);
            pending.extend(&wheel.requires);
        }
        Ok(found.into_values().collect())
    }
}
