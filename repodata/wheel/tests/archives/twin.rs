//! Stored twins: the same files, whoever reads them.

use std::io::Write as _;
use std::process::{Command, Stdio};

use pkgsrv_wheel::{Entry, RecordHash, Wheel, WheelError};
use proptest::collection::{btree_map, vec};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use crate::builder::{File, Zip};

fn twin(bytes: &[u8]) -> Vec<u8> {
    Wheel::parse(bytes).unwrap().stored_twin().unwrap().expect("it is small")
}

/// Path, contents and executability of every file.
fn listed(bytes: &[u8]) -> Vec<(String, Vec<u8>, bool)> {
    let wheel = Wheel::parse(bytes).unwrap();
    let file = |entry: &Entry| (entry.path().to_owned(), wheel.read(entry).unwrap(), entry.is_executable());
    wheel.entries().map(file).collect()
}

/// A wheel with whatever a writer may do: a directory, a program, a name that is not ASCII, descriptors, ZIP64.
fn varied() -> Zip {
    let mut directory = File::stored("pkg/", b"");
    directory.mode = 0o040_755;
    let mut program = File::deflated("pkg/run", b"#!python\n").with_descriptor(true);
    program.mode = 0o100_775;
    let text = "hello, hello, hello\n".repeat(500);
    let mut wheel = Zip::wheel();
    wheel.files.splice(
        0..0,
        [
            directory,
            File::deflated("zuletzt/ü.txt", text.as_bytes()),
            program,
            File::deflated("pkg/wide.py", b"x = 1\n").with_zip64(),
            File::stored("pkg/empty.py", b""),
        ],
    );
    wheel
}

#[test]
fn files_and_modes_are_kept() {
    let wheel = varied().bytes();
    let twin = twin(&wheel);
    assert_eq!(listed(&twin), listed(&wheel));
    assert!(Wheel::parse(twin.as_slice()).unwrap().entries().all(Entry::is_stored));
}

#[test]
fn bytecode_takes_the_place_of_modules() {
    let bytes = recorded(Zip::wheel()).bytes();
    let wheel = Wheel::parse(bytes.as_slice()).unwrap();
    let source = wheel.entries().map(Entry::path).find(|path| path.ends_with("foo.py")).unwrap().to_owned();
    let stem = source.strip_suffix(".py").unwrap().rsplit('/').next().unwrap();
    let cached = source.replace(&format!("{stem}.py"), &format!("__pycache__/{stem}.cpython-314.pyc"));
    let compiled = |source: &str, path: &str| {
        let bytecode = [(source.to_owned(), (path.to_owned(), b"bytecode".to_vec()))].into();
        wheel.compiled_twin(&bytecode).unwrap()
    };
    let twin = compiled(&source, &cached).unwrap();
    let twin = Wheel::parse(twin.as_slice()).unwrap();
    assert_eq!(twin.read(twin.entry(&cached).unwrap()).unwrap(), b"bytecode");
    assert_eq!((twin.entry(&source), twin.entries().len()), (None, wheel.entries().len()));
    assert_eq!(twin.check_record(), Err(WheelError::RecordedButMissing { path: source.clone() }));
    assert_eq!(twin.check_compiled_record(), wheel.check_record());
    assert_eq!(compiled("no/such.py", &cached), None);
    assert_eq!(compiled(&source, &format!("{}/METADATA", wheel.dist_info_dir())), None);
    // Bytecode of nothing that is recorded.
    let other = compiled(&source, "__pycache__/other.cpython-314.pyc").unwrap();
    let refused = Wheel::parse(other.as_slice()).unwrap().check_compiled_record();
    assert_eq!(refused, Err(WheelError::RecordedButMissing { path: source }));
}

/// The wheel with a RECORD that lists all else.
fn recorded(mut wheel: Zip) -> Zip {
    let files = listed(&wheel.bytes()).into_iter().filter(|(path, ..)| !path.ends_with("RECORD"));
    let line = |(path, contents, _): (String, Vec<u8>, bool)| {
        format!("{path},{},{}\n", RecordHash::of(&contents), contents.len())
    };
    let record: String = files.map(line).collect();
    wheel.files.retain(|file| !file.central.name.ends_with(b"RECORD"));
    wheel.with(File::deflated("foo-1.0.dist-info/RECORD", record.as_bytes()))
}

#[test]
fn record_stays_right() {
    let wheel = recorded(varied()).bytes();
    let twin = twin(&wheel);
    let twin = Wheel::parse(twin.as_slice()).unwrap();
    assert_eq!(twin.verify_record(), Ok(()));
    assert_eq!(twin.record(), Wheel::parse(wheel.as_slice()).unwrap().record());
}

#[test]
fn neither_order_nor_times_nor_packing_leave_a_trace() {
    let mut packed = Zip::wheel();
    packed.files.reverse();
    for file in &mut packed.files {
        let contents = listed(&Zip::wheel().bytes());
        let name = String::from_utf8(file.central.name.clone()).unwrap();
        let (_, contents, _) = contents.into_iter().find(|(path, ..)| *path == name).unwrap();
        *file = File::deflated(&name, &contents).with_descriptor(true);
        // Extended timestamps.
        file.local.extra = [b"UT\x09\x00\x03".as_slice(), &[7; 8]].concat();
        file.central.extra = [b"UT\x05\x00\x03".as_slice(), &[7; 4]].concat();
    }
    let one = twin(&Zip::wheel().bytes());
    assert_eq!(twin(&packed.bytes()), one);
    assert_eq!(twin(&one), one, "the twin of a twin is itself");
}

#[test]
fn python_reads_it_and_finds_no_fault() {
    let twin = twin(&varied().bytes());
    let code = "\
import io, stat, sys, zipfile
archive = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))
print(archive.testzip())
for info in archive.infolist():
    print(info.filename, info.compress_type, info.date_time, stat.filemode(info.external_attr >> 16), info.file_size)
";
    let mut python = Command::new("python3")
        .args(["-c", code])
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(&twin).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap());
}

#[test]
fn a_damaged_file_has_no_twin() {
    let mut wheel = Zip::wheel();
    wheel.files[0].both(|fields| fields.crc32 ^= 1);
    let bytes = wheel.bytes();
    let refused = Wheel::parse(bytes.as_slice()).unwrap().stored_twin();
    assert!(matches!(refused, Err(WheelError::ChecksumMismatch { .. })), "{refused:?}");
}

#[test]
fn more_files_than_the_format_counts() {
    let with = |count: usize| {
        let mut wheel = Zip::wheel();
        wheel.files.extend((wheel.files.len()..count).map(|number| File::stored(&format!("{number:x}"), b"")));
        wheel.zip64_end = count > 0xFFFE;
        wheel.bytes()
    };
    assert_eq!(Wheel::parse(twin(&with(0xFFFE)).as_slice()).unwrap().entries().len(), 0xFFFE);
    assert_eq!(Wheel::parse(with(0xFFFF).as_slice()).unwrap().stored_twin(), Ok(None));
}

proptest! {
    #[test]
    fn any_wheel_and_its_twin_are_alike(
        files in btree_map("[a-m]{1,8}", (vec(any::<u8>(), 0..400), any::<bool>()), 0..12),
    ) {
        let mut wheel = Zip::wheel();
        wheel.files.extend(files.iter().map(|(name, (contents, deflate))| {
            if *deflate { File::deflated(name, contents) } else { File::stored(name, contents) }
        }));
        let wheel = wheel.bytes();
        let made = twin(&wheel);
        prop_assert_eq!(listed(&made), listed(&wheel));
        prop_assert!(twin(&made) == made);
    }
}
