//! Small random worlds: against trying everything, against the newest of each, and piece by piece.

use std::collections::{BTreeMap, BTreeSet};

use pkgsrv_index::{
    Closure, PackageName, Release, Releases, Requirement, Selected, Version, closure, names_prerelease, pins,
};
use pkgsrv_solver::{Request, SolveError};
use proptest::prelude::*;

use crate::pieces::piecewise;
use crate::world::{Projects, solved};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Requirements on one of the names, or on one that is not there.
fn requirement() -> impl Strategy<Value = Requirement> {
    let name = prop_oneof![12 => proptest::sample::select(NAMES.to_vec()), 1 => Just("gone")];
    let extra = prop_oneof![5 => Just(""), 1 => Just("[x]"), 1 => Just("[y]")];
    let specifiers = prop_oneof![
        3 => Just(String::new()),
        3 => (1u8..4).prop_map(|version| format!(">={version}")),
        3 => (2u8..4).prop_map(|version| format!("<{version}")),
        1 => (1u8..4).prop_map(|version| format!("=={version}")),
        1 => (1u8..4).prop_map(|version| format!("!={version}")),
        1 => Just(">=2rc1".to_owned()),
    ];
    (name, extra, specifiers)
        .prop_map(|(name, extra, specifiers)| format!("{name}{extra}{specifiers}").parse().unwrap())
}

fn requirements(most: usize) -> impl Strategy<Value = Vec<Requirement>> {
    proptest::collection::vec(requirement(), 0..=most)
}

prop_compose! {
    fn release()(
        version in prop_oneof![Just("1"), Just("2rc1"), Just("2"), Just("3")],
        depends in requirements(2),
        x in requirements(1),
        is_yanked in proptest::bool::weighted(0.1),
    ) -> (Version, Vec<Requirement>, Vec<Requirement>, bool) {
        (version.parse().unwrap(), depends, x, is_yanked)
    }
}

fn projects() -> impl Strategy<Value = Projects> {
    let releases = proptest::collection::vec(release(), 1..4);
    proptest::collection::vec(releases, NAMES.len()).prop_map(|all| {
        let of_one = |(name, releases): (&str, Vec<_>)| {
            let by_version: BTreeMap<Version, Release> = releases
                .into_iter()
                .map(|(version, depends, x, is_yanked): (Version, _, _, bool)| {
                    let (_, mut release) = crate::world::release(&format!("{name}-{version}"), &[]);
                    release.depends = depends;
                    release.extras.insert("x".parse().unwrap(), x);
                    release.yanked = is_yanked.then(String::new);
                    (version, release)
                })
                .collect();
            (name.parse().unwrap(), by_version.into_values().rev().collect())
        };
        NAMES.into_iter().zip(all).map(of_one).collect()
    })
}

prop_compose! {
    fn request()(
        wanted in proptest::collection::vec(requirement(), 1..4),
        constraints in prop_oneof![2 => Just(Vec::new()), 1 => requirements(2)],
        installed in prop_oneof![
            3 => Just(BTreeMap::new()),
            1 => proptest::collection::btree_map(proptest::sample::select(NAMES.to_vec()), 1u8..5, 1..3),
        ],
        preferences in prop_oneof![
            3 => Just(BTreeMap::new()),
            1 => proptest::collection::btree_map(proptest::sample::select(NAMES.to_vec()), 1u8..4, 1..3),
        ],
    ) -> Request {
        let versions = |map: BTreeMap<&str, u8>| map
            .into_iter()
            .map(|(name, version)| (name.parse().unwrap(), version.to_string().parse().unwrap()))
            .collect();
        Request { wanted, constraints, installed: versions(installed), preferences: versions(preferences) }
    }
}

/// One release, or none, of every project.
type Choice<'a> = BTreeMap<&'a PackageName, &'a Release>;

