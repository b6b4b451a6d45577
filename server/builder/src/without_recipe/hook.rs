//! What a source's backend asks for beyond `build-system.requires`: PEP 517's `get_requires_for_build_wheel`. It runs
//! the package's own code, so in a sandbox without network.

use std::fs;
use std::path::Path;

use pkgsrv_recipe::LockedWheel;

use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::installed_tools::{self, MOUNT as TOOLS};
use crate::process::Log;
use crate::toolchain::Toolchain;

/// The step's name.
const ASKING: &str = "asking for build requirements";

/// Asks the backend.
const ASK: &str = include_str!("hook.py");

/// Bytes of an answer; it is a list of a few names.
const LARGEST_ANSWER: u64 = 1 << 20;

/// For each the index is asked.
const MOST_REQUIREMENTS: usize = 200;

/// The requirements that the backend of the source at `source` answers; `tools` are what it runs with. A backend that
/// fails is told of and asks for nothing (`None`): a build that needs the same tells it with its own errors.
pub(super) fn requires(
    context: &Context,
    toolchain: &Toolchain,
    label: &str,
    source: &Path,
    tools: &[LockedWheel],
) -> Result<Option<Vec<String>>, BuildError> {
    let mut log = context.log(&format!("{}-requirements", label.replace(' ', "-")))?;
    match ask(context, toolchain, label, source, tools, &mut log) {
        Err(BuildError::Step { step: ASKING, log, lines, .. }) => {
            context.progress.line(&format!(
                "{label}: its backend could not be asked what it needs beside build-system.requires ({}); nothing more \
                 is installed; full log: {}",
                lines.lines().next().unwrap_or_default().trim(),
                log.display()
            ));
            Ok(None)
        }
        answered => answered.map(Some),
    }
}

fn ask(
    context: &Context,
    toolchain: &Toolchain,
    label: &str,
    source: &Path,
    tools: &[LockedWheel],
    log: &mut Log,
) -> Result<Vec<String>, BuildError> {
    let installed = installed_tools::ensure(context, toolchain, tools, label, log)?;
    let work = context.cache.work_directory("requirements")?;
    let answer = work.path();
    let sandbox = toolchain
        .sandbox()
        .read_only(&installed, TOOLS)
        .writable(source, "/build/source")
        .writable(answer, "/answer")
        .directory("/build/source")
        .variable("PATH", &format!("{TOOLS}/bin:{}", toolchain.path()))
        .variable("PYTHONPATH", TOOLS)
        .variable("PYTHONUNBUFFERED", "1");
    let mut command = sandbox.command(&[&toolchain.python(), "-c", ASK, "/build/source", "/answer/requires.json"])?;
    context.run_limited(label, ASKING, &mut command, &[source, answer], log)?;
    let path = answer.join("requires.json");
    let bad = |reason: String| BuildError::Package {
        package: label.to_owned(),
        reason: format!("get_requires_for_build_wheel of its backend: {reason}"),
    };
    // The package's code may have put a link there.
    let is_plain = fs::symlink_metadata(&path).is_ok_and(|it| it.is_file() && it.len() <= LARGEST_ANSWER);
    if !is_plain {
        return Err(bad("it left no answer of a sane size".to_owned()));
    }
    let text = fs::read_to_string(&path).doing("read", &path)?;
    let requires: Vec<String> = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
    if requires.len() > MOST_REQUIREMENTS {
        return Err(bad(format!("it asks for {} projects, expected at most {MOST_REQUIREMENTS}", requires.len())));
    }
    Ok(requires)
}
