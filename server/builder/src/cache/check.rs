//! Reading everything in the cache whose bytes are known, and telling what has other ones.
//!
//! Not read are toolchains, Rust's libraries, crates (cargo checks them whenever it compiles them), objects (every entry
//! is checked by who takes it) and the recipes that the program carries (compared whenever they are used).

use std::fs;
use std::path::{Path, PathBuf};

use pkgsrv_index::{Abi, Digest};
use serde::Serialize;

use super::{entries, name_of};
use crate::action::ActionResult;
use crate::contents;
use crate::context::Context;
use crate::cross_environment;
use crate::error::{BuildError, IoContext as _};
use crate::installed_tools;
use crate::runtime::Runtime;
use crate::source;
use crate::without_recipe;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// How many entries of each kind were read, in the order in which they were.
    pub checked: Vec<(&'static str, usize)>,
    /// What is damaged.
    pub damaged: Vec<Damage>,
}

/// An entry that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// `source`, `runtime`, `cross environment`, `installation of tools`, `resolution` or `result`.
    pub kind: &'static str,
    /// Where it is, or was.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
    /// Whether it was taken out; a damaged one that another program makes or uses just now is not.
    pub removed: bool,
}

/// A kind of entry: what it is called, how its damage is found, which lock who makes it holds.
struct Kind {
    name: &'static str,
    plural: &'static str,
    directory: PathBuf,
    damage: fn(&Context, &Path) -> Result<Option<String>, BuildError>,
    lock: fn(&Context, &Path) -> Option<String>,
}

/// Checks every source, runtime, cross environment, installation of tools, resolution and result. What is damaged is
/// taken out where `remove` says so.
pub fn check(context: &Context, remove: bool) -> Result<Checked, BuildError> {
    let mut found = Checked::default();
    for kind in kinds(context) {
        let stage = context.progress.stage("cache", &format!("checking {}", kind.plural));
        let paths = entries(&kind.directory).doing("read", &kind.directory)?;
        for path in &paths {
            context.interrupt.check()?;
            stage.message(&path.display().to_string());
            if let Some(reason) = kind.damage(context, path)? {
                let removed = remove && kind.remove(context, path)?;
                found.damaged.push(Damage { kind: kind.name, path: path.clone(), reason, removed });
            }
        }
        found.checked.push((kind.plural, paths.len()));
    }
    Ok(found)
}

fn kinds(context: &Context) -> [Kind; 6] {
    let cache = &context.cache;
    [
        Kind {
            name: "source",
            plural: "sources",
            directory: cache.sources(),
            damage: source_damage,
            lock: |_, _| None,
        },
        Kind {
            name: "runtime",
            plural: "runtimes",
            directory: cache.runtimes(),
            damage: runtime_damage,
            lock: |context, path| Some(runtime_of(context, path)?.lock_name()),
        },
        Kind {
            name: "cross environment",
            plural: "cross environments",
            directory: cache.cross_environments(),
            damage: |_, path| contents::damage(path),
            lock: |_, path| Some(cross_environment::lock_name(name_of(path).split('-').next()?)),
        },
        Kind {
            name: "installation of tools",
            plural: "installations of tools",
            directory: cache.tools(),
            damage: |_, path| contents::damage(path),
            lock: |_, path| Some(installed_tools::lock_name(&name_of(path))),
        },
        Kind {
            name: "resolution",
            plural: "resolutions",
            directory: cache.resolutions(),
            damage: |_, path| contents::damage(path),
            lock: |_, path| Some(without_recipe::resolution_lock_name(&name_of(path))),
        },
        Kind {
            name: "result",
            plural: "results",
            directory: cache.actions(),
            damage: result_damage,
            lock: |_, path| Some(name_of(path)),
        },
    ]
}

impl Kind {
    /// What is wrong with an entry. That it is of a format which this version does not read is wrong too.
    fn damage(&self, context: &Context, path: &Path) -> Result<Option<String>, BuildError> {
        match (self.damage)(context, path) {
            Err(BuildError::Cache { reason, .. }) => Ok(Some(reason)),
            found => found,
        }
    }

    /// Takes a damaged entry out; `false` if another program makes it just now, or has made it anew.
    fn remove(&self, context: &Context, path: &Path) -> Result<bool, BuildError> {
        let lock = match (self.lock)(context, path) {
            None => None,
            Some(name) => match context.cache.try_lock(&name)? {
                None => return Ok(false),
                held => held,
            },
        };
        let damaged = self.damage(context, path)?.is_some();
        if damaged {
            context.take_out(path)?;
        }
        drop(lock);
        Ok(damaged)
    }
}

