//! Views of one small index, shown whole, and what its readers refuse.

use crate::sample::{entry, index};
use pkgsrv_index::{
    Abi, ChannelIndex, Digest, Head, IndexError, ObjectRef, PyodideLock, Repodata, RepodataHead, simple,
};

fn pretty(bytes: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
    serde_json::to_string_pretty(&value).unwrap()
}

#[test]
fn repodata_bytes() {
    let bytes = Repodata::from_index(&index(), "../../blobs/").to_bytes();
    insta::assert_snapshot!(String::from_utf8(bytes.clone()).unwrap());
    assert_eq!(Repodata::from_bytes(&bytes).unwrap().to_bytes(), bytes);
}

#[test]
fn lockfile() {
    let lock = PyodideLock::from_index(&index(), "../../blobs/");
    insta::assert_snapshot!(pretty(&lock.to_bytes()));
}

#[test]
fn simple_json() {
    let list = simple::ProjectList::from_indexes([&index()]);
    insta::assert_snapshot!("project_list_json", String::from_utf8(list.to_json()).unwrap());
    let name = "numpy".parse().unwrap();
    let blobs = "https://packages.example/blobs/";
    let page = simple::ProjectPage::from_indexes(&name, [&index(), &index()], blobs).unwrap();
    insta::assert_snapshot!("project_page_json", pretty(&page.to_json()));
    let unknown = "unknown".parse().unwrap();
    assert_eq!(simple::ProjectPage::from_indexes(&unknown, [&index()], blobs), None);
}

#[test]
fn simple_html() {
    let list = simple::ProjectList::from_indexes([&index()]);
    insta::assert_snapshot!("project_list_html", list.to_html());
    let name = "numpy".parse().unwrap();
    let blobs = "https://packages.example/blobs/";
    let page = simple::ProjectPage::from_indexes(&name, [&index()], blobs).unwrap();
    insta::assert_snapshot!("project_page_html", page.to_html());
}

#[test]
fn index_round_trips() {
    let bytes = index().to_bytes();
    assert_eq!(ChannelIndex::from_bytes(&bytes).unwrap(), index());
    assert_eq!(ChannelIndex::from_bytes(&bytes).unwrap().to_bytes(), bytes);
}

/// What was written before files had twins is read, and its views name the files as they were uploaded.
#[test]
fn an_index_of_before_twins() {
    let with = String::from_utf8(index().to_bytes()).unwrap();
    let twin = with.find(r#""twin":"#).unwrap();
    let end = twin + with[twin..].find("}},").unwrap() + 3;
    let old = format!("{}{}", &with[..twin], &with[end..]);
    let read = ChannelIndex::from_bytes(old.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(read.to_bytes()).unwrap(), old);
    assert!(read.files().all(|entry| entry.twin.is_none()));
    let app = read.get("app-1.0-py3-none-any.whl").unwrap();
    let release = &Repodata::from_index(&read, "").packages[&app.name][0];
    assert_eq!((release.sha256, release.size), (app.sha256, app.size));
    let locked = &PyodideLock::from_index(&read, "").packages[&app.name];
    assert_eq!(locked.sha256, app.sha256);
    assert_eq!(locked.file_name, format!("{}/{}", app.sha256, app.filename));
}

#[test]
fn order_of_insertion_leaves_no_trace() {
    let mut reversed = ChannelIndex::empty(Abi::preferred());
    let entries: Vec<_> = index().files().cloned().collect();
    for entry in entries.into_iter().rev() {
        reversed.insert(entry).unwrap();
    }
    assert_eq!(reversed.to_bytes(), index().to_bytes());
}

#[test]
fn head_is_what_the_loader_reads() {
    let reference = |byte| ObjectRef { sha256: Digest::from_bytes([byte; 32]), size: 1234 };
    let head = Head::new(Abi::preferred(), 7, reference(1), reference(2));
    insta::assert_snapshot!(String::from_utf8(head.to_bytes()).unwrap());
    assert_eq!(Head::from_bytes(&head.to_bytes()).unwrap(), head);
    let read = RepodataHead::from_bytes(&head.to_bytes()).unwrap();
    assert_eq!((read.abi, read.serial, read.repodata), (head.abi, 7, reference(2)));
}

#[test]
fn published_names_keep_their_bytes() {
    let mut index = index();
    let before = index.clone();
    let mut other = entry("numpy-2.4.6-cp314-cp314-pyemscripten_2026_0_wasm32.whl", &[]);
    other.sha256 = Digest::from_bytes([0xee; 32]);
    let error = index.insert(other).unwrap_err();
    insta::assert_snapshot!(error);
    let linux = entry("numpy-2.4.7-cp314-cp314-manylinux_2_27_x86_64.whl", &[]);
    insta::assert_snapshot!(index.insert(linux).unwrap_err());
    assert_eq!(index, before);
}

#[test]
fn other_formats_are_named() {
    let future = br#"{"format":2,"abi":"2030_1","lines":[]}"#;
    assert_eq!(
        ChannelIndex::from_bytes(future),
        Err(IndexError::UnsupportedFormat { what: "channel index", found: 2, supported: 1 })
    );
    assert!(matches!(Repodata::from_bytes(b"<html>"), Err(IndexError::Json { .. })));
    let text = String::from_utf8(index().to_bytes()).unwrap();
    let swapped = text.replacen("\"version\":\"2.4.6\"", "\"version\":\"2.4.7\"", 1);
    assert_ne!(swapped, text);
    let error = ChannelIndex::from_bytes(swapped.as_bytes());
    assert!(matches!(error, Err(IndexError::Inconsistent { .. })), "{error:?}");
}
