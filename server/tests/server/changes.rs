//! What changes channels beside publishing, and what it leaves.

use std::collections::BTreeSet;
use std::fmt::Write;

use insta::assert_snapshot;
use pkgsrv::{
    Accepted, ChannelName, Difference, ServerError, StoredObject, Upload, delete, diff, promote, publish, read_line,
    rollback, yank,
};
use pkgsrv_index::{Abi, Status};
use pkgsrv_wheel::Wheel;

use crate::fixture::{Fixture, chain, get, noon_of_no_day, summary};
use crate::wheels::{helper, native, wheel};

fn channel(name: &str) -> ChannelName {
    name.parse().unwrap()
}

/// Filenames of a line's index.
fn files(fixture: &Fixture, name: &str) -> BTreeSet<String> {
    let line = read_line(&fixture.store(), &channel(name), Abi::preferred()).unwrap();
    line.index().unwrap().files().map(|entry| entry.filename.to_string()).collect()
}

fn serial(fixture: &Fixture, name: &str) -> u64 {
    read_line(&fixture.store(), &channel(name), Abi::preferred()).unwrap().serial()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// An error with its causes.
fn told<T: std::fmt::Debug>(result: Result<T, ServerError>, fixture: &Fixture) -> String {
    chain(&result.unwrap_err(), fixture)
}

fn delete_from(fixture: &Fixture, name: &str, target: &str, purges: bool) -> Result<pkgsrv::Deletion, ServerError> {
    let but_for = fixture.path().join("environments");
    let but_for = purges.then_some(but_for.as_path());
    delete(&fixture.store(), &channel(name), None, &target.parse()?, but_for, noon_of_no_day())
}

fn roll_back(fixture: &Fixture, to: Option<u64>) -> Result<Difference, ServerError> {
    let mut lines = rollback(&fixture.store(), &ChannelName::main(), None, to, noon_of_no_day())?;
    Ok(lines.remove(0).difference)
}

/// The same name with other contents.
fn other_helper() -> Upload {
    wheel("helper-1.0-py3-none-any.whl", "Summary: other bytes\n")
}

const HELPER: &str = "helper-1.0-py3-none-any.whl";
const NATIVE: &str = "native_code-1.2.3-cp314-cp314-pyemscripten_2026_0_wasm32.whl";
const LATER: &str = "later-1.0-py3-none-any.whl";

#[tokio::test]
async fn every_head_is_kept() {
    let fixture = Fixture::published();
    fixture.publish("main", &[wheel(LATER, "")]).unwrap();
    let app = fixture.app();
    assert_snapshot!("past_head", get(&app, "/repodata/2026_0/heads/1.json", &[]).await);
    let line = read_line(&fixture.store(), &ChannelName::main(), Abi::preferred()).unwrap();
    assert_eq!(line.past_head(2).unwrap().as_deref(), line.head_bytes());
    // What a publish left that did not end is no history: the next one writes another head there.
    fixture.file("store/repodata/2026_0/heads/3.json", b"{}");
    for name in ["3.json", "0.json", "01.json", "+1.json", "1", "x.json"] {
        assert_eq!(summary(&app, "GET", &format!("/repodata/2026_0/heads/{name}"), &[], &[]).await, "404 ", "{name}");
    }
    assert!(matches!(roll_back(&fixture, Some(3)), Err(ServerError::UnknownSerial { .. })));
    fixture.yank("helper==1.0", Some(""));
    assert_eq!(summary(&app, "GET", "/repodata/2026_0/heads/3.json", &[], &[]).await, "200 ");
}

#[test]
fn differences_of_states() {
    let fixture = Fixture::published();
    fixture.publish("main", &[wheel(LATER, "")]).unwrap();
    fixture.yank("helper==1.0", Some("broken"));
    delete_from(&fixture, "main", "native-code", false).unwrap();
    fixture.set_status("later", Status::Deprecated, Some("too late"));
    fixture.publish("next", &[other_helper()]).unwrap();
    let mut shown = String::new();
    for (from, to) in [("main@1", "main"), ("main", "main@1"), ("main@2", "main@4"), ("main", "next"), ("next", "next")]
    {
        for line in diff(&fixture.store(), &from.parse().unwrap(), &to.parse().unwrap(), None).unwrap() {
            writeln!(shown, "{from} to {to}: {}, {} to {}\n{}", line.abi, line.from, line.to, line.difference).unwrap();
        }
    }
    assert_snapshot!(shown);
    let refused: Vec<String> = [("main@9", "main"), ("gone", "main"), ("main@x", "main"), ("main@0", "main")]
        .into_iter()
        .map(|(from, to)| {
            let compare = || diff(&fixture.store(), &from.parse()?, &to.parse()?, None);
            told(compare(), &fixture)
        })
        .collect();
    assert_snapshot!("refused_differences", refused.join("\n"));
}

#[test]
fn promotion_by_name_brings_what_is_needed() {
    let fixture = Fixture::empty();
    fixture.publish("next", &[native(), helper(), wheel(LATER, "")]).unwrap();
    let (from, to) = (channel("next"), ChannelName::main());
    let names = ["native-code".parse().unwrap()];
    let lines = promote(&fixture.store(), &from, &to, None, &names, noon_of_no_day()).unwrap();
    assert_eq!((lines.len(), lines[0].line.serial), (1, 1));
    assert_eq!(files(&fixture, "main"), set(&[HELPER, NATIVE]));
    // All, with a yank; again, nothing happens.
    yank(&fixture.store(), &from, None, &"helper==1.0".parse().unwrap(), Some("broken"), noon_of_no_day()).unwrap();
    for _ in 0..2 {
        promote(&fixture.store(), &from, &to, None, &[], noon_of_no_day()).unwrap();
        assert_eq!((files(&fixture, "main"), serial(&fixture, "main")), (set(&[HELPER, LATER, NATIVE]), 2));
    }
    let line = read_line(&fixture.store(), &to, Abi::preferred()).unwrap();
    let project = line.project(&"helper".parse().unwrap()).unwrap();
    assert_eq!(project.get(HELPER).unwrap().yanked.as_deref(), Some("broken"));
    // What was deleted here does not come back by itself.
    delete_from(&fixture, "main", LATER, false).unwrap();
    let lines = promote(&fixture.store(), &from, &to, None, &[], noon_of_no_day()).unwrap();
    assert_eq!(lines[0].left_out, [LATER]);
    assert_eq!(files(&fixture, "main"), set(&[HELPER, NATIVE]));
}

#[test]
fn refused_promotions_change_nothing() {
    let fixture = Fixture::published();
    fixture.publish("next", &[other_helper(), wheel(LATER, "")]).unwrap();
    let promoted = |from: &str, to: &str, names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
        told(promote(&fixture.store(), &channel(from), &channel(to), None, &names, noon_of_no_day()), &fixture)
    };
    let mut refused = vec![
        promoted("next", "main", &[]),
        promoted("next", "main", &["latter"]),
        promoted("main", "main", &[]),
        promoted("gone", "main", &[]),
    ];
    // A name is as taken by a deleted file.
    delete_from(&fixture, "main", HELPER, false).unwrap();
    refused.push(promoted("next", "main", &["helper"]));
    fixture.set_status("native-code", Status::Quarantined, None);
    refused.push(promoted("main", "next", &[]));
    assert_snapshot!(refused.join("\n"));
    assert_eq!(files(&fixture, "next"), set(&[HELPER, LATER]));
    assert_eq!((files(&fixture, "main"), serial(&fixture, "main")), (set(&[NATIVE]), 3));
}

