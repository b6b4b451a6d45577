//! `pkgsrv recipe import` as it is typed: whole output, and what it writes.

use std::process::{Command, Output};

use insta::assert_snapshot;

use crate::fixture::Fixture;

const WHOLE: &str = "package:
  name: Demo_X
  version: \"1.0\"
source:
  url: https://files.example/packages/d/demo_x-1.0.tar.gz
  sha256: 00000000000000000000000000000000000000000000000000000000000000ff
  patches: [patches/0001-a.patch]
build:
  exports: requested
requirements:
  run: [gone]
";

const REFUSED: &str = "package:
  name: libdemo
  version: 1.10
build:
  type: cpython_module
  scirpt: make
";

fn run(fixture: &Fixture, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pkgsrv"));
    let Output { status, stdout, stderr } =
        command.env_clear().current_dir(fixture.path()).args(["recipe", "import"]).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{status}\n--- stdout\n{}--- stderr\n{}", text(&stdout), text(&stderr))
        .replace(fixture.path().to_str().unwrap(), "[DATA]")
}

fn tree() -> Fixture {
    let fixture = Fixture::empty();
    fixture.file("tree/demo-x/meta.yaml", WHOLE.as_bytes());
    fixture.file("tree/demo-x/patches/0001-a.patch", b"patch");
    fixture.file("tree/libdemo/meta.yaml", REFUSED.as_bytes());
    fixture.file("tree/same/meta.yaml", WHOLE.replace("Demo_X", "demo.x").as_bytes());
    fixture.file("tree/same/patches/0001-a.patch", b"patch");
    fixture.file("tree/readme.txt", b"no recipe");
    fixture
}

#[test]
fn a_tree_is_imported_and_told_of() {
    let fixture = tree();
    assert_snapshot!("recipe_import", run(&fixture, &["tree"]));
    let read = |path: &str| std::fs::read_to_string(fixture.path().join("recipes").join(path)).unwrap();
    assert_snapshot!("recipe_import_toml", read("demo-x/recipe.toml"));
    assert_eq!(read("demo-x/0001-a.patch"), "patch");
    assert_eq!(read("build-requirements.toml").lines().last(), Some("wheel = []"), "so that the folder can be opened");
    let mut folders: Vec<_> = std::fs::read_dir(fixture.path().join("recipes"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    assert_eq!(folders, ["build-requirements.toml", "demo-x"], "nothing half written is left");
}

#[test]
fn what_is_there_is_kept() {
    let fixture = tree();
    fixture.file("recipes/demo-x/recipe.toml", b"mine");
    assert_snapshot!("recipe_import_kept", run(&fixture, &["tree/demo-x", "--json"]));
    assert_eq!(std::fs::read(fixture.path().join("recipes/demo-x/recipe.toml")).unwrap(), b"mine");
}

#[test]
fn refusals_are_shown_in_their_place() {
    let fixture = tree();
    assert_snapshot!("recipe_import_explain", run(&fixture, &["tree/libdemo", "--explain"]));
    assert_snapshot!("recipe_import_json", run(&fixture, &["tree/libdemo", "--json"]));
}

#[test]
fn a_directory_without_recipes_is_an_error() {
    let fixture = tree();
    assert_snapshot!("recipe_import_nothing", run(&fixture, &["."]));
    assert_snapshot!("recipe_import_gone", run(&fixture, &["gone"]));
}
