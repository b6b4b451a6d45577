//! Tools of builds, installed for the build Python. Builds that ask for the same ones share one installation, which is
//! kept in the cache and mounted read-only.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use pkgsrv_index::Digest;
use pkgsrv_recipe::LockedWheel;
use serde_json::json;

use crate::action::sha256;
use crate::cache::mark_used;
use crate::contents;
use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::process::Log;
use crate::source;
use crate::toolchain::Toolchain;
use crate::work_directory::WorkDirectory;

/// Where the tools are in the sandbox.
pub(crate) const MOUNT: &str = "/pkgsrv/tools";

/// What pip is told; installing wheels runs none of their code.
const ARGUMENTS: &str =
    "install --quiet --no-index --no-deps --disable-pip-version-check --target /pkgsrv/tools /wheels/*.whl";

/// The directory with these tools, installed if it is not there; for the build that `label` and `log` are of.
pub(crate) fn ensure(
    context: &Context,
    toolchain: &Toolchain,
    tools: &[LockedWheel],
    label: &str,
    log: &mut Log,
) -> Result<PathBuf, BuildError> {
    let digest = digest(toolchain, tools).to_string();
    let place = context.cache.tools().join(&digest);
    let install = || install(context, toolchain, tools, label, log)?.move_into_place(&place);
    contents::ensure(context, "installation of tools", &place, &lock_name(&digest), install)?;
    mark_used(&place);
    Ok(place)
}

/// The lock of who makes an installation or takes it out.
pub(crate) fn lock_name(digest: &str) -> String {
    format!("tools-{digest}")
}

/// Modules that are compiled, and first lines of scripts, are of one build Python.
fn digest(toolchain: &Toolchain, tools: &[LockedWheel]) -> Digest {
    let wheels: Vec<String> = tools.iter().map(|tool| tool.sha256.to_string()).collect();
    sha256(json!([toolchain.manifest, ARGUMENTS, wheels]).to_string().as_bytes())
}

fn install(
    context: &Context,
    toolchain: &Toolchain,
    tools: &[LockedWheel],
    label: &str,
    log: &mut Log,
) -> Result<WorkDirectory, BuildError> {
    let work = context.cache.work_directory("tools")?;
    if !tools.is_empty() {
        let mut sandbox = toolchain.sandbox().writable(work.path(), MOUNT);
        for wheel in tools {
            let fetched = source::fetch_wheel(context, wheel)?;
            sandbox = sandbox.read_only(&fetched.path, &format!("/wheels/{}", wheel.filename.as_str()));
        }
        let program = toolchain.pip(ARGUMENTS);
        let mut command = sandbox.command(&program.each_ref().map(String::as_str))?;
        context.run_limited(label, "tools", &mut command, &[work.path()], log)?;
    }
    contents::record(work.path())?;
    Ok(work)
}

/// Gives `to` all that is below `from`. Files are the same ones under another name, so who changes one must replace it.
pub(crate) fn link_all(from: &Path, to: &Path) -> Result<(), BuildError> {
    fs::create_dir_all(to).doing("create", to)?;
    for entry in fs::read_dir(from).doing("read", from)? {
        let entry = entry.doing("read", from)?;
        let (path, place) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().doing("read", &path)?;
        if kind.is_dir() {
            link_all(&path, &place)?;
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).doing("read", &path)?;
            symlink(target, &place).doing("link", &place)?;
        } else {
            fs::hard_link(&path, &place).doing("link", &place)?;
        }
    }
    Ok(())
}
