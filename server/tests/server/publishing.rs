//! Publishing: what is refused, what a crash leaves, what two publishers do to each other.

use insta::assert_snapshot;
use pkgsrv::{Accepted, ChannelName, Line, Publication, StoredObject, Upload, publish, read_line};
use pkgsrv_index::tree::NodeRef;
use pkgsrv_index::{Abi, TreeRoots};

use crate::fixture::{Fixture, chain, noon_of_no_day};
use crate::wheels::{build, helper, native, wheel};

#[test]
fn index_and_objects() {
    let fixture = Fixture::published();
    let store = fixture.store();
    let line = main_line(&fixture);
    assert_snapshot!("head", std::str::from_utf8(line.head_bytes().unwrap()).unwrap());
    let TreeRoots { index: Some(index), repodata: Some(repodata), modules: Some(modules) } = *line.trees() else {
        panic!("a line with files has three trees");
    };
    let (channel, abi) = (ChannelName::main(), line.abi());
    let object = StoredObject::Index { channel: channel.clone(), abi, sha256: index.sha256 };
    assert_snapshot!("index", String::from_utf8(store.read(&object).unwrap().unwrap()).unwrap());
    let object = |node: NodeRef| StoredObject::Repodata { channel: channel.clone(), abi, sha256: node.sha256 };
    let repodata = store.read(&object(repodata)).unwrap().unwrap();
    assert_snapshot!("repodata", String::from_utf8(repodata).unwrap());
    let modules = store.read(&object(modules)).unwrap().unwrap();
    assert_snapshot!("modules", String::from_utf8(modules).unwrap());
    for upload in [native(), helper()] {
        let sha256 = pkgsrv::digest_of(&upload.bytes);
        let object = StoredObject::Wheel { sha256, filename: upload.filename };
        assert!(store.read(&object).unwrap().unwrap() == upload.bytes);
    }
}

/// The line that the preferred ABI has in the main channel.
fn main_line(fixture: &Fixture) -> Line {
    read_line(&fixture.store(), &ChannelName::main(), Abi::preferred()).unwrap()
}

#[test]
fn the_same_bytes_again_change_nothing() {
    let fixture = Fixture::published();
    let lines = fixture.publish("main", &[helper()]).unwrap();
    assert_eq!(lines[0].serial, 1);
    assert!(lines[0].added.is_empty());
    assert_eq!(lines[0].already_there, [helper().filename]);
}

#[test]
fn refused() {
    let fixture = Fixture::published();
    let before = main_line(&fixture).index().unwrap();
    let good = || wheel("good-1.0-py3-none-any.whl", "");
    let mut truncated = good();
    truncated.bytes.truncate(truncated.bytes.len() - 30);
    let refused: Vec<String> = [
        wheel("helper-1.0-py3-none-any.whl", "Summary: other bytes\n"),
        wheel("linux-1.0-cp314-cp314-manylinux_2_27_x86_64.whl", ""),
        build("named-1.0-py3-none-any.whl", "Name: named\nVersion: 1.1\n", &[]),
        wheel("picky-1.0-py3-none-any.whl", "Requires-Python: >=3.*.1\n"),
        wheel("marked-1.0-py3-none-any.whl", "Requires-Dist: a; python_version >> '3'\n"),
        wheel("linked-1.0-py3-none-any.whl", "Requires-Dist: a @ https://packages.example/a.whl\n"),
        truncated,
    ]
    .map(|bad| chain(&fixture.publish("main", &[good(), bad]).unwrap_err(), &fixture))
    .to_vec();
    assert_snapshot!("refused", refused.join("\n\n"));
    let after = main_line(&fixture).index().unwrap();
    assert_eq!(after, before, "a bad wheel stops the good one beside it");
}

#[test]
fn not_admitted() {
    let fixture = Fixture::empty();
    let abis: Vec<Abi> = Abi::released().collect();
    let uploads = [native()];
    let error = publish(&fixture.store(), &ChannelName::main(), &abis, &uploads, noon_of_no_day(), &|candidate| {
        assert!(candidate.wheel.entry("native_code.py").is_some());
        assert_eq!(candidate.needed.as_ref().unwrap_err().to_string(), "unknown package `helper`");
        Err("native.so needs `missing_symbol`, which the runtime does not export".into())
    })
    .unwrap_err();
    assert_snapshot!("not_admitted", chain(&error, &fixture));
    assert_eq!(main_line(&fixture).index().unwrap().files().count(), 0);
}

#[test]
fn files_that_cannot_be_read() {
    let fixture = Fixture::empty();
    let text = fixture.file("notes.txt", b"");
    let errors: Vec<String> = [text, fixture.path().join("gone-1.0-py3-none-any.whl")]
        .map(|path| chain(&Upload::read(&path).unwrap_err(), &fixture))
        .to_vec();
    assert_snapshot!("unreadable", errors.join("\n\n"));
}

