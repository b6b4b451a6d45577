//! The writer: what is read again is what was written.

use std::path::Path;

use pkgsrv_recipe::Recipe;
use proptest::prelude::*;

const PACKAGE: &str = "[package]\nname = \"demo\"\nversion = \"1.0\"\n";
const HASH: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

fn again(recipe: &Recipe) -> String {
    let text = recipe.to_toml();
    let read = Recipe::parse("recipe.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(read, *recipe, "{text}");
    text
}

#[test]
fn the_recipes_of_the_tree_are_the_same_again() {
    let recipes = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recipes"));
    for folder in std::fs::read_dir(recipes).unwrap() {
        let file = folder.unwrap().path().join("recipe.toml");
        if let Ok(text) = std::fs::read_to_string(&file) {
            again(&Recipe::parse("recipe.toml", &text).unwrap());
        }
    }
}

/// Fields that came later, when they are not used, must not change the digests of recipes that were there before.
#[test]
fn what_a_recipe_without_new_fields_adds_to_a_digest_does_not_change() {
    let text = format!("{PACKAGE}[source]\npypi = \"demo\"\nsha256 = \"{HASH}\"\n");
    let recipe = Recipe::parse("recipe.toml", &text).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&recipe).unwrap());
}

#[test]
fn every_field_is_written() {
    let everything = format!(
        "{PACKAGE}[source]\nurl = \"https://sources.example/demo.zip\"\nsha256 = \"{HASH}\"\nextract-dir = \"a/b\"\n\
         patches = [\"a.patch\"]\nextras = [[\"x/y\", \"z\"]]\nfiles = [\"f/g\"]\ncrates = \"Cargo.lock\"\n\
         [build]\nprefix = \"shared\"\nscript = \"make\\n\\tall\\n\"\npost = \"rm x\"\nunvendor-tests = true\n\
         retain-test-patterns = [\"*_a.py\"]\ncflags = [\"-DA=\\\"b c\\\"\"]\ncxxflags = [\"-b\"]\nldflags = [\"-c\"]\n\
         exports = [\"f\"]\n[build.environment]\nA = \"$(PREFIX)\"\n[build.config-settings]\n\"a.b\" = [\"c\", \"d\"]\n\
         [requirements]\nbuild-system = true\nbuild = [\"cython\"]\nconstraint = [\"cython<3.1\"]\nhost = [\"numpy\"]\n\
         run = [\"numpy\"]\n[requirements.tools]\n\"b_c-1.0-py3-none-any.whl\" = \"{HASH}\"\n\
         [test]\nimports = [\"demo\"]\nleave-out = {{ b = \"why\" }}\nscript = \"t.py\"\n\
         [about]\nhome = \"h\"\nsummary = \"s\"\nlicense = \"MIT\"\n[extra]\na = [1]\n[extra.b]\nc = true\n"
    );
    insta::assert_snapshot!(again(&Recipe::parse("recipe.toml", &everything).unwrap()));
}

proptest! {
    #[test]
    fn any_text_comes_back(
        script in "(\\PC|[\n\t'\"\\\\\r\u{1}]){0,40}",
        flags in proptest::collection::vec("\\PC{0,60}", 0..6),
        environment in proptest::collection::btree_map("\\PC{0,8}", "(\\PC|\n){0,20}", 0..4),
    ) {
        let text = format!("{PACKAGE}[source]\npypi = \"demo\"\nsha256 = \"{HASH}\"\n");
        let mut recipe = Recipe::parse("recipe.toml", &text).unwrap();
        recipe.build.script = Some(script.clone());
        recipe.build.post = Some(script + "\n");
        recipe.build.cflags.clone_from(&flags);
        recipe.build.environment = environment;
        recipe.build.config_settings.insert("a b".to_owned(), flags);
        recipe.about.summary = "x\ny".to_owned();
        again(&recipe);
    }
}