/// Everyone who asks, given a choice: walked from the request, with the extras asked for. What nobody asks for is not
/// reached.
fn demands<'a>(projects: &'a Projects, request: &'a Request, choice: &Choice<'a>) -> Vec<&'a Requirement> {
    let mut demands: Vec<&Requirement> = request.wanted.iter().collect();
    let mut seen = BTreeSet::new();
    let mut next = 0;
    while let Some(demand) = demands.get(next).copied() {
        next += 1;
        let installed = request.installed.get(&demand.name);
        if let (None, Some(release)) = (installed, choice.get(&demand.name))
            && seen.insert((&demand.name, None))
        {
            demands.extend(&release.depends);
        }
        let release = match installed {
            Some(version) => {
                projects.get(&demand.name).into_iter().flatten().find(|release| release.version == *version)
            }
            None => choice.get(&demand.name).copied(),
        };
        for extra in &demand.extras {
            if seen.insert((&demand.name, Some(extra))) {
                demands.extend(release.and_then(|release| release.extras.get(extra)).into_iter().flatten());
            }
        }
    }
    demands
}

/// How yanked releases are seen.
#[derive(Clone, Copy, PartialEq)]
enum Yanked {
    /// Someone has to pin them.
    BySome,
    /// Everyone has to.
    ByAll,
}

/// Whether a choice satisfies everyone, and has nothing that nobody asks for.
fn is_solution(projects: &Projects, request: &Request, choice: &Choice<'_>, yanked: Yanked) -> bool {
    let demands = demands(projects, request, choice);
    let fits = |demand: &&Requirement| match (request.installed.get(&demand.name), choice.get(&demand.name)) {
        (Some(version), _) => demand.specifiers.contains(version),
        (None, Some(release)) => demand.specifiers.contains(&release.version),
        (None, None) => false,
    };
    let is_right = |(name, release): (&&PackageName, &&Release)| {
        let limits = || request.constraints.iter().filter(|limit| limit.name == **name);
        let mut asking = demands.iter().filter(|demand| demand.name == **name);
        let pinned =
            request.preferences.get(name) == Some(&release.version) || limits().any(|limit| pins(&limit.specifiers));
        let may_be_taken = release.yanked.is_none()
            || pinned
            || match yanked {
                Yanked::BySome => asking.clone().any(|demand| pins(&demand.specifiers)),
                Yanked::ByAll => asking.clone().all(|demand| pins(&demand.specifiers)),
            };
        let is_asked_for = asking.next().is_some() && !request.installed.contains_key(name);
        is_asked_for && may_be_taken && limits().all(|limit| limit.specifiers.contains(&release.version))
    };
    demands.iter().all(fits) && choice.iter().all(is_right)
}

/// Whether any choice at all is a solution.
fn has_solution(projects: &Projects, request: &Request, yanked: Yanked) -> bool {
    let mut choices = vec![Choice::new()];
    for (name, releases) in projects {
        for choice in choices.clone() {
            choices.extend(releases.iter().map(|release| {
                let mut choice = choice.clone();
                choice.insert(name, release);
                choice
            }));
        }
    }
    choices.iter().any(|choice| is_solution(projects, request, choice, yanked))
}

fn choice(selected: &[Selected]) -> Choice<'_> {
    selected.iter().map(|one| (&one.name, &one.release)).collect()
}