/// Power may fail after any write: what can be read then is the old index or the new one, and
/// every file that it names is stored.
#[test]
fn every_prefix_of_the_writes_is_a_whole_state() {
    let abis: Vec<Abi> = Abi::released().collect();
    let main = ChannelName::main();
    let uploads = [native(), wheel("second-1.0-py3-none-any.whl", "")];
    let mut seen = std::collections::BTreeSet::new();
    for count in 0.. {
        let fixture = Fixture::empty();
        fixture.publish("main", &[helper()]).unwrap();
        let store = fixture.store();
        let publication =
            Publication::prepare(&store, &main, &abis, &uploads, noon_of_no_day(), &|_| Ok(Accepted::default()))
                .unwrap();
        let writes: Vec<_> = publication.writes().map(|(object, bytes)| (object.clone(), bytes.to_vec())).collect();
        drop(publication);
        if count > writes.len() {
            break;
        }
        let lock = store.lock().unwrap();
        for (object, bytes) in &writes[..count] {
            store.write(&lock, object, bytes).unwrap();
        }
        drop(lock);
        for abi in Abi::released() {
            let index = read_line(&store, &main, abi).unwrap().index().unwrap();
            seen.insert(index.files().count());
            for entry in index.files() {
                let (sha256, filename) = (entry.sha256, entry.filename.clone());
                let wheel = store.read(&StoredObject::Wheel { sha256, filename: filename.clone() }).unwrap().unwrap();
                assert_eq!(pkgsrv::digest_of(&wheel), sha256);
                let metadata = store.read(&StoredObject::Metadata { sha256, filename }).unwrap().unwrap();
                assert_eq!(pkgsrv::digest_of(&metadata), entry.metadata_sha256);
            }
        }
        // And a second try is clean.
        fixture.publish("main", &uploads).unwrap();
        assert_eq!(main_line(&fixture).index().unwrap().files().count(), 3);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn two_publishers_lose_nothing() {
    let fixture = Fixture::empty();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let fixture = &fixture;
            scope.spawn(move || {
                fixture.publish("main", &[wheel(&format!("p{number}-1.0-py3-none-any.whl"), "")]).unwrap();
            });
        }
    });
    let line = main_line(&fixture);
    assert_eq!(line.serial(), 8);
    assert_eq!(line.index().unwrap().files().count(), 8);
}

#[test]
fn a_damaged_index_is_named() {
    let fixture = Fixture::published();
    let line = main_line(&fixture);
    let sha256 = line.trees().index.unwrap().sha256;
    let object = StoredObject::Index { channel: ChannelName::main(), abi: line.abi(), sha256 };
    std::fs::write(fixture.store().file(&object), b"{}").unwrap();
    let error = line.index().unwrap_err();
    assert_snapshot!("damaged", chain(&error, &fixture));
}

/// Admission takes seconds: nobody waits for it, and it is asked again about a company that has changed meanwhile.
#[test]
fn others_publish_while_a_wheel_is_being_admitted() {
    let fixture = Fixture::empty();
    fixture.publish("main", &[helper()]).unwrap();
    let abis: Vec<Abi> = Abi::released().collect();
    let uploads = [native(), wheel("alone-1.0-py3-none-any.whl", "")];
    let asked = std::cell::RefCell::new(Vec::new());
    publish(&fixture.store(), &ChannelName::main(), &abis, &uploads, noon_of_no_day(), &|candidate| {
        let needed = candidate.needed.as_ref().unwrap().iter().map(|entry| entry.filename.to_string());
        asked.borrow_mut().push((candidate.entry.name.to_string(), needed.collect::<Vec<_>>()));
        // A newer release of what one of the two needs; waiting for the lock here would be for ever.
        fixture.publish("main", &[wheel("helper-1.1-py3-none-any.whl", "")]).unwrap();
        Ok(Accepted::default())
    })
    .unwrap();
    let asked = asked.into_inner();
    let company = |name: &str| -> Vec<&[String]> {
        asked.iter().filter(|(asked, _)| asked == name).map(|(_, needed)| needed.as_slice()).collect()
    };
    assert_eq!(company("native-code"), [["helper-1.0-py3-none-any.whl"], ["helper-1.1-py3-none-any.whl"]]);
    assert_eq!(company("alone"), [[""; 0]]);
    let line = main_line(&fixture);
    assert_eq!((line.serial(), line.index().unwrap().files().count()), (3, 4));
}

#[test]
fn a_damaged_blob_is_mended_by_publishing_it_again() {
    let fixture = Fixture::published();
    let upload = helper();
    let (sha256, filename) = (pkgsrv::digest_of(&upload.bytes), upload.filename.clone());
    let object = StoredObject::Wheel { sha256, filename };
    let mut damaged = upload.bytes.clone();
    damaged[40] ^= 1;
    std::fs::write(fixture.store().file(&object), &damaged).unwrap();
    fixture.publish("main", std::slice::from_ref(&upload)).unwrap();
    assert!(fixture.store().read(&object).unwrap().unwrap() == upload.bytes);
}
