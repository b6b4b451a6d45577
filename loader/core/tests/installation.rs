//! Which file of a wheel goes where, and what dist-info says afterwards.

use pkgsrv_loader::{CoreError, Expected, Installation, Layout};
use pkgsrv_wheel::{RecordHash, Wheel, crc32};

/// A zip archive of stored files.
fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let (mut local, mut central) = (Vec::new(), Vec::new());
    for (path, contents) in files {
        let offset = u32::try_from(local.len()).unwrap();
        let size = u32::try_from(contents.len()).unwrap();
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        common.extend([crc32(contents.as_bytes()), size, size].iter().flat_map(|value| value.to_le_bytes()));
        common.extend(u16::try_from(path.len()).unwrap().to_le_bytes());
        common.extend([0, 0]);
        local.extend([b"PK\x03\x04", common.as_slice(), path.as_bytes(), contents.as_bytes()].concat());
        let mode = (0o100_755_u32 << 16).to_le_bytes();
        let rest = [[0; 6].as_slice(), &mode, &offset.to_le_bytes(), path.as_bytes()].concat();
        central.extend([b"PK\x01\x02\x14\x03".as_slice(), &common, &rest].concat());
    }
    let count = u16::try_from(files.len()).unwrap().to_le_bytes();
    let sizes = [central.len(), local.len()].map(|size| u32::try_from(size).unwrap().to_le_bytes());
    let end = [b"PK\x05\x06\0\0\0\0", count.as_slice(), &count, sizes.as_flattened(), &[0, 0]].concat();
    [local, central, end].concat()
}

/// A wheel with these files beside dist-info.
fn wheel(files: &[(&str, &str)]) -> Vec<u8> {
    let mut all = files.to_vec();
    all.push(("Foo_Bar-1.0.dist-info/METADATA", "Metadata-Version: 2.4\nName: Foo.Bar\nVersion: 1.0\n"));
    all.push(("Foo_Bar-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"));
    let line = |(path, contents): &(&str, &str)| {
        format!("\"{path}\",{},{}\n", RecordHash::of(contents.as_bytes()), contents.len())
    };
    let record: String = all.iter().map(line).collect();
    all.push(("Foo_Bar-1.0.dist-info/RECORD", &record));
    zip(&all)
}

fn plan(bytes: Vec<u8>, version: &str) -> Result<Installation, String> {
    planned(bytes, version, false)
}

fn planned(bytes: Vec<u8>, version: &str, compiled: bool) -> Result<Installation, String> {
    let expected = Expected {
        filename: "foo_bar-1.0-py3-none-any.whl".to_owned(),
        name: "foo-bar".to_owned(),
        version: version.to_owned(),
        source: "https://packages.example/foo_bar-1.0-py3-none-any.whl".to_owned(),
        requested: true,
        compiled,
    };
    let layout =
        Layout { site: "/lib/python3.14/site-packages".to_owned(), prefix: String::new(), python: "3.14".to_owned() };
    let wheel = Wheel::parse(bytes).map_err(|source| CoreError::Wheel { filename: expected.filename.clone(), source });
    wheel
        .and_then(|wheel| Installation::plan(wheel, &expected, &layout))
        .map_err(|error| format!("{}: {error}", error.code()))
}

#[test]
fn files_and_their_record() {
    let files = [
        ("foo/__init__.py", "answer = 42\n"),
        ("foo/_native.so", "not really"),
        ("Foo_Bar-1.0.data/scripts/foo", "#!python\n"),
        ("Foo_Bar-1.0.data/purelib/foo/more.py", ""),
        ("Foo_Bar-1.0.data/headers/foo.h", "int foo;\n"),
        ("Foo_Bar-1.0.data/data/share/a, b.txt", "x"),
    ];
    let installation = plan(wheel(&files), "1.0.0").unwrap();
    let mut text = String::new();
    for (index, file) in installation.files().iter().enumerate() {
        let contents = String::from_utf8(installation.contents(index).unwrap()).unwrap();
        assert_eq!(file.size, contents.len() as u64, "{}", file.path);
        let marks = [(file.library, " library"), (file.executable, " executable")];
        let marks: String = marks.iter().filter(|(set, _)| *set).map(|(_, mark)| *mark).collect();
        text.push_str(&file.path);
        text.push_str(&marks);
        text.push('\n');
        if file.path.ends_with("/RECORD") || file.path.ends_with("/INSTALLER") {
            text.extend(contents.lines().flat_map(|line| ["  ", line, "\n"]));
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn modules_may_be_absent_where_their_bytecode_is() {
    let bytes = wheel(&[("foo/__init__.py", "answer = 42\n"), ("foo/data.txt", "x")]);
    let cached = "foo/__pycache__/__init__.cpython-314.pyc";
    let bytecode = [("foo/__init__.py".to_owned(), (cached.to_owned(), b"bytecode".to_vec()))].into();
    let twin = Wheel::parse(bytes).unwrap().compiled_twin(&bytecode).unwrap().unwrap();
    let installation = planned(twin.clone(), "1.0", true).unwrap();
    let place = |end: &str| installation.files().iter().position(|file| file.path.ends_with(end)).unwrap();
    let source = &installation.files()[place("/foo/__init__.py")];
    assert_eq!((source.size, source.absent, source.offset), (12, true, None));
    assert!(installation.contents(place("/foo/__init__.py")).is_err());
    let compiled = &installation.files()[place(".pyc")];
    let start = compiled.offset.unwrap();
    assert_eq!(&twin[start..start + 8], b"bytecode");
    let record = String::from_utf8(installation.contents(place("/RECORD")).unwrap()).unwrap();
    assert!(record.contains("foo/__init__.py,sha256="), "{record}");
    assert!(record.contains("foo/__pycache__/__init__.cpython-314.pyc,,8\n"), "{record}");
    let refused = plan(twin, "1.0").unwrap_err();
    assert!(refused.starts_with("bad_wheel: "), "{refused}");
}

#[test]
fn refused() {
    let messages = [
        plan(wheel(&[]), "1.1").unwrap_err(),
        plan(wheel(&[("Foo_Bar-1.0.data/etc/x", "")]), "1.0").unwrap_err(),
        plan(wheel(&[("../x", "")]), "1.0").unwrap_err(),
        plan(zip(&[("foo.py", "")]), "1.0").unwrap_err(),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}
