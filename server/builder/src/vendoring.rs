//! Libraries that travel inside a wheel: the side modules that those of the wheel need are laid beside them, where a
//! runtime path leads. Pure.

use std::collections::{BTreeSet, VecDeque};

use pkgsrv_side_module::{SideModule, normal_path, with_runtime_paths};

use crate::error::BuildError;
use crate::repack::Files;

/// How every WebAssembly module begins.
const WASM: &[u8] = b"\0asm";

/// Where the files of a wheel are taken to be installed; deep enough for a runtime path that leads out of it.
const SITE: &str = "/lib/site-packages";

/// Whose wheel it is.
pub(crate) struct WheelNames<'a> {
    /// `demo-1.0.dist-info`.
    pub dist_info: &'a str,
    /// `demo-1.0.data`, of which `platlib` and `purelib` are installed where the wheel itself is.
    pub data: &'a str,
}

/// Puts what side modules in the wheel need, and `find` has, into `NAME.libs`, with what that needs in turn, and writes
/// a runtime path there into all that need one of them. Returns what was put there. A library that the wheel has itself,
/// where a runtime path of who needs it leads, stays there. What nobody has is for admission to tell.
pub(crate) fn vendor(
    names: &WheelNames<'_>,
    files: &mut Files,
    find: impl Fn(&str) -> Result<Option<Vec<u8>>, BuildError>,
) -> Result<Vec<String>, BuildError> {
    let project = names.dist_info.split('-').next().unwrap_or_default();
    let libraries = format!("{project}.libs");
    let mut installed: BTreeSet<String> = files.keys().filter_map(|path| names.installed(path)).collect();
    let mut added = Vec::new();
    let is_module = |(path, (bytes, _)): (&String, &(Vec<u8>, bool))| bytes.starts_with(WASM).then(|| path.clone());
    let mut pending: VecDeque<String> = files.iter().filter_map(is_module).collect();
    while let Some(path) = pending.pop_front() {
        let Some(place) = names.installed(&path) else { continue };
        let Ok(module) = SideModule::parse(&files[&path].0) else { continue };
        let directories = module.dylink.runtime_directories(&place);
        let mut uses_libraries = false;
        for name in &module.dylink.needed {
            let is_there = |directory: &String| installed.contains(&normal_path(&format!("{directory}/{name}")));
            if directories.iter().any(is_there) {
                continue;
            }
            let wanted = format!("{libraries}/{name}");
            if !installed.contains(&format!("{SITE}/{wanted}")) {
                let Some(bytes) = find(name)? else { continue };
                installed.insert(format!("{SITE}/{wanted}"));
                files.insert(wanted.clone(), (bytes, false));
                pending.push_back(wanted);
                added.push(name.clone());
            }
            uses_libraries = true;
        }
        if uses_libraries {
            let mut paths = module.dylink.runtime_paths;
            // The others are directories of the build.
            paths.retain(|path| path.starts_with("$ORIGIN"));
            paths.push(runtime_path(&place, &libraries));
            let (bytes, _) = files.get_mut(&path).expect("it was read from there");
            *bytes = with_runtime_paths(bytes, &paths).map_err(|error| BuildError::Package {
                package: project.to_owned(),
                reason: format!("{path} cannot be given the runtime paths {}: {error}", paths.join(", ")),
            })?;
        }
    }
    added.sort();
    Ok(added)
}

impl WheelNames<'_> {
    /// Where a file of the wheel is installed; `None` for schemes whose place only the installer knows.
    fn installed(&self, path: &str) -> Option<String> {
        let inside = path.strip_prefix(self.data).and_then(|rest| rest.strip_prefix('/'));
        let path = match inside.map(|inside| inside.split_once('/')) {
            None => path,
            Some(Some(("platlib" | "purelib", rest))) => rest,
            Some(_) => return None,
        };
        Some(normal_path(&format!("{SITE}/{path}")))
    }
}

/// From the directory of the module at `place` to the libraries. Emscripten replaces `$ORIGIN` at the beginning, and
/// knows no `${ORIGIN}`.
fn runtime_path(place: &str, libraries: &str) -> String {
    let inside = place.strip_prefix(SITE).unwrap_or(place).trim_start_matches('/');
    let directory = inside.rsplit_once('/').map_or("", |(directory, _)| directory);
    match directory {
        "" => format!("$ORIGIN/{libraries}"),
        _ if directory == libraries => "$ORIGIN".to_owned(),
        _ => format!("$ORIGIN/{}{libraries}", "../".repeat(directory.split('/').count())),
    }
}

#[cfg(test)]
mod tests;
