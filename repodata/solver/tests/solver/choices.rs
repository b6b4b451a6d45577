//! Which releases are taken.

use pkgsrv_solver::SolveError;

use crate::world::{Projects, chosen, projects, release, request, solved, versions, with_extra, world, yanked};

fn taken(projects: &Projects, wanted: &[&str]) -> Result<Vec<String>, SolveError> {
    chosen(projects, &request(wanted, &[]))
}

fn numpy() -> Projects {
    projects([
        release("numpy-2.5.0rc1", &[]),
        release("numpy-2.4.6", &[]),
        release("numpy-2.4.5", &[]),
        yanked(release("numpy-2.4.4", &[])),
    ])
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
        assert_eq!(taken(&numpy(), &[wanted]).unwrap(), [expected], "{wanted}");
    }
    assert!(taken(&numpy(), &["numpy<2.4.5"]).is_err(), "yanked and not pinned");
    let older = projects([yanked(release("a-2.0", &[])), release("a-1.0", &[])]);
    assert_eq!(taken(&older, &["a"]).unwrap(), ["a* 1.0"]);
}

#[test]
fn a_yanked_release_is_there_for_all_once_someone_pins_it() {
    let universe = projects([
        yanked(release("base-2.0", &[])),
        release("base-1.0", &[]),
        release("pinning-1.0", &["base==2.0"]),
        release("other-1.0", &["base>=2"]),
        release("choosing-2.0", &["base>=2"]),
        release("choosing-1.0", &["base"]),
    ]);
    assert_eq!(taken(&universe, &["other", "pinning"]).unwrap(), ["base 2.0", "other* 1.0", "pinning* 1.0"]);
    assert_eq!(taken(&universe, &["choosing"]).unwrap(), ["base 1.0", "choosing* 1.0"]);
    assert_eq!(taken(&universe, &["choosing", "base==2.0"]).unwrap(), ["base* 2.0", "choosing* 2.0"]);
    assert!(taken(&universe, &["other"]).is_err());
}

