//! A shell where a build would run: the source patched, the tools installed, the same sandbox and variables.

use pkgsrv_recipe::BuildKind;

use super::{Site, Workshop, log_name};
use crate::action::{Action, ActionResult};
use crate::build_record::quoted;
use crate::error::BuildError;
use crate::limits::Bounds;
use crate::process;

/// Gives a program a terminal of its own.
const ON_TERMINAL: &str = include_str!("shell.py");

/// Opens the shell; returns its exit code. With `terminal`, what the user's terminal is called (`TERM`), it is one to
/// type at, else it reads its standard input as a script. `host` are the results of `requirements.host`. What the
/// build would run is written to standard error before.
pub(crate) fn shell(
    shop: &Workshop<'_>,
    action: &Action<'_>,
    host: &[ActionResult],
    terminal: Option<&str>,
) -> Result<u8, BuildError> {
    if action.recipe().build.kind == BuildKind::Wheel {
        let reason = "its source is a wheel, which is not built: there is nowhere to open a shell".to_owned();
        return Err(BuildError::Package { package: action.label(), reason });
    }
    let context = shop.context;
    let work = context.cache.work_directory(action.recipe().name.as_str())?;
    // The log of the build that failed stays.
    let log = context.log(&format!("{}-shell", log_name(shop, action)))?;
    let mut site = Site::new(shop, action, host, work.path().to_owned(), log, None);
    site.prepare_source()?;
    // Whoever looks into that wants to see how far it came.
    match site.patch() {
        Ok(()) => {}
        Err(error @ BuildError::Step { .. }) => context.progress.line(&comment(&error.to_string())),
        Err(error) => return Err(error),
    }
    site.prepare_tools()?;
    context.progress.line(&site.introduction()?);
    let sandbox = site.sandbox().variable("PS1", &format!("pkgsrv {} \\w\\$ ", action.recipe().name));
    let bash = ["/bin/bash", "--noprofile", "--norc"];
    let (mut command, told) = match terminal {
        Some(kind) => {
            let python = shop.toolchain.python();
            let program = [&[python.as_str(), "-I", "-c", ON_TERMINAL], bash.as_slice(), &["-i"]].concat();
            sandbox.variable("TERM", kind).attached(&program)?
        }
        None => sandbox.attached(&bash)?,
    };
    let bounds = Bounds { limits: &context.limits, written: &[work.path()] };
    let ended = process::run_attached(&mut command, &context.interrupt, bounds)?;
    drop(told);
    ended.map_err(|exceeded| BuildError::Limit {
        package: action.label(),
        step: "shell",
        exceeded: Box::new(exceeded),
        log: site.log.path.clone(),
    })
}

impl Site<'_> {
    /// What the build would run from here on, as comments of a shell.
    fn introduction(&self) -> Result<String, BuildError> {
        let build = &self.action.recipe().build;
        let mut lines = vec![
            format!("{}: the sandbox of its build, without network. It would run from here on:", self.action.label()),
            String::new(),
        ];
        if let Some(script) = &build.script {
            lines.push("script, with `set -e -o pipefail`:".to_owned());
            lines.extend(script.trim().lines().map(|line| format!("  {line}")));
        }
        if build.kind == BuildKind::Package {
            let command: Vec<String> = self.backend_command()?.iter().map(|word| quoted(word)).collect();
            lines.extend(["build:".to_owned(), format!("  {}", command.join(" "))]);
        }
        if let Some(script) = &build.post {
            lines.push("post, in the unpacked wheel ($WHEELDIR):".to_owned());
            lines.extend(script.trim().lines().map(|line| format!("  {line}")));
        }
        lines.extend([String::new(), "What is made here is removed at the end.".to_owned()]);
        Ok(comment(&lines.join("\n")))
    }
}

/// A text as comments of a shell.
fn comment(text: &str) -> String {
    text.lines().map(|line| format!("# {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_comment() {
        assert_eq!(comment("one\n\n  two"), "# one\n#\n#   two");
    }
}
