//! Archives that mean different things to different readers, and ones that do harm when unpacked.

use std::fmt::Write;

use pkgsrv_wheel::{Limits, Wheel};

use crate::builder::{DESCRIPTOR, File, Zip};

/// The sound wheel, changed.
fn changed(change: impl FnOnce(&mut Zip)) -> Zip {
    let mut zip = Zip::wheel();
    change(&mut zip);
    zip
}

fn with(file: File) -> Zip {
    Zip::wheel().with(file)
}

fn named(name: &str) -> Zip {
    with(File::stored(name, b"x"))
}

fn file(change: impl FnOnce(&mut File)) -> Zip {
    let mut file = File::deflated("bar.py", b"pass\n");
    change(&mut file);
    with(file)
}

fn mode(mode: u32) -> Zip {
    file(|file| file.mode = mode)
}

/// A name of each class of attack, and the archive.
fn structure() -> Vec<(&'static str, Zip)> {
    vec![
        ("directory longer than the archive", changed(|zip| zip.end_lie = |end| *end = [4, 10_000, 340])),
        ("data before", changed(|zip| zip.prefix = b"#!/bin/sh\n".to_vec())),
        ("data after", changed(|zip| zip.suffix = b"more".to_vec())),
        ("archive comment", changed(|zip| zip.comment = b"hello".to_vec())),
        ("comment that ends like an archive", changed(|zip| zip.comment = b"PK\x05\x06".repeat(6))),
        ("second archive behind", changed(|zip| zip.suffix = Zip::wheel().bytes())),
        ("second archive in front", changed(|zip| zip.prefix = Zip::wheel().bytes())),
        ("bytes before the directory", changed(|zip| zip.before_directory = vec![0; 7])),
        ("bytes between entries", changed(|zip| zip.files[2].gap = vec![0; 3])),
        (
            "entry outside the directory",
            changed(|zip| {
                let hidden = Zip::of(vec![File::stored("hidden.py", b"x")]).bytes();
                zip.files[1].gap = hidden[..39].to_vec();
            }),
        ),
        ("two headers for one entry", changed(|zip| zip.files[1].offset_lie = back_over(&zip.files[0]))),
        ("fewer entries stated", changed(|zip| zip.end_lie = |end| end[0] = 3)),
        ("more entries stated", changed(|zip| zip.end_lie = |end| end[0] = 5)),
        ("far more entries stated", changed(|zip| zip.end_lie = |end| end[0] = 60_000)),
        ("wrong directory size", changed(|zip| zip.end_lie = |end| end[1] += 1)),
        ("wrong directory offset", changed(|zip| zip.end_lie = |end| end[2] -= 1)),
        ("zip64 end with other entries", zip64(|end| end[0] = 70_000)),
        ("zip64 end with other offset", zip64(|end| end[2] = 1 << 33)),
        (
            "zip64 end and small values that differ",
            changed(|zip| {
                zip.zip64_end = true;
                zip.end_lie = |end| end[0] = 3;
            }),
        ),
        ("saturated values without zip64 end", changed(|zip| zip.end_lie = |end| end[0] = 0xFFFF)),
        ("duplicate name", named("foo.py")),
        ("tar as well", changed(|zip| zip.files[0] = tar_like())),
    ]
}

/// Added to the offset of the second entry, makes it the first one's.
fn back_over(first: &File) -> u32 {
    let size = 30 + first.local.name.len() + first.contents.len();
    0_u32.wrapping_sub(u32::try_from(size).unwrap())
}

fn zip64(lie: fn(&mut [u64; 3])) -> Zip {
    changed(|zip| {
        zip.zip64_end = true;
        zip.end64_lie = lie;
    })
}

/// A stored file that puts a tar header's magic where tar readers look for it.
fn tar_like() -> File {
    let mut contents = vec![b'0'; 512];
    let start = 30 + "foo.py".len();
    contents[257 - start..262 - start].copy_from_slice(b"ustar");
    File::stored("foo.py", &contents)
}

fn headers() -> Vec<(&'static str, Zip)> {
    vec![
        ("local name differs", file(|file| file.local.name = b"baz.py".to_vec())),
        ("local method differs", file(|file| file.local.method = 0)),
        ("local checksum differs", file(|file| file.local.crc32 ^= 1)),
        ("local size differs", file(|file| file.local.size += 1)),
        ("local flags differ", file(|file| file.local.flags = 0b10)),
        ("sizes missing without descriptor", file(|file| file.local.size = 0)),
        (
            "descriptor missing",
            file(|file| {
                file.both(|fields| fields.flags |= DESCRIPTOR);
                (file.local.crc32, file.local.size, file.local.packed) = (0, 0, 0);
            }),
        ),
        ("descriptor without sizes", descriptor(|bytes| bytes.truncate(8))),
        ("descriptor with another size", descriptor(|bytes| bytes[12] ^= 1)),
        ("descriptor with another checksum", descriptor(|bytes| bytes[4] ^= 1)),
        ("stored with descriptor", with(File::stored("bar.py", b"pass\n").with_descriptor(true))),
        ("encrypted", file(|file| file.both(|fields| fields.flags |= 1))),
        ("patch data", file(|file| file.both(|fields| fields.flags |= 1 << 5))),
        ("method bzip2", file(|file| file.both(|fields| fields.method = 12))),
        ("stored with two sizes", file(|file| file.both(|fields| fields.method = 0))),
        ("comment in the directory", file(|file| file.comment = b"x".to_vec())),
        ("extra field cut short", file(|file| file.central.extra = vec![1, 0, 16])),
        ("extra field too long", file(|file| file.local.extra = vec![9, 9, 4, 0, 1])),
        ("second name in an extra field", file(|file| file.central.extra = b"up\x01\x00x".to_vec())),
        ("two zip64 fields", file(|file| file.central.extra = [1, 0, 0, 0].repeat(2))),
        (
            "zip64 field that is not asked for",
            file(|file| file.central.extra = [vec![1, 0, 8, 0], vec![0; 8]].concat()),
        ),
        ("zip64 size missing", file(|file| file.central.size = u32::MAX)),
        ("name not UTF-8", file(|file| file.both(|fields| fields.name = b"b\xFFr.py".to_vec()))),
        ("name not marked as UTF-8", file(|file| file.both(|fields| fields.name = "bär.py".into()))),
    ]
}

