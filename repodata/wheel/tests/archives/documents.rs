//! METADATA, WHEEL, RECORD and entry points.

use std::fmt::Write;

use pkgsrv_wheel::{Metadata, Record, Wheel, WheelFile};

use crate::builder::{File, METADATA, WHEEL, Zip};

const FULL: &str = "\
Metadata-Version: 2.5
Name: Foo.Bar
Version: 1.2
Summary: Things
  and more things
Requires-Python: >=3.9
Requires-Dist: numpy>=2
Requires-Dist: tests ; extra == \"test\"
Provides-Extra: test
Import-Name: foo
Import-Name: foo._private ; private
Import-Namespace: shared.space
License-Expression: MIT
License: old
Project-URL: Home, https://packages.example/
\r
Long: text, not a header
";

#[test]
fn metadata_in_full() {
    insta::assert_debug_snapshot!(Metadata::parse("METADATA", FULL));
}

#[test]
fn metadata_without_import_names() {
    let names = |text: &str| Metadata::parse("METADATA", text).map(|metadata| metadata.import_names);
    assert_eq!(names(METADATA), Ok(None));
    let empty = METADATA.replace("Version: 1.0", "Version: 1.0\nImport-Name:");
    assert_eq!(names(&empty), Ok(Some(Vec::new())));
}

#[test]
fn refused_documents() {
    let metadata = |from: &str, to: &str| {
        Metadata::parse("METADATA", &METADATA.replace(from, to)).map(drop).unwrap_err().to_string()
    };
    let wheel =
        |from: &str, to: &str| WheelFile::parse("WHEEL", &WHEEL.replace(from, to)).map(drop).unwrap_err().to_string();
    let record = |text: &str| Record::parse("RECORD", text).map(drop).unwrap_err().to_string();
    let messages = [
        metadata("Name: foo\n", ""),
        metadata("Name: foo", "Name: foo\nName: bar"),
        metadata("Name: foo", "Name: ../foo"),
        metadata("Name: foo", "Name foo"),
        metadata("Metadata-Version", " Metadata-Version"),
        metadata("Metadata-Version: 2.4", "Metadata-Version: 3.0"),
        metadata("Version: 1.0", "Version: 1.0\nImport-Name: a-b"),
        wheel("Wheel-Version: 1.0", "Wheel-Version: 2.0"),
        wheel("Root-Is-Purelib: true", "Root-Is-Purelib: maybe"),
        wheel("Tag: py3-none-any\n", ""),
        record("a.py"),
        record("a.py,sha256=abc"),
        record("a.py,md5=1B2M2Y8AsgTpgAmY7PhCfg,0"),
        record("a.py,sha256=AAAA,0"),
        record("a.py,sha256=!,0"),
        record("a.py,,-1"),
        record("a.py,,0,more"),
        record("\"a.py,,0"),
        record(",,0"),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn record_fields() {
    let text = "a.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n\"with,comma \"\"x\"\".py\",,\r\nRECORD,,\n";
    insta::assert_debug_snapshot!(Record::parse("RECORD", text).map(|record| record.entries().to_vec()));
}

/// The sound wheel with the given RECORD and a verdict over it.
fn record_verdict(record: &str) -> String {
    let mut zip = Zip::wheel();
    zip.files[3] = File::stored("foo-1.0.dist-info/RECORD", record.as_bytes());
    let bytes = zip.bytes();
    let verified = Wheel::parse(bytes.as_slice()).and_then(|wheel| wheel.verify_record());
    verified.map_or_else(|error| error.to_string(), |()| "VERIFIED".to_owned())
}

#[test]
fn record_against_contents() {
    let lines = [
        "foo.py,sha256=ctwBmYH-oK0GAYnpTmDcczX_1rD2sqPC51OiLnWnk8w,12\n",
        &format!("foo-1.0.dist-info/METADATA,{},{}\n", hash(METADATA), METADATA.len()),
        &format!("foo-1.0.dist-info/WHEEL,{},{}\n", hash(WHEEL), WHEEL.len()),
        "foo-1.0.dist-info/RECORD,,\n",
    ];
    let module = format!("foo.py,{},12\n", hash("answer = 42\n"));
    let sound = lines.concat().replace(lines[0], &module);
    let cases = [
        ("sound", sound.clone()),
        ("wrong hash", lines.concat()),
        ("wrong size", sound.replace(",12\n", ",13\n")),
        ("no size", sound.replace(",12\n", ",\n")),
        ("file not listed", sound.replace(&module, "")),
        ("file without hash", sound.replace(&module, "foo.py,,12\n")),
        ("listed and missing", format!("{sound}bar.py,,\n")),
        ("listed outside", format!("{sound}../../etc/passwd,,\n")),
        ("listed twice", format!("{sound}{module}")),
        ("RECORD not listed", sound.replace(lines[3], "")),
    ];
    let mut text = String::new();
    for (name, record) in cases {
        writeln!(text, "{name}: {}", record_verdict(&record)).unwrap();
    }
    insta::assert_snapshot!(text);
}

fn hash(text: &str) -> String {
    pkgsrv_wheel::RecordHash::of(text.as_bytes()).to_string()
}

#[test]
fn other_wheels_than_they_say() {
    let parsed = |zip: Zip| {
        let bytes = zip.bytes();
        let metadata = Wheel::parse(bytes.as_slice()).and_then(|wheel| wheel.metadata());
        metadata.map_or_else(|error| error.to_string(), |metadata| metadata.name)
    };
    let mut renamed = Zip::wheel();
    renamed.files[1] = File::stored("foo-1.0.dist-info/METADATA", METADATA.replace("foo", "bar").as_bytes());
    let mut without = Zip::wheel();
    without.files.remove(2);
    let mut latin = Zip::wheel();
    latin.files[1] = File::stored("foo-1.0.dist-info/METADATA", b"Name: \xE9\n");
    let messages = [
        parsed(renamed),
        parsed(without),
        parsed(latin),
        parsed(Zip::wheel().with(File::stored("bar-2.dist-info/METADATA", b""))),
        parsed(Zip::of(vec![File::stored("foo.py", b"")])),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn entry_points() {
    let of = |text: &str| {
        let zip = Zip::wheel().with(File::stored("foo-1.0.dist-info/entry_points.txt", text.as_bytes()));
        let bytes = zip.bytes();
        Wheel::parse(bytes.as_slice()).and_then(|wheel| wheel.entry_points())
    };
    let sound = "; a comment\n[console_scripts]\nfoo-run = foo.cli:main [extra]\n\n[plugins]\nany name = foo\n";
    insta::assert_debug_snapshot!(of(sound));
    let refused = [
        "foo = foo:main",
        "[console_scripts\nfoo = foo:main",
        "[console_scripts]\n../../bin/sh = foo:main",
        "[console_scripts]\n.hidden = foo:main",
        "[gui_scripts]\nfoo = foo",
        "[console_scripts]\nfoo = foo:main(); import os",
        "[console_scripts]\nfoo = 1foo:main",
        "[console_scripts]\nfoo",
    ];
    let messages = refused.map(|text| of(text).map(drop).unwrap_err().to_string());
    insta::assert_snapshot!("refused_entry_points", messages.join("\n"));
}