#[test]
fn dependencies_first_extras_and_cycles() {
    let universe = projects([
        release("a-1.0", &["b[x]", "d"]),
        with_extra(release("b-1.0", &[]), "x", &["c", "b[y]"]),
        release("c-1.0", &["a"]),
        release("d-1.0", &["c"]),
    ]);
    assert_eq!(taken(&universe, &["a"]).unwrap(), ["c 1.0", "b 1.0", "d 1.0", "a* 1.0"]);
    assert_eq!(taken(&universe, &["b"]).unwrap(), ["b* 1.0"]);
    let needs: Vec<String> = solved(&universe, &request(&["a"], &[]))
        .unwrap()
        .iter()
        .map(|one| format!("{}: {}", one.name, one.needs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")))
        .collect();
    assert_eq!(needs, ["c: a", "b: c", "d: c", "a: b d"]);
}

#[test]
fn an_extra_and_its_base_are_of_one_release() {
    let universe = projects([
        with_extra(release("base-2.0", &[]), "more", &["plus>=2"]),
        with_extra(release("base-1.0", &[]), "more", &["plus"]),
        release("plus-1.0", &[]),
        release("app-1.0", &["base<2"]),
    ]);
    assert_eq!(taken(&universe, &["base[more]"]).unwrap(), ["plus 1.0", "base* 1.0"]);
    assert_eq!(taken(&universe, &["base[more]", "app"]).unwrap(), ["plus 1.0", "base* 1.0", "app* 1.0"]);
    assert_eq!(taken(&universe, &["base[unheard-of]"]).unwrap(), ["base* 2.0"]);
}

#[test]
fn a_release_that_needs_itself() {
    let universe = projects([
        release("a-3.0", &["a<3"]),
        with_extra(release("a-2.0", &["a[x]>=2"]), "x", &["a", "b", "a[x]"]),
        release("b-1.0", &[]),
    ]);
    assert_eq!(taken(&universe, &["a"]).unwrap(), ["b 1.0", "a* 2.0"]);
}

#[test]
fn everyone_is_asked_before_a_version_is_taken() {
    let universe = world(&[
        ("app-1.0", &["left", "right"]),
        ("left-1.0", &["base>=1"]),
        ("right-1.0", &["deep"]),
        ("deep-1.0", &["base<2"]),
        ("deep-0.9", &[]),
        ("base-1.5", &[]),
        ("base-2.0", &["only-of-two"]),
        ("only_of_two-1.0", &[]),
    ]);
    assert_eq!(taken(&universe, &["app"]).unwrap(), ["base 1.5", "left 1.0", "deep 1.0", "right 1.0", "app* 1.0"]);
}

#[test]
fn older_releases_are_tried_where_newer_ones_exclude_each_other() {
    let universe = world(&[
        ("web-3.0", &["sockets>=2"]),
        ("web-2.0", &["sockets"]),
        ("web-1.0", &[]),
        ("sockets-2.0", &["base>=2"]),
        ("sockets-1.0", &["base"]),
        ("base-2.0", &[]),
        ("base-1.0", &[]),
        ("old-1.0", &["base<2"]),
    ]);
    let expected = ["base 1.0", "old* 1.0", "sockets 1.0", "web* 2.0"];
    assert_eq!(taken(&universe, &["web", "old"]).unwrap(), expected);
    assert_eq!(taken(&universe, &["old", "web"]).unwrap(), expected);
    let around = world(&[("a-1.0", &["b==1.0"]), ("a-2.0", &["b==2.0"]), ("b-1.0", &["a==2.0"]), ("b-2.0", &[])]);
    assert_eq!(taken(&around, &["a"]).unwrap(), ["b 2.0", "a* 2.0"]);
}

#[test]
fn a_project_that_is_not_there_is_gone_around() {
    let universe = world(&[("app-2.0", &["gone"]), ("app-1.0", &[])]);
    assert_eq!(taken(&universe, &["app"]).unwrap(), ["app* 1.0"]);
}

#[test]
fn installed_ones_stay_if_they_fit() {
    let universe = world(&[("app-1.0", &["base>=1"]), ("base-1.5", &["gone"]), ("base-2.0", &[])]);
    let taken = |projects: &Projects, wanted: &str, installed| chosen(projects, &request(&[wanted], &[installed]));
    assert_eq!(taken(&universe, "app", ("base", "1.5")).unwrap(), ["app* 1.0"]);
    assert_eq!(taken(&universe, "base", ("base", "9.9")).unwrap(), [""; 0]);
    let extra = projects([with_extra(release("base-1.5", &[]), "more", &["plus"]), release("plus-1.0", &[])]);
    assert_eq!(taken(&extra, "base[more]", ("base", "1.5")).unwrap(), ["plus 1.0"]);
    let choice = world(&[("app-2.0", &["base>=2"]), ("app-1.0", &["base"]), ("base-2.0", &[])]);
    assert_eq!(taken(&choice, "app", ("base", "1.0")).unwrap(), ["app* 1.0"]);
}

#[test]
fn constraints_limit_and_ask_for_nothing() {
    let mut request = request(&["app"], &[]);
    request.constraints = ["base<2", "absent<1", "numpy==2.4.4"].map(|text| text.parse().unwrap()).to_vec();
    let universe = world(&[("app-1.0", &["base"]), ("base-2.0", &[]), ("base-1.0", &[])]);
    assert_eq!(chosen(&universe, &request).unwrap(), ["base 1.0", "app* 1.0"]);
    request.wanted = vec!["numpy".parse().unwrap()];
    assert_eq!(chosen(&numpy(), &request).unwrap(), ["numpy* 2.4.4"], "pinned by a constraint");
}

#[test]
fn preferences_come_before_what_is_newest() {
    let universe = world(&[("app-1.0", &["base"]), ("base-3.0", &[]), ("base-2.0", &[]), ("base-1.0", &[])]);
    let mut request = request(&["app"], &[]);
    request.preferences = versions(&[("base", "2.0"), ("app", "0.1"), ("absent", "1.0")]);
    assert_eq!(chosen(&universe, &request).unwrap(), ["base 2.0", "app* 1.0"]);
    request.wanted.push("base!=2.0".parse().unwrap());
    assert_eq!(chosen(&universe, &request).unwrap(), ["base* 3.0", "app* 1.0"]);
    request.wanted = vec!["numpy".parse().unwrap()];
    request.preferences = versions(&[("numpy", "2.4.4")]);
    assert_eq!(chosen(&numpy(), &request).unwrap(), ["numpy* 2.4.4"], "a lock names a release that was yanked since");
}
