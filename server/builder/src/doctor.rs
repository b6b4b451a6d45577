//! What a machine lacks for building, found before it is needed: programs, the sandbox, disks, what is installed, the
//! network, the clock.

mod installed;
mod machine;
mod network;

use serde::Serialize;

use crate::context::Context;

pub use machine::directory;

/// What was found of one thing that building needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is, `bubblewrap`.
    pub subject: String,
    /// How it is.
    pub state: State,
    /// What was found: version and place, or what is wrong.
    pub found: String,
    /// The command that helps, or what else to do.
    pub remedy: Option<String>,
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Good,
    /// Not there yet; the command that needs it brings it.
    Later,
    /// Works, but a person should know.
    Warning,
    /// Building cannot work.
    Bad,
}

impl Finding {
    /// As it should be.
    pub fn good(subject: &str, found: impl Into<String>) -> Self {
        Self { subject: subject.to_owned(), state: State::Good, found: found.into(), remedy: None }
    }

    /// Not as it should be.
    pub fn other(state: State, subject: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { subject: subject.to_owned(), state, found: found.into(), remedy: Some(remedy.into()) }
    }
}

/// Everything that building needs, in the order in which it is needed. Nothing is installed, fetched or changed.
pub fn examine(context: &Context) -> Vec<Finding> {
    let mut findings = machine::programs(context);
    findings.push(machine::sandbox(context));
    findings.push(installed::runtime(context));
    findings.extend(installed::toolchains(context));
    findings.extend(network::upstream(context));
    findings.push(network::npm(context));
    findings
}