#[test]
fn a_rollback_keeps_names_taken() {
    let fixture = Fixture::published();
    let before = read_line(&fixture.store(), &ChannelName::main(), Abi::preferred()).unwrap();
    fixture.publish("main", &[wheel(LATER, "")]).unwrap();
    assert_eq!(roll_back(&fixture, None).unwrap().deleted, [LATER]);
    let after = read_line(&fixture.store(), &ChannelName::main(), Abi::preferred()).unwrap();
    assert_eq!(after.serial(), 3);
    assert_eq!((after.trees().repodata, after.trees().modules), (before.trees().repodata, before.trees().modules));
    let other = fixture.publish("main", &[wheel(LATER, "Summary: other bytes\n")]);
    assert_snapshot!("name_of_a_rolled_back_file", told(other, &fixture));
    // Undone by itself.
    assert_eq!(roll_back(&fixture, None).unwrap().added, [LATER]);
    assert_eq!((files(&fixture, "main"), serial(&fixture, "main")), (set(&[HELPER, LATER, NATIVE]), 4));
    // By serial; and to where it is.
    assert_eq!(roll_back(&fixture, Some(1)).unwrap().deleted, [LATER]);
    assert!(roll_back(&fixture, Some(5)).unwrap().is_empty());
    assert_eq!(serial(&fixture, "main"), 5);
    assert_snapshot!("unknown_serial", told(roll_back(&fixture, Some(6)), &fixture));
}