/// The newest final release of each project that is reached, if that satisfies everyone.
fn newest(projects: &Projects, request: &Request) -> Option<BTreeMap<PackageName, Version>> {
    let best = |releases: &'_ Vec<Release>| {
        releases.iter().find(|release| release.yanked.is_none() && !release.version.any_prerelease()).cloned()
    };
    let newest: BTreeMap<PackageName, Release> =
        projects.iter().filter_map(|(name, releases)| Some((name.clone(), best(releases)?))).collect();
    let mut choice: Choice<'_> = newest.iter().collect();
    let asked: BTreeSet<&PackageName> =
        demands(projects, request, &choice).into_iter().map(|demand| &demand.name).collect();
    choice.retain(|name, _| asked.contains(name));
    let prereleases = demands(projects, request, &choice).iter().any(|demand| names_prerelease(&demand.specifiers));
    if prereleases || !is_solution(projects, request, &choice, Yanked::BySome) {
        return None;
    }
    Some(choice.into_iter().map(|(name, release)| (name.clone(), release.version.clone())).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn finds_a_solution_if_and_only_if_there_is_one(projects in projects(), request in request()) {
        match solved(&projects, &request) {
            Ok(selected) => prop_assert!(
                is_solution(&projects, &request, &choice(&selected), Yanked::BySome),
                "no solution: {:?}",
                selected.iter().map(|one| format!("{} {}", one.name, one.release.version)).collect::<Vec<_>>()
            ),
            Err(error) => prop_assert!(!has_solution(&projects, &request, Yanked::ByAll), "there is one: {error}"),
        }
    }

    #[test]
    fn takes_the_newest_where_that_is_a_solution(projects in projects(), mut request in request()) {
        request.preferences.clear();
        request.installed.clear();
        let Some(newest) = newest(&projects, &request) else { return Ok(()) };
        let selected = solved(&projects, &request).unwrap();
        let selected: BTreeMap<_, _> = selected.into_iter().map(|one| (one.name, one.release.version)).collect();
        prop_assert_eq!(selected, newest);
    }

    #[test]
    fn takes_what_is_needed_first(projects in projects(), request in request()) {
        let Ok(selected) = solved(&projects, &request) else { return Ok(()) };
        let place = |name: &PackageName| selected.iter().position(|one| one.name == *name);
        // Those that need each other, by whatever way, come in any order.
        let reaches = |from: &PackageName, to: &PackageName| {
            let mut reached = vec![from];
            let mut next = 0;
            while let Some(at) = reached.get(next).and_then(|name| place(name)) {
                next += 1;
                let more: Vec<_> = selected[at].needs.iter().filter(|name| !reached.contains(name) && place(name).is_some()).collect();
                reached.extend(more);
            }
            reached.contains(&to)
        };
        for (at, one) in selected.iter().enumerate() {
            for needed in &one.needs {
                let is_before = place(needed).is_none_or(|place| place < at);
                prop_assert!(is_before || reaches(needed, &one.name), "{} before {needed}", one.name);
            }
        }
    }

    #[test]
    fn an_answer_over_parts_is_that_over_everything(projects in projects(), request in request()) {
        let (piecewise, _) = piecewise(&projects, &request);
        match (piecewise, solved(&projects, &request)) {
            (Ok(selected), whole) => prop_assert_eq!(Ok(selected), whole),
            (Err(_), whole) => prop_assert!(whole.is_err()),
        }
    }

    #[test]
    fn an_explanation_names_what_cannot_be(projects in projects(), request in request()) {
        let Err(error) = solved(&projects, &request) else { return Ok(()) };
        prop_assert!(!error.to_string().contains("of  "), "{error}");
        if let SolveError::NoSolution { demands, disputed } = error {
            prop_assert!(demands.len() > 1 && !disputed.is_empty());
        }
    }
}

/// What the closure finds when it knows everything.
fn closed(projects: &Projects, request: &Request) -> Option<Vec<Selected>> {
    let mut releases: Releases = projects.clone().into_iter().collect();
    loop {
        match closure(&releases, &request.wanted, &request.constraints, &request.installed).ok()? {
            Closure::Complete(selected) => return Some(selected),
            // These do not exist.
            Closure::Needs(names) => names.into_iter().for_each(|name| releases.add(name, None)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Where the closure's answer is the newest of each, it is the solver's too.
    #[test]
    fn finds_what_the_closure_finds(projects in projects(), mut request in request()) {
        request.preferences.clear();
        let Some(found) = closed(&projects, &request) else { return Ok(()) };
        if !is_solution(&projects, &request, &choice(&found), Yanked::ByAll) {
            return Ok(());
        }
        let solution = solved(&projects, &request);
        prop_assert!(solution.is_ok(), "{}", solution.unwrap_err());
        if newest(&projects, &request).is_some() {
            prop_assert_eq!(solution.unwrap(), found);
        }
    }
}
