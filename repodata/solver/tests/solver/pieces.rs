//! Releases that are brought as they are needed.

use std::collections::BTreeSet;

use pkgsrv_index::{PackageName, Selected};
use pkgsrv_solver::{Outcome, Request, SolveError, solve, solve_with};

use crate::world::{Projects, projects, release, request, solved, with_extra, world};

/// The answer and what was asked for on the way.
pub fn piecewise(
    projects: &Projects,
    request: &Request,
) -> (Result<Vec<Selected>, SolveError>, Vec<BTreeSet<PackageName>>) {
    let (mut known, mut rounds) = (Projects::new(), Vec::new());
    loop {
        let names = match solve(request, &known) {
            Ok(Outcome::Solved(selected)) => return (Ok(selected), rounds),
            Err(error) => return (Err(error), rounds),
            Ok(Outcome::Needs(names)) => names,
        };
        for name in &names {
            let brought = projects.get(name).cloned().unwrap_or_default();
            assert!(known.insert(name.clone(), brought).is_none(), "{name} was asked for twice");
        }
        assert!(!names.is_empty(), "it asks for nothing");
        rounds.push(names);
    }
}

fn rounds(projects: &Projects, request: &Request) -> Vec<String> {
    let (answer, rounds) = piecewise(projects, request);
    assert_eq!(answer, solved(projects, request));
    let bring = |name: &PackageName| Ok::<_, SolveError>(projects.get(name).cloned().unwrap_or_default());
    assert_eq!(solve_with(request, bring), answer);
    let text = |names: &BTreeSet<PackageName>| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    rounds.iter().map(text).collect()
}

#[test]
fn a_round_for_each_level() {
    let universe = world(&[
        ("app-2.0", &["left", "right"]),
        ("app-1.0", &["never-looked-at"]),
        ("tool-1.0", &["right", "deep"]),
        ("left-1.0", &["deep"]),
        ("right-1.0", &["deep"]),
        ("deep-1.0", &["last"]),
        ("last-1.0", &["app"]),
    ]);
    assert_eq!(rounds(&universe, &request(&["app", "tool"], &[])), ["app tool", "deep left right", "last"]);
}

#[test]
fn what_is_there_is_not_asked_for() {
    let universe = projects([
        release("app-1.0", &["base", "lib"]),
        release("lib-1.0", &[]),
        with_extra(release("base-1.0", &["more"]), "x", &["plus"]),
        release("plus-1.0", &[]),
    ]);
    assert_eq!(rounds(&universe, &request(&["app"], &[("base", "1.0")])), ["app", "lib"]);
    assert_eq!(rounds(&universe, &request(&["app", "base[x]"], &[("base", "1.0")])), ["app base", "lib plus"]);
}

#[test]
fn what_can_be_no_more_is_said_at_once() {
    let universe = world(&[("app-1.0", &["deep", "base<2"]), ("base-2.0", &[]), ("base-1.0", &[])]);
    let (answer, rounds) = piecewise(&universe, &request(&["app", "base>=2"], &[]));
    assert_eq!(rounds.len(), 1);
    assert_eq!(
        answer.unwrap_err().to_string(),
        "no version of `base` fits `base>=2` (requested), `base<2` (needed by app 1.0); available: 2.0, 1.0"
    );
}
