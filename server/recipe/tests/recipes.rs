//! The recipes of this repository, and how wrong ones are reported.

use std::path::Path;

use miette::{GraphicalReportHandler, GraphicalTheme};
use pkgsrv_index::Abi;
use pkgsrv_recipe::{BuildKind, BuildRequirements, Exports, Recipe, RecipeError};

fn rendered(error: &RecipeError) -> String {
    let mut text = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(100)
        .render_report(&mut text, error)
        .unwrap();
    text
}

fn error(text: &str) -> String {
    rendered(&Recipe::parse("recipes/demo/recipe.toml", text).unwrap_err())
}

const SOURCE: &str =
    "[source]\npypi = \"demo\"\nsha256 = \"00000000000000000000000000000000000000000000000000000000000000ff\"\n";

fn recipes_directory() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recipes"))
}

#[test]
fn every_recipe_of_the_tree_is_accepted_and_its_requirements_are_there() {
    let text = std::fs::read_to_string(recipes_directory().join("build-requirements.toml")).unwrap();
    let tools = BuildRequirements::parse("recipes/build-requirements.toml", &text).unwrap();
    let mut count = 0;
    for folder in std::fs::read_dir(recipes_directory()).unwrap() {
        let folder = folder.unwrap();
        if !folder.file_type().unwrap().is_dir() {
            continue;
        }
        let file = folder.path().join("recipe.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let recipe = Recipe::parse(&file.display().to_string(), &text).unwrap_or_else(|e| panic!("{}", rendered(&e)));
        assert_eq!(
            recipe.name.as_str(),
            folder.file_name().to_str().unwrap(),
            "a recipe lies in the folder of its name"
        );
        let all = tools.with(&recipe.requirements.tools);
        let names = recipe.requirements.tools.iter().map(|tool| tool.filename.name());
        let names: Vec<_> = names.chain(&recipe.requirements.build).cloned().collect();
        for machine in ["aarch64", "x86_64"] {
            let found = all.closure(&names, machine, Abi::preferred());
            found.unwrap_or_else(|name| panic!("{}: no tool {name} for {machine}", recipe.name));
        }
        for file in recipe.source.patches.iter().chain(&recipe.test_script) {
            assert!(folder.path().join(file).is_file(), "{}: no file {file}", recipe.name);
        }
        for other in recipe.requirements.host.iter().chain(&recipe.requirements.run) {
            assert!(recipes_directory().join(other.as_str()).is_dir(), "{}: no recipe {other}", recipe.name);
        }
        count += 1;
    }
    assert!(count >= 14, "{count} recipes");
}

#[test]
fn what_is_left_out_needs_a_reason() {
    let recipe = |reason: &str| {
        format!(
            "[package]\nname = \"demo\"\nversion = \"1.0\"\n\n{SOURCE}\n\
             [test]\nleave-out = {{ demo_tests = \"{reason}\" }}\n"
        )
    };
    let parsed = Recipe::parse("recipe.toml", &recipe("needs pytest")).unwrap();
    assert_eq!(parsed.test_left_out["demo_tests"], "needs pytest");
    insta::assert_snapshot!(error(&recipe(" ")));
}

#[test]
fn an_unknown_key_is_shown_with_its_place_and_the_nearest_key() {
    insta::assert_snapshot!(error(&format!(
        "[package]\nname = \"demo\"\nversion = \"1.0\"\n\n{SOURCE}\n[build]\ncflag = [\"-DX\"]\n"
    )));
}

#[test]
fn a_bad_version_is_shown() {
    insta::assert_snapshot!(error(&format!("[package]\nname = \"demo\"\nversion = \"one\"\n{SOURCE}")));
}

#[test]
fn two_sources_are_one_too_many() {
    insta::assert_snapshot!(error(&format!(
        "[package]\nname = \"demo\"\nversion = \"1.0\"\n{SOURCE}debian = \"demo\"\n"
    )));
}

#[test]
fn a_library_needs_a_script() {
    insta::assert_snapshot!(error(&format!(
        "[package]\nname = \"demo\"\nversion = \"1.0\"\n{SOURCE}[build]\ntype = \"static-library\"\n"
    )));
}

#[test]
fn a_patch_cannot_lead_out_of_the_recipe() {
    insta::assert_snapshot!(error(&format!(
        "[package]\nname = \"demo\"\nversion = \"1.0\"\n{SOURCE}patches = [\"../evil.patch\"]\n"
    )));
}

#[test]
fn text_that_is_not_toml_is_shown() {
    insta::assert_snapshot!(error("[package\nname = \"demo\"\n"));
}

#[test]
fn a_build_with_rust_needs_the_lock() {
    insta::assert_snapshot!(error(&format!(
        "[package]\nname = \"demo\"\nversion = \"1.0\"\n{SOURCE}[requirements]\nbuild = [\"setuptools\", \"maturin\"]\n"
    )));
}

#[test]
fn the_lock_lies_in_the_source() {
    insta::assert_snapshot!(error(&format!(
        "[package]\nname = \"demo\"\nversion = \"1.0\"\n{SOURCE}crates = \"../Cargo.lock\"\n"
    )));
    let recipe = |path: &str| {
        let text = format!("[package]\nname = \"demo\"\nversion = \"1.0\"\n{SOURCE}crates = \"{path}\"\n");
        Recipe::parse("recipe.toml", &text).map(|recipe| recipe.source.crates)
    };
    for path in ["Cargo.lock", "rust/demo/Cargo.lock"] {
        assert_eq!(recipe(path).unwrap().as_deref(), Some(path));
    }
    for path in ["/Cargo.lock", "Cargo.toml", "rust//Cargo.lock", "rust/../Cargo.lock", ".cargo/Cargo.lock", ""] {
        assert!(recipe(path).is_err(), "{path}");
    }
}

#[test]
fn a_library_has_no_test() {
    insta::assert_snapshot!(error(&format!(
        "[package]\nname = \"demo\"\nversion = \"1.0\"\n{SOURCE}[build]\ntype = \"static-library\"\nscript = \"make\"\n\
         [test]\nscript = \"test.py\"\n"
    )));
}

fn shared_library(exports: &str) -> String {
    format!(
        "[package]\nname = \"demo\"\nversion = \"1.0\"\n{SOURCE}[build]\ntype = \"shared-library\"\nscript = \
         \"make\"\n{exports}"
    )
}

#[test]
fn a_shared_library_exports_everything_if_nothing_is_said() {
    for (given, expected) in [
        ("", Exports::WholeArchive),
        ("exports = \"whole-archive\"\n", Exports::WholeArchive),
        ("exports = [\"f\"]\n", Exports::Symbols(vec!["f".to_owned()])),
    ] {
        let recipe = Recipe::parse("recipe.toml", &shared_library(given)).unwrap();
        assert_eq!((recipe.build.kind, &recipe.build.exports), (BuildKind::SharedLibrary, &expected));
        assert_eq!(Recipe::parse("recipe.toml", &recipe.to_toml()).unwrap(), recipe);
    }
    insta::assert_snapshot!(error(&shared_library("exports = \"pyinit\"\n")));
}

const TOOL: &str = "[[wheel]]\nfilename = \"tool-1.0-py3-none-PLATFORM.whl\"\nsha256 = \
                    \"00000000000000000000000000000000000000000000000000000000000000ff\"\n";

fn tools(platforms: &[&str]) -> Result<BuildRequirements, RecipeError> {
    let text: String = platforms.iter().map(|platform| TOOL.replace("PLATFORM", platform)).collect();
    BuildRequirements::parse("recipes/build-requirements.toml", &text)
}

#[test]
fn a_tool_may_have_a_wheel_for_each_kind_of_machine() {
    let lock = tools(&["manylinux2014_x86_64.manylinux_2_17_x86_64", "manylinux_2_17_aarch64"]).unwrap();
    let name: pkgsrv_index::PackageName = "tool".parse().unwrap();
    let chosen = |machine: &str| {
        lock.closure(std::slice::from_ref(&name), machine, Abi::preferred())
            .map(|wheels| wheels[0].filename.as_str().to_owned())
    };
    let mut found = ["aarch64", "x86_64", "riscv64"].map(|machine| chosen(machine).map_err(|name| name.to_string()));
    found.sort();
    assert_eq!(
        found,
        [
            Ok("tool-1.0-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl".to_owned()),
            Ok("tool-1.0-py3-none-manylinux_2_17_aarch64.whl".to_owned()),
            Err("tool".to_owned()),
        ]
    );
}

#[test]
fn a_tool_may_have_a_wheel_for_each_version_of_python() {
    let tool = |tags: &str| TOOL.replace("py3-none-PLATFORM", tags);
    let chosen = |tags: &[&str], abi: &str| {
        let text: String = tags.iter().map(|tags| tool(tags)).collect();
        let lock = BuildRequirements::parse("recipes/build-requirements.toml", &text).unwrap();
        let wheel = lock.wheel(&"tool".parse().unwrap(), "x86_64", abi.parse().unwrap());
        wheel.map(|wheel| wheel.filename.compressed_tags().to_owned())
    };
    let each = ["cp314-cp314-manylinux_2_17_x86_64", "cp315-cp315-manylinux_2_17_x86_64"];
    assert_eq!(chosen(&each, "2026_0").as_deref(), Some(each[0]));
    assert_eq!(chosen(&each, "2026_5").as_deref(), Some(each[1]));
    assert_eq!(chosen(&each[..1], "2026_5"), None);
    for both in ["cp39-abi3-manylinux_2_17_x86_64", "py3-none-any", "py2.py3-none-manylinux_2_17_x86_64"] {
        assert_eq!(chosen(&[both], "2026_5").as_deref(), Some(both));
    }
    assert_eq!(chosen(&["cp315-abi3-manylinux_2_17_x86_64"], "2026_0"), None);
}

#[test]
fn two_wheels_of_a_tool_for_one_machine_are_one_too_many() {
    insta::assert_snapshot!(rendered(&tools(&["any", "manylinux_2_17_x86_64"]).unwrap_err()));
}

fn recipe_with_tools(filenames: &[&str]) -> String {
    let hash = "00000000000000000000000000000000000000000000000000000000000000ff";
    let tools: Vec<String> = filenames.iter().map(|filename| format!("\"{filename}\" = \"{hash}\"\n")).collect();
    format!("[package]\nname = \"demo\"\nversion = \"1\"\n{SOURCE}[requirements.tools]\n{}", tools.concat())
}

#[test]
fn a_recipes_own_tools_come_before_the_pinned_ones() {
    let text = recipe_with_tools(&["tool-2.0-py3-none-manylinux_2_17_x86_64.whl", "other-1.0-py3-none-any.whl"]);
    let recipe = Recipe::parse("recipes/demo/recipe.toml", &text).unwrap();
    let all = tools(&["any"]).unwrap().with(&recipe.requirements.tools);
    let names = ["tool", "other"].map(|name| name.parse().unwrap());
    let chosen = |machine| -> Result<Vec<String>, _> {
        all.closure(&names, machine, Abi::preferred())
            .map(|wheels| wheels.iter().map(|wheel| wheel.filename.to_string()).collect())
    };
    let expected = ["other-1.0-py3-none-any.whl", "tool-2.0-py3-none-manylinux_2_17_x86_64.whl"];
    assert_eq!(chosen("x86_64").unwrap(), expected);
    // Not the pinned one, which is of another version.
    assert_eq!(chosen("aarch64"), Err("tool".parse().unwrap()));
}

#[test]
fn wrong_tools_are_shown() {
    insta::assert_snapshot!(error(&recipe_with_tools(&["tool-1.0-py3-none-any.whl", "tool-1.1-py3-none-any.whl"])));
    insta::assert_snapshot!(error(&recipe_with_tools(&["tool-1.0.tar.gz"])));
}
