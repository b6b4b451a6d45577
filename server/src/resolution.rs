//! From what is asked for to a lock: what `GET /resolve` and `pkgsrv resolve` answer.

use std::collections::BTreeSet;

use pkgsrv_index::{Abi, EnvironmentLock, ExtraName, IndexError, LockedFrom, PackageName, Requirement, evaluate};
use pkgsrv_solver::{Request, SolveError, solve_with};

use crate::channel::Line;
use crate::{BaseUrl, ChannelName, ServerError};

/// Requirements, constraints and extras in one question, together.
const MOST: usize = 200;
/// The longest of them, bytes.
const LONGEST: usize = 1024;

/// What an environment has to have, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Question {
    /// [Dependency specifiers](https://packaging.python.org/en/latest/specifications/dependency-specifiers/) with
    /// markers; those that do not hold on the ABI ask for nothing.
    pub requirements: Vec<String>,
    /// The same, to limit the versions of what is needed anyway.
    pub constraints: Vec<String>,
    /// Extras for which markers are true that ask for one (`extra == "test"`).
    pub extras: Vec<String>,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// Nothing is asked for.
    #[error("nothing is asked for: expected at least one requirement, such as `numpy>=2`")]
    NoRequirement,
    /// More than anyone asks for by hand.
    #[error("{found} requirements, constraints and extras are too many: expected at most {MOST}")]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// A text that is longer than any requirement.
    #[error("a requirement of {found} bytes is too long: expected at most {LONGEST}")]
    TooLong {
        /// Its length, bytes.
        found: usize,
    },
    /// A text that is no requirement.
    #[error(transparent)]
    Requirement(#[from] IndexError),
    /// A line without a head.
    #[error("nothing has been published to the channel {channel} for ABI {abi}")]
    NothingPublished {
        /// The channel.
        channel: ChannelName,
        /// The line.
        abi: Abi,
    },
    /// No releases go together.
    #[error(transparent)]
    Solve(#[from] SolveError),
    /// The channel cannot be read.
    #[error(transparent)]
    Store(#[from] ServerError),
}

impl ResolveError {
    /// The stable name of the case, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoRequirement => "no_requirement",
            Self::TooMany { .. } | Self::TooLong { .. } => "too_large",
            Self::Requirement(_) => "invalid_requirement",
            Self::NothingPublished { .. } => "nothing_published",
            Self::Solve(error) => error.code(),
            Self::Store(_) => "internal",
        }
    }
}

/// Chooses from what a line of a channel has. The wheels' addresses begin with `base`.
pub fn resolve(
    line: &Line,
    channel: &ChannelName,
    base: &BaseUrl,
    question: &Question,
) -> Result<EnvironmentLock, ResolveError> {
    let abi = line.abi();
    let request = question.request(abi)?;
    if line.serial() == 0 {
        return Err(ResolveError::NothingPublished { channel: channel.clone(), abi });
    }
    let bring = |name: &PackageName| Ok(line.releases(name)?.unwrap_or_default());
    let selected = solve_with(&request, bring).or_else(|error| Err(with_names(error, line)?))?;
    let repodata = line.trees().repodata.map(|root| root.sha256);
    let from = LockedFrom { channel: channel.as_str(), abi, serial: line.serial(), repodata };
    Ok(EnvironmentLock::new(from, &format!("{base}/blobs/"), selected))
}

/// Looks for names that may have been meant, unless there are too many for that.
fn with_names(error: ResolveError, line: &Line) -> Result<ResolveError, ResolveError> {
    const MOST_NAMES: u64 = 20_000;
    match error {
        ResolveError::Solve(error) if line.trees().repodata.is_some_and(|root| root.entries <= MOST_NAMES) => {
            Ok(ResolveError::Solve(error.with_names(&line.names()?)))
        }
        error => Ok(error),
    }
}

impl Question {
    pub(crate) fn request(&self, abi: Abi) -> Result<Request, ResolveError> {
        let Self { requirements, constraints, extras } = self;
        if requirements.is_empty() {
            return Err(ResolveError::NoRequirement);
        }
        let found = requirements.len() + constraints.len() + extras.len();
        if found > MOST {
            return Err(ResolveError::TooMany { found });
        }
        let extras = extras.iter().map(|extra| extra.parse()).collect::<Result<BTreeSet<_>, _>>()?;
        Ok(Request {
            wanted: holding(requirements, &extras, abi)?,
            constraints: holding(constraints, &extras, abi)?,
            ..Request::default()
        })
    }
}

/// The requirements whose markers hold.
fn holding(texts: &[String], extras: &BTreeSet<ExtraName>, abi: Abi) -> Result<Vec<Requirement>, ResolveError> {
    if let Some(long) = texts.iter().find(|text| text.len() > LONGEST) {
        return Err(ResolveError::TooLong { found: long.len() });
    }
    let evaluated = evaluate(texts.iter().map(String::as_str), extras, abi)?;
    let mut holding = evaluated.depends;
    holding.extend(evaluated.extras.into_values().flatten());
    holding.dedup();
    Ok(holding)
}
