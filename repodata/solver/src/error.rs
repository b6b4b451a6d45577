//! Why there is no answer, in words.

use pkgsrv_index::{
    Demand, DemandedBy, MOST_OFFERED, Offered, PackageName, ProjectError, Version, listed_first, nearest,
};

/// Why no set of releases was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SolveError {
    /// One project stands in the way, whatever is taken of others.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// Releases of several projects exclude each other, whichever are taken.
    #[error("{}", excluded(demands, disputed))]
    NoSolution {
        /// Demands that cannot all be satisfied, from the request downwards.
        demands: Vec<Demand>,
        /// The projects that they disagree about.
        disputed: Vec<(PackageName, Standing)>,
    },
    /// The search was given up.
    #[error(
        "the search for versions that go together was given up: too many of them exclude each other; pin some of what is asked for with `==`"
    )]
    TooComplex,
}

/// What there is of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It does not exist.
    Absent,
    /// This version is installed, and stays.
    Installed(Version),
    /// These versions can be taken, newest first.
    Offered(Vec<Offered>),
}

impl SolveError {
    /// The same, and should it be about a name that does not exist, with those of all existing names that may have been
    /// meant.
    #[must_use]
    pub fn with_names<'n>(mut self, names: impl IntoIterator<Item = &'n PackageName>) -> Self {
        if let Self::Project(ProjectError::UnknownPackage { name, nearest: near, .. }) = &mut self {
            *near = nearest(name, names);
        }
        self
    }

    /// The stable name of the case, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Project(ProjectError::UnknownPackage { .. }) => "unknown_package",
            Self::Project(ProjectError::InstalledConflict { .. }) => "installed_conflict",
            Self::Project(ProjectError::NoVersionFits { .. }) | Self::NoSolution { .. } => "no_solution",
            Self::TooComplex => "too_complex",
        }
    }
}

/// One demand a line, then what there is and what to do.
fn excluded(demands: &[Demand], disputed: &[(PackageName, Standing)]) -> String {
    const MOST_LINES: usize = 12;
    let mut lines = vec!["what is asked for does not go together:".to_owned()];
    let numbered = demands.iter().zip(1..).take(MOST_LINES);
    lines.extend(numbered.map(|(demand, number)| format!("{number}. {demand}")));
    if demands.len() > MOST_LINES {
        lines.push(format!("and {} more", demands.len() - MOST_LINES));
    }
    lines.extend(disputed.iter().map(|(name, standing)| match standing {
        Standing::Absent => format!("there is no package `{name}`"),
        Standing::Installed(version) => format!("`{name}` {version} is installed"),
        Standing::Offered(versions) => format!("available of `{name}`: {}", listed_first(versions, MOST_OFFERED)),
    }));
    lines.push(advice(demands, disputed));
    lines.join("\n")
}

fn advice(demands: &[Demand], disputed: &[(PackageName, Standing)]) -> String {
    let requested = demands.iter().filter(|demand| demand.by == DemandedBy::Request);
    let mut names: Vec<String> = requested.map(|demand| format!("`{}`", demand.requirement.name)).collect();
    names.dedup();
    let mut advice = vec![format!("ask for other versions of {}", names.join(" or "))];
    if demands.iter().any(|demand| demand.by == DemandedBy::Constraint) {
        advice.push("change a constraint".to_owned());
    }
    if disputed.iter().any(|(_, standing)| matches!(standing, Standing::Installed(_))) {
        advice.push("restart the interpreter".to_owned());
    }
    advice.join(", or ")
}