fn descriptor(change: fn(&mut Vec<u8>)) -> Zip {
    let mut file = File::deflated("bar.py", b"pass\n").with_descriptor(true);
    change(&mut file.descriptor);
    with(file)
}

fn paths() -> Vec<(&'static str, Zip)> {
    vec![
        ("parent", named("../evil.py")),
        ("parent within", named("a/../../evil.py")),
        ("absolute", named("/etc/passwd")),
        ("drive", named("C:/evil.py")),
        ("backslash", named("a\\evil.py")),
        ("control character", named("a\u{1b}[2J.py")),
        ("NUL", named("a.py\0.txt")),
        ("text direction", named("a\u{202E}yp.exe")),
        ("empty name", named("")),
        ("empty component", named("a//b.py")),
        ("dot", named("./b.py")),
        ("long", named(&"x/".repeat(600))),
        ("same name by case", named("FOO.py")),
        ("same name by Unicode form", named("caf\u{e9}.py").with(File::stored("cafe\u{301}.py", b"x"))),
        ("file and directory", named("foo.py/x.py")),
        ("symbolic link", mode(0o120_777)),
        ("device", mode(0o020_666)),
        ("directory's mode on a file", mode(0o040_755)),
        ("directory with contents", with(File { mode: 0o040_755, ..File::stored("bar/", b"x") })),
    ]
}

fn contents() -> Vec<(&'static str, Zip)> {
    vec![
        ("wrong checksum", file(|file| file.both(|fields| fields.crc32 ^= 1))),
        ("malformed deflate", file(|file| file.contents = vec![0xFF; file.contents.len()])),
        ("deflate ends early", file(|file| file.both(|fields| fields.size += 1))),
        ("deflate ends late", file(|file| file.both(|fields| fields.size -= 1))),
        (
            "bytes behind the deflate stream",
            file(|file| {
                file.contents.push(0);
                file.both(|fields| fields.packed += 1);
            }),
        ),
        ("impossible ratio", file(|file| file.both(|fields| fields.size = 1 << 20))),
        ("bomb", with(File::deflated("bomb", &vec![0; (64 << 20) + 1]))),
        ("larger than all limits", file(|file| file.both(|fields| (fields.size, fields.packed) = (3 << 30, 1 << 30)))),
    ]
}

/// Reads everything; the first refusal.
fn verdict(bytes: &[u8]) -> String {
    let read = || {
        let wheel = Wheel::parse(bytes)?;
        wheel.entries().try_for_each(|entry| wheel.read(entry).map(drop))
    };
    read().map_or_else(|error: pkgsrv_wheel::WheelError| error.to_string(), |()| "ACCEPTED".to_owned())
}

fn verdicts(cases: Vec<(&str, Zip)>) -> String {
    let mut text = String::new();
    for (name, zip) in cases {
        writeln!(text, "{name}: {}", verdict(&zip.bytes())).unwrap();
    }
    text
}

#[test]
fn the_unchanged_wheel_is_accepted() {
    assert_eq!(verdict(&Zip::wheel().bytes()), "ACCEPTED");
    assert_eq!(verdict(&file(|_| {}).bytes()), "ACCEPTED");
    assert_eq!(verdict(&descriptor(|_| {}).bytes()), "ACCEPTED");
}

#[test]
fn refused_for_their_structure() {
    insta::assert_snapshot!(verdicts(structure()));
}

#[test]
fn refused_for_their_headers() {
    insta::assert_snapshot!(verdicts(headers()));
}

#[test]
fn refused_for_their_paths() {
    insta::assert_snapshot!(verdicts(paths()));
}

#[test]
fn refused_for_their_contents() {
    insta::assert_snapshot!(verdicts(contents()));
}

#[test]
fn every_truncation_is_refused() {
    let bytes = Zip::wheel().bytes();
    for length in 0..bytes.len() {
        assert_ne!(verdict(&bytes[..length]), "ACCEPTED", "cut to {length} of {}", bytes.len());
    }
}

#[test]
fn limits_are_enforced() {
    let bytes = Zip::wheel().bytes();
    let error = |limits| Wheel::parse_with(bytes.as_slice(), limits).and_then(|wheel| wheel.metadata()).unwrap_err();
    let default = Limits::default();
    let errors = [
        error(Limits { entries: 3, ..default }),
        error(Limits { total_size: 100, ..default }),
        error(Limits { ratio_from: 10, ratio: 0, ..default }),
        error(Limits { text_size: 10, ..default }),
    ];
    insta::assert_snapshot!(errors.map(|error| error.to_string()).join("\n"));
}
