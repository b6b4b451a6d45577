//! Which releases the closure takes, and what it says when it finds none.

use std::collections::BTreeMap;

use crate::sample::{entry, index, index_of, with_extra, yanked};
use pkgsrv_index::{
    ChannelIndex, Closure, ClosureError, PackageName, ProjectError, Releases, Requirement, Selected, Version, closure,
};

fn solve(index: &ChannelIndex, wanted: &[&str], installed: &[(&str, &str)]) -> Result<Vec<String>, ClosureError> {
    solve_within(index, wanted, &[], installed)
}

fn solve_within(
    index: &ChannelIndex,
    wanted: &[&str],
    constraints: &[&str],
    installed: &[(&str, &str)],
) -> Result<Vec<String>, ClosureError> {
    let everything = releases(index);
    let requirements = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Requirement>>();
    let asked = (&*requirements(wanted), &*requirements(constraints));
    let installed: BTreeMap<_, _> =
        installed.iter().map(|(name, version)| (name.parse().unwrap(), version.parse().unwrap())).collect();
    // However much is known from the start, the same is found.
    let selected = brought(everything.clone(), &everything, asked, &installed);
    assert_eq!(brought(Releases::default(), &everything, asked, &installed).ok(), selected.clone().ok());
    let selected = selected?;
    Ok(selected
        .iter()
        .map(|one| {
            let mark = if one.requested { "*" } else { "" };
            format!("{}{mark} {}", one.name, one.release.version)
        })
        .collect())
}

/// Brings what is asked for until there is an answer.
fn brought(
    mut known: Releases,
    everything: &Releases,
    (wanted, constraints): (&[Requirement], &[Requirement]),
    installed: &BTreeMap<PackageName, Version>,
) -> Result<Vec<Selected>, ClosureError> {
    loop {
        match closure(&known, wanted, constraints, installed)? {
            Closure::Complete(selected) => return Ok(selected),
            Closure::Needs(names) => names.into_iter().for_each(|name| {
                let found = everything.get(&name).flatten().map(<[_]>::to_vec);
                known.add(name, found);
            }),
        }
    }
}

fn releases(index: &ChannelIndex) -> Releases {
    let projects = index.projects().iter();
    projects
        .map(|(name, project)| (name.clone(), project.releases(index.abi)))
        .filter(|(_, it)| !it.is_empty())
        .collect()
}

/// Wheels that are named `name-version` and depend on a list.
fn world(wheels: &[(&str, &[&str])]) -> ChannelIndex {
    index_of(wheels.iter().map(|(name, depends)| entry(&format!("{name}-py3-none-any.whl"), depends)))
}

#[test]
fn newest_final_release_that_is_not_yanked() {
    for (wanted, expected) in [
        ("numpy", "numpy* 2.4.6"),
        ("numpy<2.4.6", "numpy* 2.4.5"),
        ("numpy>=2.5.0rc1", "numpy* 2.5.0rc1"),
        ("numpy>2.4.6", "numpy* 2.5.0rc1"),
        ("numpy==2.4.4", "numpy* 2.4.4"),
    ] {
        assert_eq!(solve(&index(), &[wanted], &[]).unwrap(), [expected], "{wanted}");
    }
    assert!(solve(&index(), &["numpy<2.4.5"], &[]).is_err(), "yanked and not pinned");
}

#[test]
fn dependencies_first_extras_and_cycles() {
    assert!(matches!(
        solve(&index(), &["app"], &[]),
        Err(ClosureError::Project(ProjectError::UnknownPackage { name, .. })) if name.as_str() == "absent"
    ));
    let index = index_of([
        entry("a-1.0-py3-none-any.whl", &["b[x]", "d"]),
        with_extra(entry("b-1.0-py3-none-any.whl", &[]), "x", &["c", "b[y]"]),
        entry("c-1.0-py3-none-any.whl", &["a"]),
        entry("d-1.0-py3-none-any.whl", &["c"]),
    ]);
    assert_eq!(solve(&index, &["a"], &[]).unwrap(), ["c 1.0", "b 1.0", "d 1.0", "a* 1.0"]);
    assert_eq!(solve(&index, &["b"], &[]).unwrap(), ["b* 1.0"]);
}

