//! Projects that are written as text.

use std::collections::BTreeMap;

use pkgsrv_index::{Digest, PackageName, Release, Selected, Version};
use pkgsrv_solver::{Outcome, Request, SolveError, solve};

pub type Projects = BTreeMap<PackageName, Vec<Release>>;

/// A release that is named `name-version`.
pub fn release(named: &str, depends: &[&str]) -> (PackageName, Release) {
    let filename: pkgsrv_index::WheelFilename = format!("{named}-py3-none-any.whl").parse().unwrap();
    let release = Release {
        version: filename.version().clone(),
        sha256: Digest::from_bytes([0; 32]),
        size: 1000,
        compiled: None,
        depends: depends.iter().map(|text| text.parse().unwrap()).collect(),
        extras: BTreeMap::new(),
        imports: Vec::new(),
        yanked: None,
        filename: filename.clone(),
    };
    (filename.name().clone(), release)
}

/// The release with an extra.
pub fn with_extra(
    (name, mut release): (PackageName, Release),
    extra: &str,
    depends: &[&str],
) -> (PackageName, Release) {
    release.extras.insert(extra.parse().unwrap(), depends.iter().map(|text| text.parse().unwrap()).collect());
    (name, release)
}

/// The release, yanked.
pub fn yanked((name, mut release): (PackageName, Release)) -> (PackageName, Release) {
    release.yanked = Some(String::new());
    (name, release)
}

/// Releases by project, newest first.
pub fn projects(releases: impl IntoIterator<Item = (PackageName, Release)>) -> Projects {
    let mut projects = Projects::new();
    for (name, release) in releases {
        projects.entry(name).or_default().push(release);
    }
    for releases in projects.values_mut() {
        releases.sort_by(|one, other| other.version.cmp(&one.version));
    }
    projects
}

/// Releases that are named `name-version` and depend on a list.
pub fn world(releases: &[(&str, &[&str])]) -> Projects {
    projects(releases.iter().map(|(named, depends)| release(named, depends)))
}

/// A request in text; what is installed as name and version.
pub fn request(wanted: &[&str], installed: &[(&str, &str)]) -> Request {
    let mut request = Request::of(wanted.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>());
    request.installed = versions(installed);
    request
}

/// Versions by name.
pub fn versions(pairs: &[(&str, &str)]) -> BTreeMap<PackageName, Version> {
    pairs.iter().map(|(name, version)| (name.parse().unwrap(), version.parse().unwrap())).collect()
}

/// Solves with everything known that there is. Projects that are not there are found not to be.
pub fn solved(projects: &Projects, request: &Request) -> Result<Vec<Selected>, SolveError> {
    let mut known = projects.clone();
    loop {
        match solve(request, &known).map_err(|error| error.with_names(projects.keys()))? {
            Outcome::Solved(selected) => return Ok(selected),
            Outcome::Needs(names) => known.extend(names.into_iter().map(|name| {
                assert!(!projects.contains_key(&name), "it asks for {name}, which it has");
                (name, Vec::new())
            })),
        }
    }
}

/// The same as text: a star marks what was asked for.
pub fn chosen(projects: &Projects, request: &Request) -> Result<Vec<String>, SolveError> {
    let as_text = |one: &Selected| {
        let mark = if one.requested { "*" } else { "" };
        format!("{}{mark} {}", one.name, one.release.version)
    };
    Ok(solved(projects, request)?.iter().map(as_text).collect())
}
