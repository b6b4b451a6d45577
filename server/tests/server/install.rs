//! `pkgsrv install --target`: closures of pure wheels, of a data directory and of a server, started by the machine's
//! Python; and everything that is refused.

use std::fs;
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;
use pkgsrv::{ChannelName, Install, InstallError, InstalledWheel, Place, Question, Source, Upload};
use pkgsrv_builder::{Interrupt, Progress};
use pkgsrv_index::Abi;
use tokio::runtime::Runtime;

use crate::fixture::Fixture;
use crate::mirror::{PATIENCE, Served};
use crate::wheels::{build, helper, native, wheel};

/// A package in two schemes with a program, a script and data.
fn tool(filename: &str) -> Upload {
    build(
        filename,
        "Name: tool\nVersion: 2.0\nRequires-Dist: helper>=1\n",
        &[
            ("tool/__init__.py", "import helper\n\ndef main():\n    print('tool', helper.answer)\n"),
            ("tool-2.0.data/purelib/extra.py", "here = True\n"),
            ("tool-2.0.data/scripts/tool-script", "#!python\nimport sys\nprint('script', sys.argv[1])\n"),
            ("tool-2.0.data/data/share/tool/a,b.txt", "text\n"),
            ("tool-2.0.data/headers/tool.h", "#define TOOL 2\n"),
            ("tool-2.0.dist-info/entry_points.txt", "[console_scripts]\ntool = tool:main\n"),
            ("tool-2.0.dist-info/INSTALLER", "someone else\n"),
        ],
    )
}

fn pure_tool() -> Upload {
    tool("tool-2.0-py3-none-any.whl")
}

fn published(uploads: &[Upload]) -> Fixture {
    let fixture = Fixture::empty();
    fixture.publish("main", uploads).unwrap();
    fixture
}

fn ask(source: &Source, here: &Fixture, target: &Path, wanted: &[&str]) -> Result<Vec<InstalledWheel>, InstallError> {
    let requirements = wanted.iter().map(|text| (*text).to_owned()).collect();
    let asked = Install {
        store: &here.store(),
        channel: &ChannelName::main(),
        abi: Abi::preferred(),
        question: &Question { requirements, ..Question::default() },
        target,
        interrupt: &Interrupt::default(),
        progress: &Progress::silent(),
    };
    pkgsrv::install(&asked, source)
}

/// From a data directory, into one beside it.
fn install(fixture: &Fixture, target: &Path, wanted: &[&str]) -> Result<Vec<InstalledWheel>, InstallError> {
    let runtime = Runtime::new().unwrap();
    let place = Place::Directory(fixture.store().root().to_owned());
    let source = Source::open(&place, PATIENCE, runtime.handle().clone()).unwrap();
    ask(&source, fixture, target, wanted)
}

fn names(installed: &[InstalledWheel]) -> Vec<String> {
    installed.iter().map(|wheel| format!("{} {}", wheel.filename, wheel.requested)).collect()
}

fn python(target: &Path, arguments: &[&str]) -> String {
    let mut python = Command::new("python3");
    let output = python.env_clear().env("PYTHONPATH", target).arg("-B").args(arguments).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Every path below a directory, sorted, with `*` behind what may be executed.
fn tree(top: &Path) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let (mut pending, mut found) = (vec![top.to_owned()], Vec::new());
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::metadata(&path).unwrap();
            if metadata.is_dir() {
                pending.push(path);
                continue;
            }
            let mark = if metadata.permissions().mode() & 0o111 == 0 { "" } else { "*" };
            found.push(format!("{}{mark}\n", path.strip_prefix(top).unwrap().display()));
        }
    }
    found.sort();
    found.concat()
}

/// Nothing of an installation that failed is left: neither the target nor what it was made in.
fn assert_untouched(fixture: &Fixture, before: &str) {
    assert_eq!(tree(fixture.path()), before);
}

#[test]
fn a_closure_is_unpacked_and_python_runs_it() {
    let fixture = published(&[pure_tool(), helper()]);
    let target = fixture.path().join("deep/site");
    let installed = install(&fixture, &target, &["tool"]).unwrap();
    assert_eq!(names(&installed), ["helper-1.0-py3-none-any.whl false", "tool-2.0-py3-none-any.whl true"]);
    assert_snapshot!("install_tree", tree(&target));
    assert_eq!(python(&target, &["-c", "import extra, tool; tool.main(); print(extra.here)"]), "tool 42\nTrue\n");
    // Without PYTHONPATH they find their packages too.
    let elsewhere = fixture.path();
    let program = |name: &str| target.join("bin").join(name).display().to_string();
    assert_eq!(python(elsewhere, &[&program("tool")]), "tool 42\n");
    assert_eq!(python(elsewhere, &[&program("tool-script"), "works"]), "script works\n");
    assert!(fs::read_to_string(program("tool-script")).unwrap().starts_with("#!/usr/bin/env python3\n"));
}