#[test]
fn everyone_is_asked_before_a_version_is_taken() {
    let index = world(&[
        ("app-1.0", &["left", "right"]),
        ("left-1.0", &["base>=1"]),
        ("right-1.0", &["deep"]),
        ("deep-1.0", &["base<2"]),
        ("base-1.5", &[]),
        ("base-2.0", &["only-of-two"]),
        ("only_of_two-1.0", &[]),
    ]);
    assert_eq!(solve(&index, &["app"], &[]).unwrap(), ["base 1.5", "left 1.0", "deep 1.0", "right 1.0", "app* 1.0"]);
}

#[test]
fn installed_ones_stay_if_they_fit() {
    let index = world(&[("app-1.0", &["base>=1"]), ("base-1.5", &["gone"]), ("base-2.0", &[])]);
    assert_eq!(solve(&index, &["app"], &[("base", "1.5")]).unwrap(), ["app* 1.0"]);
    assert_eq!(solve(&index, &["base"], &[("base", "9.9")]).unwrap(), [""; 0]);
    let with_extra = index_of([
        with_extra(entry("base-1.5-py3-none-any.whl", &[]), "more", &["plus"]),
        entry("plus-1.0-py3-none-any.whl", &[]),
    ]);
    assert_eq!(solve(&with_extra, &["base[more]"], &[("base", "1.5")]).unwrap(), ["plus 1.0"]);
}

#[test]
fn constraints_limit_what_is_needed_anyway() {
    let index = world(&[("app-1.0", &["base>=1"]), ("base-1.5", &[]), ("base-2.0", &[]), ("other-1.0", &[])]);
    let constraints = ["base[extra]<2", "other<1", "unheard-of==1"];
    assert_eq!(solve_within(&index, &["app"], &constraints, &[]).unwrap(), ["base 1.5", "app* 1.0"]);
    assert_eq!(solve_within(&index, &["app"], &["base<2"], &[("base", "1.5")]).unwrap(), ["app* 1.0"]);
    for (constraint, installed, expected) in [
        (
            "base<1",
            &[][..],
            "no version of `base` fits `base>=1` (needed by app 1.0), `base<1` (constraint); available: 2.0, 1.5",
        ),
        (
            "base<2",
            &[("base", "2.0")][..],
            "`base` 2.0 is already installed, which does not fit `base<2` (constraint); \
             restart the interpreter or ask for versions that go together",
        ),
    ] {
        assert_eq!(solve_within(&index, &["app"], &[constraint], installed).unwrap_err().to_string(), expected);
    }
}

#[test]
fn ends_where_releases_exclude_each_other() {
    let index =
        world(&[("a-1.0", &["b==1.0"]), ("a-2.0", &["b==2.0"]), ("b-1.0", &["a==2.0"]), ("b-2.0", &["a==1.0"])]);
    assert!(matches!(
        solve(&index, &["a"], &[]),
        Err(ClosureError::Unsettled { .. } | ClosureError::Project(ProjectError::NoVersionFits { .. }))
    ));
}

#[test]
fn a_yanked_release_is_no_reason_to_take_an_older_one_twice() {
    let index = index_of([yanked(entry("a-2.0-py3-none-any.whl", &[]), ""), entry("a-1.0-py3-none-any.whl", &[])]);
    assert_eq!(solve(&index, &["a"], &[]).unwrap(), ["a* 1.0"]);
}

#[test]
fn messages() {
    let index = world(&[
        ("app-1.0", &["base>=2", "numpi"]),
        ("base-1.5", &[]),
        ("base-2.0", &[]),
        ("numpy-1.0", &[]),
        ("numpy_ext-1.0", &[]),
    ]);
    let messages: Vec<String> = [
        (&["numpie"][..], &[][..]),
        (&["zzz"], &[]),
        (&["app"], &[]),
        (&["base<2", "app"], &[]),
        (&["app"], &[("base", "1.5")]),
    ]
    .iter()
    .map(|(wanted, installed)| solve(&index, wanted, installed).unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(messages.join("\n"));
}