#[test]
fn the_first_head_has_nothing_before_it() {
    let fixture = Fixture::published();
    assert!(roll_back(&fixture, None).unwrap().is_empty());
    assert_eq!(serial(&fixture, "main"), 1);
}

#[test]
fn a_state_whose_bytes_are_gone_is_not_rolled_back_to() {
    let fixture = Fixture::published();
    let deletion = delete_from(&fixture, "main", HELPER, true).unwrap();
    assert_eq!(deletion.purged[0].kept_for, []);
    assert_snapshot!(told(roll_back(&fixture, Some(1)), &fixture));
    assert_eq!(files(&fixture, "main"), set(&[NATIVE]));
    fixture.publish("main", &[helper()]).unwrap();
    assert_eq!(files(&fixture, "main"), set(&[HELPER, NATIVE]));
}

#[test]
fn deleted_names_are_for_the_same_bytes_only() {
    let fixture = Fixture::published();
    delete_from(&fixture, "main", "helper==1.0", false).unwrap();
    assert_eq!(files(&fixture, "main"), set(&[NATIVE]));
    assert_snapshot!("name_of_a_deleted_file", told(fixture.publish("main", &[other_helper()]), &fixture));
    assert_eq!(fixture.publish("main", &[helper()]).unwrap()[0].added, [helper().filename]);
    let missing: Vec<String> = ["helper==2.0", "gone", "gone-1.0-py3-none-any.whl", "a b", "helper==x", "x.whl"]
        .iter()
        .map(|target| told(delete_from(&fixture, "main", target, false), &fixture))
        .collect();
    assert_snapshot!("refused_deletions", missing.join("\n"));
}

#[test]
fn bytes_stay_as_long_as_a_line_names_them() {
    let fixture = Fixture::published();
    fixture.publish("next", &[helper()]).unwrap();
    let sha256 = pkgsrv::digest_of(&helper().bytes);
    let object = StoredObject::Wheel { sha256, filename: helper().filename };
    let purged = |name: &str| delete_from(&fixture, name, HELPER, true).unwrap().purged.remove(0);
    let first = purged("main");
    assert_eq!((first.removed.len(), first.kept_for[0].channel.as_str()), (0, "next"));
    assert!(fixture.store().file(&object).is_file());
    let second = purged("next");
    // The wheel, its METADATA, its twin and three encodings of that.
    assert_eq!((second.removed.len(), &second.removed[0]), (6, &object.path()));
    assert!(second.removed.iter().all(|path| !fixture.store().root().join(path).exists()));
    // What is gone is told as that.
    assert_eq!((purged("main").removed.len(), serial(&fixture, "main")), (0, 2));
}

/// Wheels may have other bytes and equal contents; of the second, the wheel itself is the twin of the first.
#[test]
fn an_object_that_another_wheel_needs_is_not_purged() {
    let fixture = Fixture::published();
    let upload = helper();
    let bytes = Wheel::parse(upload.bytes.as_slice()).unwrap().stored_twin().unwrap().unwrap();
    fixture.publish("next", &[Upload { bytes, ..upload }]).unwrap();
    // Deleted first and purged later: what belongs to the wheel is looked up in the history.
    delete_from(&fixture, "main", HELPER, false).unwrap();
    let deletion = delete_from(&fixture, "main", HELPER, true).unwrap();
    assert_eq!((deletion.purged[0].removed.len(), deletion.purged[0].kept_for.len()), (2, 0));
    assert_eq!(files(&fixture, "next"), set(&[HELPER]));
    let line = read_line(&fixture.store(), &channel("next"), Abi::preferred()).unwrap();
    let entry = line.project(&"helper".parse().unwrap()).unwrap().get(HELPER).unwrap().clone();
    let (sha256, filename) = (entry.sha256, entry.filename);
    let wheel = fixture.store().read(&StoredObject::Wheel { sha256, filename }).unwrap().unwrap();
    assert_eq!(pkgsrv::digest_of(&wheel), sha256);
    assert_eq!(delete_from(&fixture, "next", HELPER, true).unwrap().purged[0].kept_for, []);
}

