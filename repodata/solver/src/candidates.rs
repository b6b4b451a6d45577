//! The releases of one project, and which of them to take.

use pkgsrv_index::{PackageName, Release, Requirement, Version, VersionSpecifiers, names_prerelease, newest, pins};
use pubgrub::VersionSet;

use crate::release_set::{Place, ReleaseSet};
use crate::request::{Known, Request};

/// What there is of one project, newest first.
#[derive(Debug)]
pub(crate) struct Candidates<'a> {
    list: Vec<Candidate<'a>>,
    /// Whether the one candidate is what is installed.
    pub(crate) is_installed: bool,
    /// Limits that hold for whoever asks.
    pub(crate) constraints: Vec<&'a Requirement>,
    preferred: Option<&'a Version>,
}

#[derive(Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) version: &'a Version,
    /// `None` for something installed that is not published.
    pub(crate) release: Option<&'a Release>,
    is_allowed: bool,
}

impl Candidate<'_> {
    /// Whether it may be taken only by who pins it.
    pub(crate) fn is_yanked(&self) -> bool {
        self.release.is_some_and(|release| release.yanked.is_some())
    }
}

impl<'a> Candidates<'a> {
    /// `None` if releases have to be brought first.
    pub(crate) fn new(name: &PackageName, request: &'a Request, known: &'a Known) -> Option<Self> {
        let constraints: Vec<_> = request.constraints.iter().filter(|limit| limit.name == *name).collect();
        let candidate = |version: &'a Version, release| Candidate {
            version,
            release,
            is_allowed: constraints.iter().all(|limit| limit.specifiers.contains(version)),
        };
        let installed = request.installed.get(name);
        let list = match installed {
            // What it needs was settled when it was installed; only its extras are looked up.
            Some(version) => vec![Candidate { is_allowed: true, ..candidate(version, None) }],
            None => known.get(name)?.iter().map(|release| candidate(&release.version, Some(release))).collect(),
        };
        Some(Self { list, is_installed: installed.is_some(), constraints, preferred: request.preferences.get(name) })
    }

    /// The candidate at a place.
    pub(crate) fn at(&self, place: Place) -> Option<&Candidate<'a>> {
        self.list.get(place.index()?)
    }

    /// All of them with their places.
    pub(crate) fn placed(&self) -> impl Iterator<Item = (Place, &Candidate<'a>)> {
        self.list.iter().enumerate().map(|(index, candidate)| (Place::of(index), candidate))
    }

    /// Those of a set that constraints leave.
    pub(crate) fn allowed(&self, set: &ReleaseSet) -> impl Iterator<Item = (Place, &Candidate<'a>)> {
        self.placed().filter(|(place, candidate)| candidate.is_allowed && set.contains(place))
    }

    /// What a requirement with these specifiers is satisfied by. With `is_strict` only one that pins a version is
    /// satisfied by a yanked release.
    pub(crate) fn set(&self, specifiers: &VersionSpecifiers, is_strict: bool) -> ReleaseSet {
        let spares_yanked = is_strict && !pins(specifiers);
        if specifiers.is_empty() && !spares_yanked {
            return ReleaseSet::full();
        }
        let fits = |candidate: &Candidate<'_>| {
            specifiers.contains(candidate.version) && !(spares_yanked && candidate.is_yanked())
        };
        let fitting = self.placed().filter(|(_, candidate)| fits(candidate)).map(|(place, _)| place);
        let mark = (!names_prerelease(specifiers)).then_some(Place::NO_PRERELEASE_NAMED);
        mark.into_iter().chain(fitting).collect()
    }

    /// The one to take of a set: what is preferred, else the newest in the order that PEP 440 and PEP 592 ask for.
    pub(crate) fn best(&self, set: &ReleaseSet) -> Option<Place> {
        let allowed = || self.allowed(set);
        if let Some((place, _)) = allowed().find(|(_, candidate)| Some(candidate.version) == self.preferred) {
            return Some(place);
        }
        let prereleases = !set.contains(&Place::NO_PRERELEASE_NAMED)
            || self.constraints.iter().any(|limit| names_prerelease(&limit.specifiers));
        newest(allowed().map(|(place, candidate)| (place, candidate.version, candidate.is_yanked())), prereleases, true)
    }

    /// Whether a constraint or a preference pins a candidate.
    pub(crate) fn is_pinned(&self, candidate: &Candidate<'_>) -> bool {
        self.preferred == Some(candidate.version) || self.constraints.iter().any(|limit| pins(&limit.specifiers))
    }
}
