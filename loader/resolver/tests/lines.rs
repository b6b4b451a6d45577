//! Several lines, of which the first that has a project is asked, and wheels that come from elsewhere.

use pkgsrv_index::{Abi, Digest};
use pkgsrv_resolver::{ForeignWheel, Repodata, Request, Resolution};
use sha2::{Digest as _, Sha256};

fn sha256_hex(bytes: &[u8]) -> String {
    Digest::from_bytes(Sha256::digest(bytes).into()).to_string()
}

/// A node of releases, each `name version depends`.
fn node(releases: &[(&str, &str, &str)]) -> String {
    let mut leaf = serde_json::Map::new();
    for (name, version, depends) in releases {
        let release = serde_json::json!({
            "version": version, "filename": format!("{name}-{version}-py3-none-any.whl"), "sha256": "0".repeat(64),
            "size": 1, "depends": depends.split_whitespace().collect::<Vec<_>>(), "imports": [name],
        });
        let all = leaf.entry(*name).or_insert_with(|| serde_json::json!([]));
        all.as_array_mut().unwrap().push(release);
    }
    serde_json::json!({ "format": 2, "leaf": leaf }).to_string()
}

fn head(abi: &str, blobs: &str, node: &str) -> String {
    serde_json::json!({
        "format": 2, "abi": abi, "serial": 1, "blobs": blobs,
        "runtime": { "name": "pyodide", "version": "314.0.7", "python": "3.14.2" },
        "repodata": { "sha256": sha256_hex(node.as_bytes()), "size": node.len(), "entries": 1, "weight": 1 },
    })
    .to_string()
}

fn request(wanted: &[&str]) -> Request {
    Request { wanted: wanted.iter().map(ToString::to_string).collect(), ..Request::default() }
}

/// Answers with names, versions and lines; brings nodes, whose lines are noted.
fn resolve(repodata: &mut Repodata, nodes: &[&str], request: &Request) -> (Result<Vec<String>, String>, Vec<usize>) {
    let mut lines = Vec::new();
    loop {
        match repodata.resolve(request.clone()) {
            Ok(Resolution::Selected(selected)) => {
                let text = |one: &pkgsrv_resolver::Selection| format!("{} {} {:?}", one.name, one.version, one.line);
                return (Ok(selected.iter().map(text).collect()), lines);
            }
            Ok(Resolution::Needs(needed)) => {
                for one in needed {
                    lines.push(one.line);
                    let digest = one.sha256.to_string();
                    let node = nodes.iter().find(|node| sha256_hex(node.as_bytes()) == digest).unwrap();
                    repodata.add(one.sha256, node.as_bytes()).unwrap();
                }
            }
            Err(error) => return (Err(format!("{}: {error}", error.code())), lines),
        }
    }
}

#[test]
fn a_project_comes_from_the_first_line_that_has_it() {
    let (own, public) = (
        node(&[("app", "1.0", "lib other"), ("lib", "1.0", "")]),
        node(&[("lib", "9.0", ""), ("other", "2.0", "lib"), ("app", "9.0", "")]),
    );
    let mut repodata = Repodata::new(head("2026_0", "../own/", &own).as_bytes()).unwrap();
    repodata.set_head(1, head("2026_0", "../public/", &public).as_bytes()).unwrap();
    let nodes = [own.as_str(), public.as_str()];
    let (found, lines) = resolve(&mut repodata, &nodes, &request(&["lib"]));
    assert_eq!((found.unwrap(), lines), (vec!["lib 1.0 Some(0)".to_owned()], vec![0]), "the second line is not read");
    let (found, lines) = resolve(&mut repodata, &nodes, &request(&["app"]));
    assert_eq!(found.unwrap(), ["lib 1.0 Some(0)", "other 2.0 Some(1)", "app 1.0 Some(0)"]);
    assert_eq!(lines, [1]);
    assert_eq!((repodata.blobs(0), repodata.blobs(1)), (Some("../own/"), Some("../public/")));
    let (found, _) = resolve(&mut repodata, &nodes, &request(&["lib>2"]));
    assert_eq!(found.unwrap_err(), "no_matching_version: no version of `lib` fits `lib>2` (requested); available: 1.0");
    let (found, _) = resolve(&mut repodata, &nodes, &request(&["othre"]));
    assert_eq!(found.unwrap_err(), "unknown_package: unknown package `othre`; did you mean `other`?");
    let error = repodata.set_head(2, head("2026_5", "", &own).as_bytes()).unwrap_err();
    assert_eq!(error.code(), "wrong_abi");
}

#[test]
fn a_wheel_that_is_there_stands_for_its_project() {
    let own = node(&[("app", "1.0", "lib"), ("lib", "1.0", "")]);
    let mut repodata = Repodata::new(head("2026_0", "", &own).as_bytes()).unwrap();
    let wheel = ForeignWheel {
        filename: "lib-7.0-py3-none-any.whl".to_owned(),
        sha256: Digest::from_bytes([7; 32]),
        size: 1,
        metadata: "Metadata-Version: 2.1\nName: Lib\nVersion: 7\n".to_owned(),
        imports: Vec::new(),
    };
    let asked = |wanted| Request { wheels: vec![wheel.clone()], ..request(wanted) };
    let (found, _) = resolve(&mut repodata, &[&own], &asked(&["app"]));
    assert_eq!(found.unwrap(), ["lib 7.0 None", "app 1.0 Some(0)"]);
    let (found, _) = resolve(&mut repodata, &[&own], &asked(&["lib<7; sys_platform == 'emscripten'"]));
    assert_eq!(found.unwrap_err(), "no_matching_version: no version of `lib` fits `lib<7` (requested); available: 7.0");
    assert_eq!(repodata.abi(), Abi::preferred());
    let other = ForeignWheel { filename: "lib-7.1-py3-none-any.whl".to_owned(), ..wheel.clone() };
    let (found, _) = resolve(&mut repodata, &[&own], &Request { wheels: vec![other], ..request(&["app"]) });
    assert_eq!(
        found.unwrap_err(),
        "bad_wheel: lib-7.1-py3-none-any.whl holds Lib 7, expected lib 7.1; its name and its METADATA disagree"
    );
}