fn digest_of(path: &Path) -> Result<Digest, String> {
    name_of(path).parse().map_err(|_| "its name is no SHA-256".to_owned())
}

fn source_damage(_: &Context, path: &Path) -> Result<Option<String>, BuildError> {
    Ok(match digest_of(path) {
        Err(reason) => Some(reason),
        Ok(sha256) => source::read(path, &sha256)?.unwrap_or_else(|| Err("it is no directory".to_owned())).err(),
    })
}

fn result_damage(context: &Context, path: &Path) -> Result<Option<String>, BuildError> {
    match digest_of(path) {
        Err(reason) => Ok(Some(reason)),
        Ok(_) if !path.is_dir() => Ok(Some("it is no directory".to_owned())),
        Ok(digest) => ActionResult::damage(context, digest),
    }
}

fn runtime_damage(context: &Context, path: &Path) -> Result<Option<String>, BuildError> {
    if path.is_dir() {
        return contents::damage(path);
    }
    let Some(runtime) = runtime_of(context, path).filter(|runtime| runtime.directory.is_dir()) else {
        return Ok(None);
    };
    let text = fs::read_to_string(path).unwrap_or_default();
    runtime.symbols_damage(&text)
}

/// The runtime that a directory or a list of symbols is of, as far as this version knows it.
fn runtime_of(context: &Context, path: &Path) -> Option<Runtime> {
    let name = name_of(path);
    let mut known = Abi::known().map(|abi| Runtime::of(context, abi));
    known.find(|runtime| name.starts_with(&format!("{}-", runtime.lock_name())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::sha256;

    fn source(context: &Context, bytes: &str) -> PathBuf {
        let directory = context.cache.sources().join(sha256(bytes.as_bytes()).to_string());
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("demo-1.0.tar.gz"), bytes).unwrap();
        directory
    }

    #[test]
    fn a_changed_byte_is_told_and_taken_out_only_when_asked() {
        let directory = tempfile::tempdir().unwrap();
        let context = Context::in_directory(directory.path());
        let (whole, changed) = (source(&context, "whole"), source(&context, "changed"));
        fs::write(changed.join("demo-1.0.tar.gz"), "Changed").unwrap();
        let cross = context.cache.cross_environments().join(format!("{}-1", "0".repeat(64)));
        fs::create_dir_all(&cross).unwrap();
        fs::write(cross.join("file"), "one").unwrap();
        contents::record(&cross).unwrap();
        fs::write(cross.join("file"), "two").unwrap();
        let result = context.cache.actions().join("1".repeat(64));
        fs::create_dir_all(&result).unwrap();

        let found = check(&context, false).unwrap();
        assert_eq!(
            found.checked,
            [
                ("sources", 2),
                ("runtimes", 0),
                ("cross environments", 1),
                ("installations of tools", 0),
                ("resolutions", 0),
                ("results", 1)
            ]
        );
        let told = |found: &Checked| {
            let line = |it: &Damage| format!("{} {} {}", it.kind, it.reason, it.removed);
            found.damaged.iter().map(line).collect::<Vec<_>>()
        };
        let hash = |text: &str| sha256(text.as_bytes());
        let wrong = format!("source demo-1.0.tar.gz has SHA-256 {}, expected {}", hash("Changed"), hash("changed"));
        let cross_wrong = "cross environment file has other bytes";
        let result_wrong = "result it has no result.json that can be read";
        assert_eq!(told(&found), [&wrong, cross_wrong, result_wrong].map(|it| format!("{it} false")));
        assert!(changed.is_dir() && cross.is_dir() && result.is_dir());

        let held = context.cache.try_lock(&"1".repeat(64)).unwrap().unwrap();
        let found = check(&context, true).unwrap();
        let removed = [(wrong.as_str(), true), (cross_wrong, true), (result_wrong, false)];
        assert_eq!(told(&found), removed.map(|(it, removed)| format!("{it} {removed}")));
        assert!(whole.is_dir() && !changed.exists() && !cross.exists() && result.is_dir());
        drop(held);
        check(&context, true).unwrap();
        assert_eq!(check(&context, false).unwrap().damaged, []);
    }
}
