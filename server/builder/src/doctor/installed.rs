//! What the cache has already, and whether that is whole.

use std::fs;
use std::path::Path;

use pkgsrv_index::Abi;

use super::{Finding, State};
use crate::contents;
use crate::context::Context;
use crate::runtime::Runtime;
use crate::toolchain::Toolchain;

/// The runtime of the ABI that is taken when none is named.
pub(super) fn runtime(context: &Context) -> Finding {
    let runtime = Runtime::of(context, Abi::preferred());
    let subject = format!("runtime {} {}", runtime.name, runtime.version);
    if !runtime.directory.is_dir() {
        return Finding::other(State::Later, &subject, "not there; npm fetches it when it is needed", "pkgsrv up NAME");
    }
    match contents::damage(&runtime.directory) {
        Ok(None) => Finding::good(&subject, runtime.directory.display().to_string()),
        Ok(Some(reason)) => {
            Finding::other(State::Later, &subject, format!("damaged: {reason}"), "the next build fetches it anew")
        }
        Err(error) => Finding::other(State::Bad, &subject, error.to_string(), remove(&runtime.directory)),
    }
}

fn remove(directory: &Path) -> String {
    format!("rm -r {}", directory.display())
}

/// Every installed toolchain.
pub(super) fn toolchains(context: &Context) -> Vec<Finding> {
    const SUBJECT: &str = "toolchain";
    let installed = match Toolchain::installed(context) {
        Ok(installed) => installed,
        Err(error) => return vec![Finding::other(State::Bad, SUBJECT, error.to_string(), "remove what is named")],
    };
    if installed.is_empty() {
        let found = "none is installed; the first build installs it";
        return vec![Finding::other(State::Later, SUBJECT, found, "pkgsrv toolchain install")];
    }
    installed.iter().map(toolchain).collect()
}

fn toolchain(toolchain: &Toolchain) -> Finding {
    let manifest = &toolchain.manifest;
    let subject = format!("toolchain {}", manifest.name);
    let found = format!("Emscripten {}, Python {}", manifest.emscripten, manifest.python);
    if let Some(path) = toolchain.changed() {
        let remedy = format!("pkgsrv toolchain install --provider {}", manifest.provider);
        return Finding::other(
            State::Warning,
            &subject,
            format!("{found}; {} has changed since", path.display()),
            remedy,
        );
    }
    match missing_file(&toolchain.directory().join("root")) {
        None => Finding::good(&subject, found),
        Some(file) => {
            let remedy = format!("{} && pkgsrv toolchain install", remove(toolchain.directory()));
            Finding::other(State::Bad, &subject, format!("{found}; {file} is missing"), remedy)
        }
    }
}

/// What a root directory leaves out of its packages to be smaller.
const LEFT_OUT: &[&str] = &["/usr/share/doc/", "/usr/share/info/", "/usr/share/locale/", "/usr/share/man/"];

/// The first file that dpkg says is installed below `root` and that is not there; of a root that dpkg did not make,
/// nothing is known.
fn missing_file(root: &Path) -> Option<String> {
    let lists = fs::read_dir(root.join("var/lib/dpkg/info")).ok()?;
    let mut lists: Vec<_> = lists.flatten().map(|entry| entry.path()).collect();
    lists.retain(|path| path.extension().is_some_and(|extension| extension == "list"));
    lists.sort();
    lists.iter().filter_map(|list| fs::read_to_string(list).ok()).find_map(|files| {
        let kept = |file: &&str| file.starts_with("/usr/") && !LEFT_OUT.iter().any(|left| file.starts_with(left));
        let mut files = files.lines().filter(kept);
        files.find(|file| fs::symlink_metadata(root.join(&file[1..])).is_err()).map(str::to_owned)
    })
}
