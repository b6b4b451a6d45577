//! Recipes of pyodide-build: every field is translated or named, and the whole of what comes out is shown.

use miette::{GraphicalReportHandler, GraphicalTheme};
use pkgsrv_recipe::Recipe;
use pkgsrv_recipe::foreign::{FOREIGN_FIELDS, ForeignHandling, Imported, Refusal, import};

const HASH: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

/// Files beside every recipe here.
const BESIDE: &[&str] =
    &["meta.yaml", "extras/setup.cfg", "patches/0001-a.patch", "patches/more/0002-b.patch", "settings/a.json"];

fn translated(text: &str) -> Result<Imported, Vec<Refusal>> {
    let beside: Vec<String> = BESIDE.iter().map(|&path| path.to_owned()).collect();
    import("demo/meta.yaml", &text.replace("HASH", HASH), &beside)
}

/// The `recipe.toml`, the files and the notes; or every refusal.
fn shown(text: &str) -> String {
    match translated(text) {
        Ok(imported) => {
            let toml = imported.recipe.to_toml();
            assert_eq!(Recipe::parse("recipe.toml", &toml).unwrap(), imported.recipe, "{toml}");
            let files = imported.files.iter().map(|(from, to)| format!("# {from} -> {to}\n"));
            let notes = imported.notes.iter().map(|note| format!("# note: {note}\n"));
            toml + "\n" + &files.chain(notes).collect::<String>()
        }
        Err(refusals) => {
            let parts = refusals.iter().map(|refusal| format!("[{}]\n{}", refusal.field, rendered(refusal)));
            parts.collect::<Vec<_>>().concat()
        }
    }
}

fn rendered(refusal: &Refusal) -> String {
    let mut text = String::new();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(110);
    handler.render_report(&mut text, refusal.error.as_ref()).unwrap();
    text
}

/// A package with an sdist on an index, and more sections.
fn package(more: &str) -> String {
    format!(
        "package:\n  name: demo\n  version: \"1.0\"\nsource:\n  url: https://files.example/packages/d/demo-1.0.tar.gz\n  \
         sha256: HASH\n{more}"
    )
}

fn library(build: &str) -> String {
    format!(
        "package:\n  name: libdemo\n  version: \"1.0\"\nsource:\n  url: \
         https://sources.example/v$(PKG_VERSION)/libdemo.tar.xz\n  sha256: HASH\nbuild:\n{build}"
    )
}

fn wheel(more: &str) -> String {
    format!(
        "package:\n  name: demo\n  version: \"1.0\"\nsource:\n  url: \
         https://files.example/packages/d/demo-1.0-py3-none-any.whl\n  sha256: HASH\n{more}"
    )
}

