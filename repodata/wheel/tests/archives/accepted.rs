//! What real tools write in different ways.

use pkgsrv_wheel::{Archive, Wheel};

use crate::builder::{File, UTF8, Zip};

#[test]
fn variants_of_sound_archives() {
    let text = "hello, hello, hello\n".repeat(50);
    let contents = text.as_bytes();
    let mut timestamps = File::deflated("a.txt", contents);
    // Extended timestamps are longer in local headers than in central ones.
    timestamps.local.extra = [b"UT\x09\x00\x03".as_slice(), &[0; 8]].concat();
    timestamps.central.extra = [b"UT\x05\x00\x03".as_slice(), &[0; 4]].concat();
    let mut level = File::deflated("a.txt", contents);
    level.both(|fields| fields.flags |= 0b110);
    let mut marked = File::deflated("a.txt", contents);
    marked.both(|fields| fields.flags |= UTF8);
    let mut no_mode = File::stored("a.txt", contents);
    no_mode.mode = 0;
    let mut early_sizes = File::deflated("a.txt", contents).with_descriptor(true);
    early_sizes.local.size = early_sizes.central.size;
    let cases = [
        ("stored", File::stored("a.txt", contents)),
        ("deflated", File::deflated("a.txt", contents)),
        ("descriptor", File::deflated("a.txt", contents).with_descriptor(true)),
        ("descriptor without signature", File::deflated("a.txt", contents).with_descriptor(false)),
        ("descriptor and sizes", early_sizes),
        ("zip64 sizes", File::deflated("a.txt", contents).with_zip64()),
        ("timestamps", timestamps),
        ("deflate level", level),
        ("marked as UTF-8", marked),
        ("no mode", no_mode),
    ];
    for (name, file) in cases {
        let bytes = Zip::of(vec![file]).bytes();
        let archive = Archive::parse(bytes.as_slice()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let entry = archive.entry("a.txt").unwrap_or_else(|| panic!("{name}: the entry is missing"));
        assert_eq!(entry.size(), contents.len() as u64, "{name}");
        assert_eq!(archive.read(entry).as_deref(), Ok(contents), "{name}");
    }
}

#[test]
fn directories_empty_files_and_names() {
    let mut directory = File::stored("pkg/", b"");
    directory.mode = 0o040_755;
    let mut program = File::stored("pkg/run", b"#!python\n");
    program.mode = 0o100_755;
    let empty = File::stored("pkg/empty", b"").with_descriptor(true);
    let zip = Zip::of(vec![directory, program, empty, File::deflated("pkg/ü.py", b"x = 1\n")]);
    let bytes = zip.bytes();
    let archive = Archive::parse(bytes.as_slice()).unwrap();
    let listed: Vec<_> =
        archive.entries().map(|entry| (entry.path(), entry.size(), entry.is_executable(), entry.is_stored())).collect();
    assert_eq!(listed, [("pkg/empty", 0, false, true), ("pkg/run", 9, true, true), ("pkg/ü.py", 6, false, false)]);
}

#[test]
fn zip64_end_and_empty_archive() {
    let mut zip = Zip::of(vec![File::stored("a", b"1")]);
    zip.zip64_end = true;
    assert_eq!(Archive::parse(zip.bytes()).map(|archive| archive.entries().len()), Ok(1));
    // Small values are allowed beside ZIP64 records as long as both agree.
    zip.end_lie = |narrow| *narrow = [1, 47, 32];
    assert_eq!(Archive::parse(zip.bytes()).map(|archive| archive.entries().len()), Ok(1));
    let empty = Zip::of(Vec::new()).bytes();
    assert_eq!(Archive::parse(empty).map(|archive| archive.entries().len()), Ok(0));
}

#[test]
fn wheel_in_whole() {
    let bytes = Zip::wheel().bytes();
    let wheel = Wheel::parse(bytes.as_slice()).unwrap();
    assert_eq!(wheel.dist_info_dir(), "foo-1.0.dist-info");
    assert_eq!(wheel.data_dir(), "foo-1.0.data");
    assert_eq!(wheel.metadata().map(|metadata| (metadata.name, metadata.version)), Ok(("foo".into(), "1.0".into())));
    assert_eq!(wheel.top_level_modules(), Ok(vec!["foo".to_owned()]));
    assert_eq!(wheel.entry_points(), Ok(Vec::new()));
}

#[test]
fn top_level_modules_of_all_layouts() {
    let zip = Zip::wheel()
        .with(File::stored("pkg/__init__.py", b""))
        .with(File::stored("pkg/data.txt", b""))
        .with(File::stored("namespace/deep/module.py", b""))
        .with(File::stored("_native.cpython-314-wasm32-emscripten.so", b""))
        .with(File::stored("native/_core.abi3.so", b""))
        .with(File::stored("foo-1.0.data/platlib/below/x.py", b""))
        .with(File::stored("foo-1.0.data/data/share/y.py", b""))
        .with(File::stored("stubs-only/__init__.pyi", b""))
        .with(File::stored("no-name/x.py", b""));
    let bytes = zip.bytes();
    let modules = Wheel::parse(bytes.as_slice()).and_then(|wheel| wheel.top_level_modules());
    let expected = ["_native", "below", "foo", "namespace", "native", "pkg"];
    assert_eq!(modules, Ok(expected.map(str::to_owned).to_vec()));
}
