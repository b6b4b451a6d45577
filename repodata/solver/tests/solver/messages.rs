//! What is said where there is no answer: shown whole.

use pkgsrv_index::PackageName;
use pkgsrv_solver::{Request, SolveError, solve_with};

use crate::world::{Projects, chosen, projects, release, request, with_extra, world, yanked};

fn said(projects: &Projects, request: &Request) -> String {
    let error = chosen(projects, request).unwrap_err();
    format!("{}: {error}", error.code())
}

#[test]
fn about_one_project() {
    let universe = world(&[
        ("app-1.0", &["base>=2", "numpi"]),
        ("base-1.5", &[]),
        ("base-2.0", &[]),
        ("numpy-1.0", &[]),
        ("numpy_ext-1.0", &[]),
        ("all-2.0", &["missing"]),
        ("all-1.0", &["missing"]),
    ]);
    let messages: Vec<String> = [
        (&["numpie"][..], &[][..]),
        (&["zzz"], &[]),
        (&["app"], &[]),
        (&["all"], &[]),
        (&["base>=3"], &[]),
        (&["base>=2", "base<2"], &[]),
        (&["base<2", "app"], &[]),
        (&["app"], &[("base", "1.5")]),
    ]
    .iter()
    .map(|(wanted, installed)| said(&universe, &request(wanted, installed)))
    .collect();
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn yanked_and_constrained() {
    let universe = projects([
        yanked(release("a-2.0", &[])),
        release("a-1.0", &[]),
        release("b-1.0", &["a>1"]),
        release("c-1.0", &["b"]),
    ]);
    let mut constrained = request(&["c"], &[]);
    constrained.constraints = vec!["b>=2".parse().unwrap()];
    let messages = [
        said(&universe, &request(&["a>1"], &[])),
        said(&universe, &request(&["c"], &[])),
        said(&universe, &constrained),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn about_several() {
    let around =
        world(&[("a-1.0", &["b==1.0"]), ("a-2.0", &["b==2.0"]), ("b-1.0", &["a==2.0"]), ("b-2.0", &["a==1.0"])]);
    let menu = world(&[
        ("menu-1.5", &["dropdown>=2"]),
        ("menu-1.4", &["dropdown>=2"]),
        ("menu-1.0", &["dropdown>=1,<2"]),
        ("dropdown-2.3", &["icons>=2"]),
        ("dropdown-2.0", &["icons>=2"]),
        ("dropdown-1.8", &["intl==3"]),
        ("icons-2.0", &[]),
        ("icons-1.0", &[]),
        ("intl-5.0", &[]),
        ("intl-3.0", &[]),
    ]);
    let gone = world(&[("app-2.0", &["gone"]), ("app-1.0", &["base<2"]), ("base-2.0", &[])]);
    let extra = projects([
        with_extra(release("app-2.0", &[]), "gui", &["menu<1"]),
        with_extra(release("app-1.0", &[]), "gui", &["menu>9"]),
        release("menu-5.0", &[]),
    ]);
    let itself = world(&[("a-2.0", &["a<2"]), ("a-1.0", &["a>1"])]);
    let mut constrained = request(&["menu"], &[]);
    constrained.constraints = vec!["icons<2".parse().unwrap(), "intl>=5".parse().unwrap()];
    let messages = [
        said(&around, &request(&["a"], &[])),
        said(&menu, &request(&["menu", "icons<2", "intl>=5"], &[])),
        said(&menu, &constrained),
        said(&gone, &request(&["app", "base"], &[])),
        said(&extra, &request(&["app[gui]"], &[])),
        said(&itself, &request(&["a"], &[])),
    ];
    insta::assert_snapshot!(messages.join("\n\n"));
}

/// So many versions, and each needs something else that cannot be had.
#[test]
fn long_lists_are_cut() {
    let named: Vec<(String, String)> =
        (0..40).map(|number| (format!("app-{number}"), format!("base>{}", number + 10))).collect();
    let mut releases: Vec<_> = named.iter().map(|(name, needs)| release(name, &[needs])).collect();
    releases.extend((0..60).map(|number| release(&format!("base-{number}"), &[])));
    insta::assert_snapshot!(said(&projects(releases), &request(&["app", "base<10"], &[])));
}

/// Pigeons and holes: every hole takes one, and there is one hole less than there are pigeons. No proof of that is short.
#[test]
fn what_takes_exponential_time_is_given_up() {
    const PIGEONS: usize = 14;
    let holes = || 1..PIGEONS;
    let mut releases = Vec::new();
    for pigeon in 0..PIGEONS {
        for hole in holes() {
            releases.push(release(&format!("pigeon{pigeon}-{hole}"), &[&format!("hole{hole}=={pigeon}")]));
        }
    }
    for hole in holes() {
        releases.extend((0..PIGEONS).map(|pigeon| release(&format!("hole{hole}-{pigeon}"), &[])));
    }
    let wanted: Vec<String> = (0..PIGEONS).map(|pigeon| format!("pigeon{pigeon}")).collect();
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    insta::assert_snapshot!(said(&projects(releases), &request(&wanted, &[])));
}

/// A proof as deep as the chain is long must not be as deep on the stack.
#[test]
fn long_chains() {
    const LENGTH: usize = 5000;
    let link = |number: usize| release(&format!("link{number}-1.0"), &[&format!("link{}", number + 1)]);
    let mut releases: Vec<_> = (0..LENGTH).map(link).collect();
    let broken = projects(releases.clone());
    assert_eq!(
        said(&broken, &request(&["link0"], &[])),
        "unknown_package: unknown package `link5000`, needed by link4999 1.0; did you mean `link1000` or `link2000` or \
         `link3000`?"
    );
    releases.push(release(&format!("link{LENGTH}-1.0"), &[]));
    let whole = projects(releases);
    assert_eq!(chosen(&whole, &request(&["link0"], &[])).unwrap().len(), LENGTH + 1);
    // Brought one by one, each is a round.
    let bring = |name: &PackageName| Ok::<_, SolveError>(whole.get(name).cloned().unwrap_or_default());
    assert_eq!(solve_with(&request(&["link0"], &[]), bring).err(), Some(SolveError::TooComplex));
}
