//! The upstream index, npm's registry, and the clock by what the index says.

use std::time::{Duration, SystemTime};

use pkgsrv_index::Abi;

use super::machine::one_line;
use super::{Finding, State};
use crate::context::Context;
use crate::process;
use crate::runtime::Runtime;
use crate::system_tools::{self, NPM};

/// A difference that certificates and caches may stumble over.
const TOLERATED: Duration = Duration::from_mins(5);

/// Asks the upstream index for some project; 404 is an answer, too.
pub(super) fn upstream(context: &Context) -> Vec<Finding> {
    const SUBJECT: &str = "upstream index";
    let named = "pkgsrv doctor --upstream URL, or: pip3 config set global.index-url URL";
    let (address, found_by) = match context.upstream.shown_address(context) {
        Ok(found) => found,
        Err(error) => return vec![Finding::other(State::Bad, SUBJECT, one_line(&error.to_string()), named)],
    };
    match context.upstream.date(context) {
        Err(error) => {
            let causes = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
            let found = one_line(&format!("{address} ({found_by}): {error}{causes}"));
            vec![Finding::other(State::Bad, SUBJECT, found, named)]
        }
        Ok(date) => {
            let mut findings = vec![Finding::good(SUBJECT, format!("{address} answers ({found_by})"))];
            findings.extend(date.map(|theirs| clock(SystemTime::now(), theirs)));
            findings
        }
    }
}

fn clock(ours: SystemTime, theirs: SystemTime) -> Finding {
    const SUBJECT: &str = "clock";
    let (difference, word) = match ours.duration_since(theirs) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    let found = format!("{} s {word} the upstream index's", difference.as_secs());
    if difference <= TOLERATED {
        return Finding::good(SUBJECT, found);
    }
    let remedy = format!("{}timedatectl set-ntp true", super::machine::sudo());
    Finding::other(State::Warning, SUBJECT, found, remedy)
}

/// Asks npm for the runtime's package, wherever npm is set up to ask.
pub(super) fn npm(context: &Context) -> Finding {
    const SUBJECT: &str = "npm registry";
    let runtime = Runtime::of(context, Abi::preferred());
    if system_tools::place(NPM.program).is_none() {
        let state = if system_tools::can_install() { State::Later } else { State::Bad };
        return Finding::other(
            state,
            SUBJECT,
            "cannot be asked without npm",
            system_tools::install_command(&[NPM.package]),
        );
    }
    let wanted = format!("{}@{}", runtime.name, runtime.version);
    let mut npm = process::command(NPM.program);
    npm.args(["view", &wanted, "version", "--loglevel=error", "--fetch-retries=0"]);
    match process::run_for_output(&mut npm, &context.interrupt) {
        Ok(answer) if answer.trim() == runtime.version => Finding::good(SUBJECT, format!("has {wanted}")),
        Ok(answer) => problem(&runtime, format!("knows no {wanted}: {}", one_line(&answer))),
        Err(error) => problem(&runtime, one_line(&error.to_string())),
    }
}

/// It is asked for the runtime only; where that is there already, it may as well be away.
fn problem(runtime: &Runtime, found: String) -> Finding {
    let state = if runtime.directory.is_dir() { State::Warning } else { State::Bad };
    Finding::other(state, "npm registry", found, "npm config set registry URL")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_differs_is_told_with_its_direction() {
        let theirs = SystemTime::UNIX_EPOCH + Duration::from_hours(1000);
        let found = |ours| {
            let Finding { state, found, .. } = clock(ours, theirs);
            (state, found)
        };
        assert_eq!(
            found(theirs + Duration::from_secs(3)),
            (State::Good, "3 s ahead of the upstream index's".to_owned())
        );
        assert_eq!(
            found(theirs - Duration::from_hours(2)),
            (State::Warning, "7200 s behind the upstream index's".to_owned())
        );
    }
}