#[test]
fn what_is_there_is_recorded_as_the_standard_library_reads_it() {
    let fixture = published(&[pure_tool(), helper()]);
    let target = fixture.path().join("site");
    install(&fixture, &target, &["tool"]).unwrap();
    let check = "
import base64, hashlib, importlib.metadata, pathlib, sys
for name in 'helper', 'tool':
    distribution = importlib.metadata.distribution(name)
    recorded = set()
    for file in distribution.files:
        path = pathlib.Path(file.locate())
        recorded.add(path)
        if file.hash is None:
            assert file.name == 'RECORD', file
            continue
        digest = hashlib.sha256(path.read_bytes()).digest()
        assert file.hash.mode == 'sha256'
        assert file.hash.value == base64.urlsafe_b64encode(digest).decode().rstrip('='), file
        assert file.size == path.stat().st_size, file
    installer = distribution.read_text('INSTALLER')
    print(name, distribution.version, len(recorded), repr(installer), distribution.read_text('REQUESTED'))
";
    assert_eq!(python(&target, &["-c", check]), "helper 1.0 5 'pkgsrv\\n' None\ntool 2.0 12 'pkgsrv\\n' \n");
}

#[test]
fn a_servers_channel_is_a_source() {
    let (theirs, ours) = (published(&[pure_tool(), helper()]), Fixture::empty());
    let served = Served::new(theirs.app());
    let target = ours.path().join("site");
    let installed = ask(&served.source(), &ours, &target, &["tool==2.0"]).unwrap();
    assert_eq!(installed.len(), 2);
    assert_eq!(python(&target, &["-c", "import tool; tool.main()"]), "tool 42\n");
    let local = ours.path().join("from-here");
    install(&theirs, &local, &["tool==2.0"]).unwrap();
    assert_eq!(tree(&target), tree(&local));
}

#[test]
fn compiled_code_is_refused_by_name_before_anything_is_written() {
    let user = wheel("user-1.0-py3-none-any.whl", "Requires-Dist: native-code\nRequires-Dist: tool\n");
    let tool = tool("tool-2.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl");
    let fixture = published(&[user, native(), tool, helper()]);
    let before = tree(fixture.path());
    let error = install(&fixture, &fixture.path().join("site"), &["user"]).unwrap_err();
    assert_snapshot!("install_compiled", error.to_string());
    assert_untouched(&fixture, &before);
}

#[test]
fn a_pure_wheel_is_taken_where_there_is_one_too() {
    let compiled = tool("tool-2.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl");
    let fixture = published(&[compiled, pure_tool(), helper()]);
    let installed = install(&fixture, &fixture.path().join("site"), &["tool"]).unwrap();
    assert_eq!(names(&installed)[1], "tool-2.0-py3-none-any.whl true");
}

#[test]
fn a_library_in_a_wheel_that_says_it_is_pure_is_refused() {
    let module = ("odd/_c.cpython-314-wasm32-emscripten.so", "\0asm");
    let odd = build("odd-1.0-py3-none-any.whl", "Name: odd\nVersion: 1.0\n", &[("odd/__init__.py", ""), module]);
    let fixture = published(&[odd]);
    let before = tree(fixture.path());
    let error = install(&fixture, &fixture.path().join("site"), &["odd"]).unwrap_err();
    assert_snapshot!("install_library_inside", error.to_string());
    assert_untouched(&fixture, &before);
}

#[test]
fn wheels_that_bring_the_same_file_may_not_differ() {
    let part = |name: &str, text: &str| {
        let metadata = format!("Name: {name}\nVersion: 1.0\n");
        let files = [("shared/__init__.py", text), (&*format!("shared/{name}.py"), "")];
        build(&format!("{name}-1.0-py3-none-any.whl"), &metadata, &files)
    };
    let fixture = published(&[part("one", "x = 1\n"), part("same", "x = 1\n"), part("other", "x = 2\n")]);
    install(&fixture, &fixture.path().join("site"), &["one", "same"]).unwrap();
    let before = tree(fixture.path());
    let error = install(&fixture, &fixture.path().join("second"), &["one", "other"]).unwrap_err();
    assert_snapshot!("install_conflict", error.to_string());
    assert_untouched(&fixture, &before);
}

#[test]
fn a_directory_that_holds_something_stays_as_it_is() {
    let fixture = published(&[helper()]);
    let target = fixture.path().join("site");
    fs::create_dir(&target).unwrap();
    fs::write(target.join("mine.py"), "mine").unwrap();
    let before = tree(fixture.path());
    let error = install(&fixture, &target, &["helper"]).unwrap_err();
    assert!(matches!(error, InstallError::Occupied { .. }), "{error}");
    assert_untouched(&fixture, &before);
    fs::remove_file(target.join("mine.py")).unwrap();
    install(&fixture, &target, &["helper"]).unwrap();
}

#[test]
fn other_bytes_than_the_index_promises_are_refused() {
    let fixture = published(&[helper(), pure_tool()]);
    let blob =
        tree(fixture.path()).lines().find(|path| path.ends_with("/helper-1.0-py3-none-any.whl")).unwrap().to_owned();
    let path = fixture.path().join(blob);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, [&bytes[..bytes.len() - 1], b"?"].concat()).unwrap();
    let before = tree(fixture.path());
    let error = install(&fixture, &fixture.path().join("site"), &["tool"]).unwrap_err().to_string();
    assert!(error.contains("helper-1.0-py3-none-any.whl") && error.contains("is damaged"), "{error}");
    assert_untouched(&fixture, &before);
}

#[test]
fn parts_of_a_wheel_that_belong_nowhere_are_refused() {
    let files = [("odd.py", ""), ("odd-1.0.data/elsewhere/x", "")];
    let fixture = published(&[build("odd-1.0-py3-none-any.whl", "Name: odd\nVersion: 1.0\n", &files)]);
    let error = install(&fixture, &fixture.path().join("site"), &["odd"]).unwrap_err();
    assert_snapshot!("install_unknown_scheme", error.to_string());
}