#[test]
fn every_honoured_field_of_a_package() {
    insta::assert_snapshot!(shown(
        "package:
  name: Demo_X
  version: \"1.10\"
  top-level: [demo, demo_more]
  tag: [core]
  pinned: true
  _disabled: false
source:
  url: https://files.example/packages/aa/bb/demo_x-$(PKG_VERSION).tar.gz
  sha256: HASH
  extract_dir: ./demo_x-1.10/python
  patches:
    - patches/0001-a.patch
    - ./patches/more/0002-b.patch
  extras:
    - [extras/setup.cfg, ./setup.cfg]
build:
  type: package
  script: |
    export DEMO_INCLUDE=$(pkg-config --cflags-only-I demo)
    make -j ${PYODIDE_JOBS:-3} -C \"$WASM_LIBRARY_DIR\"
  cross-script: |
    cp $PKGDIR/settings/* src/
  post: |
    rm -rf $WHEELDIR/demo/unused
  cflags: |
    -I$(WASM_LIBRARY_DIR)/include
    $(DEMO_INCLUDE)
  cxxflags: -std=c++17 -I$(PYTHONINCLUDE)
  ldflags: -L$(NUMPY_LIB)/core/lib
  exports: whole_archive
  backend-flags: |
    setup-args=-Da=b
    setup-args=--cross-file=${MESON_CROSS_FILE}
    setup-args=-Djobs=${PYODIDE_JOBS}
    # only for debugging
    build-dir=build  # here
  unvendor-tests: true
  _retain-test-patterns: [\"*_page_test.py\"]
  vendor-sharedlib: false
  cross-build-env: true
  cross-build-files: [demo/include/demo.h, demo/demo.pxd]
requirements:
  run: [numpy, numpy]
  host: [numpy, libdemo]
  executable: [cmake, rustup]
  constraint:
    - cython < 3.1.0
test:
  imports: [demo, demo.inner]
about:
  home: https://demo.example
  PyPI: https://index.example/project/demo
  summary: >
    Many
    words
  license: MIT
extra:
  recipe-maintainers: [someone]
  anything: {goes: [1, true]}
"
    ));
}

#[test]
fn a_static_library() {
    insta::assert_snapshot!(shown(&library(
        "  type: static_library\n  script: |\n    emconfigure ./configure --prefix=${WASM_LIBRARY_DIR}\n    emmake make \
         install\n"
    )));
}

#[test]
fn a_shared_library_and_a_package_that_takes_it_along() {
    insta::assert_snapshot!(
        "shared_library",
        shown(&library(
            "  type: shared_library\n  script: |\n    emcmake cmake -DCMAKE_INSTALL_PREFIX=${WASM_LIBRARY_DIR} \\\n      \
             -DCMAKE_SHARED_LINKER_FLAGS=\"${SIDE_MODULE_LDFLAGS}\" .\n    emmake make -j ${PYODIDE_JOBS:-3} install\n    \
             cp ${WASM_LIBRARY_DIR}/lib/libdemo.so ${DISTDIR}\nrequirements:\n  host: [libother]\n  run: [libother]\n"
        ))
    );
    for value in [true, false] {
        let text = package(&format!("build:\n  vendor-sharedlib: {value}\nrequirements:\n  host: [libdemo]\n"));
        insta::assert_snapshot!("vendor_sharedlib", shown(&text));
    }
}

#[test]
fn a_wheel_of_an_index() {
    insta::assert_snapshot!(shown(&wheel("build:\n  post: find . -name '*.exe' -delete\n  unvendor-tests: false\n")));
}

#[test]
fn a_wheel_of_an_address() {
    insta::assert_snapshot!(shown(&wheel("").replace("files.example/packages", "sources.example/releases")));
}

#[test]
fn exports() {
    for (value, name) in [("requested", "requested"), ("[f, g]", "symbols"), ("pyinit", "pyinit"), ("all", "unknown")] {
        insta::assert_snapshot!(format!("exports_{name}"), shown(&package(&format!("build:\n  exports: {value}\n"))));
    }
}

#[test]
fn what_a_script_fetches_is_noted() {
    insta::assert_snapshot!(shown(&package(
        "build:\n  script: |\n    # no wget\n    curl -L x | tar xz\n    embuilder build zlib\n"
    )));
}

#[test]
fn every_refused_field_is_named() {
    for (section, key, _) in FOREIGN_FIELDS.iter().filter(|(_, _, it)| matches!(it, ForeignHandling::Refused(_))) {
        let text = match *section {
            // Beside `url`, which it cannot be.
            "source" => package("").replace("  sha256", &format!("  {key}: src\n  sha256")),
            _ => package(&format!("{section}:\n  {key}: [a]\n")),
        };
        insta::assert_snapshot!(format!("refused_{section}_{}", key.trim_start_matches('_')), shown(&text));
    }
}

#[test]
fn every_refused_value_is_named() {
    for (name, text) in [
        ("disabled", package("").replace("  version", "  _disabled: true\n  version")),
        ("cpython_module", library("  type: cpython_module\n  script: make\n")),
        ("unknown_type", library("  type: program\n")),
        ("no_script", library("  type: static_library\n")),
        ("vendor_sharedlib", wheel("build:\n  vendor-sharedlib: true\n")),
        ("executable", package("requirements:\n  executable: [cmake, gfortran]\n")),
        ("cross_build_files", package("build:\n  cross-build-files: [demo/__init__.py]\n")),
        ("refused_variable", package("build:\n  script: ls $HOSTINSTALLDIR\n")),
        ("unknown_variable", package("build:\n  cflags: -I$(ELSEWHERE)\n")),
        ("late_variable", package("").replace("demo-1.0.tar", "$(DISTDIR).tar")),
        ("number", package("").replace("\"1.0\"", "1.10")),
        ("no_hash", package("").replace("  sha256: HASH\n", "")),
        ("no_name", package("").replace("  name: demo\n", "")),
        ("bad_hash", package("").replace("HASH", "abc")),
        ("bad_version", package("").replace("\"1.0\"", "CLAPACK-3")),
        ("missing_patch", package("").replace("  sha256", "  patches: [patches/gone.patch]\n  sha256")),
        ("no_pair", package("").replace("  sha256", "  extras: [[a, b, c], d]\n  sha256")),
        ("leads_out", package("").replace("  sha256", "  extras: [[extras/setup.cfg, ../evil]]\n  sha256")),
        ("not_an_archive", package("").replace("demo-1.0.tar.gz", "demo-1.0.rpm").replace("/packages/", "/files/")),
        ("other_wheel", wheel("").replace("\"1.0\"", "\"2.0\"")),
        ("script_of_a_wheel", wheel("build:\n  script: make\n")),
        ("not_a_list", package("requirements:\n  run: numpy\n")),
        ("not_text", package("build:\n  cflags: [-O2]\n")),
        ("constraint", package("requirements:\n  constraint: [cython]\n")),
        ("retain", package("build:\n  _retain-test-patterns: [\"[ab]*.py\"]\n")),
    ] {
        insta::assert_snapshot!(format!("value_{name}"), shown(&text));
    }
}

#[test]
fn unknown_keys_are_errors_outside_of_extra() {
    insta::assert_snapshot!(shown(&package("build:\n  cflag: -O2\nbuilds:\n  a: b\nextra:\n  any: thing\n")));
}

#[test]
fn what_is_no_recipe_is_shown() {
    for (name, text) in [
        ("broken", "package:\n  name: [demo\n"),
        ("twice", "package:\n  name: demo\n  name: other\n"),
        ("empty", ""),
        ("list", "- a\n"),
        ("two", "a: b\n---\na: b\n"),
        ("section", "package: demo\n"),
        ("alias", "package: &a {name: demo}\nsource: *a\n"),
    ] {
        insta::assert_snapshot!(format!("no_recipe_{name}"), shown(text));
    }
    // Neither the reader nor what drops its result may exhaust the stack.
    for bomb in
        ["[".repeat(1 << 19), "[".repeat(1 << 18) + &"]".repeat(1 << 18), "a: ".repeat(1 << 17), "- ".repeat(1 << 17)]
    {
        assert_eq!(translated(&bomb).unwrap_err().len(), 1);
    }
    let deep = format!("extra: {}{}\n", "[".repeat(40), "]".repeat(40));
    insta::assert_snapshot!("no_recipe_deep", shown(&package(&deep)));
}

#[test]
fn places_are_right_after_characters_of_several_bytes() {
    insta::assert_snapshot!(shown(&package("about:\n  summary: \"Größe ≥ 1\"\n  sumary: x\n")));
}

#[test]
fn the_readme_describes_every_field() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recipes/README.md")).unwrap();
    for (section, key, handling) in FOREIGN_FIELDS {
        let row = readme.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{section}.{key}`")));
        let row = row.unwrap_or_else(|| panic!("recipes/README.md has no row for `{section}.{key}`"));
        let word = match handling {
            ForeignHandling::Honoured => "honoured",
            ForeignHandling::NoInfluence => "no influence",
            ForeignHandling::Refused(_) => "refused",
        };
        assert!(row.contains(word), "{row}: expected \"{word}\"");
    }
}