#[test]
fn closed_projects_take_no_files() {
    let fixture = Fixture::published();
    let abis: Vec<Abi> = Abi::known().collect();
    let newer = wheel("helper-1.1-py3-none-any.whl", "");
    let mut refused = Vec::new();
    for (status, reason) in [(Status::Archived, Some("use another")), (Status::Quarantined, None)] {
        fixture.set_status("helper", status, reason);
        // Also for a line that does not have the project yet.
        for abis in [&abis[..1], &abis[1..]] {
            let published = publish(
                &fixture.store(),
                &ChannelName::main(),
                abis,
                std::slice::from_ref(&newer),
                noon_of_no_day(),
                &|_| panic!("nobody is asked for admission"),
            );
            refused.push(told(published, &fixture));
        }
    }
    assert_snapshot!(refused.join("\n"));
    fixture.set_status("helper", Status::Deprecated, None);
    fixture.publish("main", &[newer]).unwrap();
}

#[test]
fn a_yank_that_changes_nothing_makes_no_head() {
    let fixture = Fixture::published();
    fixture.yank("helper==1.0", Some("broken"));
    fixture.yank("helper==1.0", Some("broken"));
    assert_eq!(serial(&fixture, "main"), 2);
    let missing = yank(
        &fixture.store(),
        &ChannelName::main(),
        Some(Abi::preferred()),
        &"helper==3".parse().unwrap(),
        None,
        noon_of_no_day(),
    );
    assert_snapshot!(told(missing, &fixture));
}

#[test]
fn lines_change_together_or_by_their_names() {
    let fixture = Fixture::empty();
    let (store, main) = (fixture.store(), ChannelName::main());
    let abis: Vec<Abi> = Abi::known().filter(|abi| abi.facts().has_images).collect();
    publish(&store, &main, &abis, &[helper(), native()], noon_of_no_day(), &|_| Ok(Accepted::default())).unwrap();
    let release = "helper==1.0".parse().unwrap();
    let lines = yank(&store, &main, None, &release, Some(""), noon_of_no_day()).unwrap();
    assert_eq!(lines.iter().map(|line| (line.abi, line.serial)).collect::<Vec<_>>(), [(abis[0], 2), (abis[1], 2)]);
    delete(&store, &main, Some(abis[1]), &"helper".parse().unwrap(), None, noon_of_no_day()).unwrap();
    let shown = |from: &str, abi| {
        let lines = diff(&store, &from.parse().unwrap(), &"main".parse().unwrap(), abi)?;
        let told = lines
            .iter()
            .map(|line| format!("{}: {}, {}", line.abi, line.difference.yanked.len(), line.difference.deleted.len()));
        Ok::<_, ServerError>(told.collect::<Vec<_>>())
    };
    assert_eq!(shown("main@1", None).unwrap(), ["2026_0: 1, 0", "2026_5: 0, 1"]);
    assert_eq!(shown("main@3", Some(abis[1])).unwrap(), ["2026_5: 0, 0"]);
    // Not every line has come so far: none is compared, and none would be rolled back.
    assert!(matches!(shown("main@3", None), Err(ServerError::UnknownSerial { .. })));
    // Promoted by line.
    let next = channel("next");
    promote(&store, &main, &next, Some(abis[0]), &[], noon_of_no_day()).unwrap();
    let missing = yank(&store, &next, Some(abis[1]), &release, None, noon_of_no_day());
    assert_snapshot!(told(missing, &fixture));
}
