//! Views of one small index, shown whole, and what its readers refuse.

use std::collections::{BTreeMap, BTreeSet};

use crate::sample::{entry, index, index_of};
use pkgsrv_index::tree::{Node, NodeRef};
use pkgsrv_index::{
    Abi, ChannelIndex, Digest, FileEntry, Head, IndexError, PackageName, PyodideLock, StoredHead, TreeRoots,
    preferred_release, read_repodata, simple,
};

fn pretty(bytes: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
    serde_json::to_string_pretty(&value).unwrap()
}

/// The projects that have something for the line's Python.
fn offered() -> BTreeSet<PackageName> {
    let index = index();
    let offered = index.projects().iter().filter(|(_, project)| !project.releases(index.abi).is_empty());
    offered.map(|(name, _)| name.clone()).collect()
}

#[test]
fn lockfile() {
    let newest: BTreeMap<_, _> = index()
        .projects()
        .iter()
        .filter_map(|(name, project)| {
            Some((name.clone(), preferred_release(&project.releases(Abi::preferred()))?.clone()))
        })
        .collect();
    let lock = PyodideLock::new(Abi::preferred(), &newest, "../../blobs/");
    insta::assert_snapshot!(pretty(&lock.to_bytes()));
}

#[test]
fn simple_json() {
    let list = simple::ProjectList::new(offered());
    insta::assert_snapshot!("project_list_json", String::from_utf8(list.to_json()).unwrap());
    let name = "numpy".parse().unwrap();
    let base = "https://packages.example";
    let index = index();
    let numpy = || (index.abi, &index.projects()[&name]);
    let page = simple::ProjectPage::new(&name, [numpy(), numpy()], base).unwrap();
    insta::assert_snapshot!("project_page_json", pretty(&page.to_json()));
    assert_eq!(simple::ProjectPage::new(&name, [], base), None);
}

#[test]
fn simple_html() {
    let list = simple::ProjectList::new(offered());
    insta::assert_snapshot!("project_list_html", list.to_html());
    let name = "numpy".parse().unwrap();
    let base = "https://packages.example";
    let index = index();
    let page = simple::ProjectPage::new(&name, [(index.abi, &index.projects()[&name])], base).unwrap();
    insta::assert_snapshot!("project_page_html", page.to_html());
}

#[test]
fn head_round_trips() {
    let node = |byte| NodeRef { sha256: Digest::from_bytes([byte; 32]), size: 1234, entries: 9, weight: 1200 };
    let trees = TreeRoots { index: Some(node(1)), repodata: Some(node(2)), modules: None };
    let head = Head::new(Abi::preferred(), 7, "../../blobs/", trees);
    insta::assert_snapshot!(String::from_utf8(head.to_bytes()).unwrap());
    assert_eq!(StoredHead::from_bytes(&head.to_bytes()).unwrap(), StoredHead::Trees(Box::new(head)));
}

/// What was written when files had no twins; its views name the files as they were uploaded.
fn before_twins() -> ChannelIndex {
    index_of(index().files().map(|entry| FileEntry { twin: None, ..entry.clone() }))
}

/// What a channel had before its index became a tree.
#[test]
fn whole_documents_are_read() {
    let digest = "ab".repeat(32);
    let head = format!(
        r#"{{"format":1,"abi":"2026_0","serial":3,"index":{{"sha256":"{digest}","size":9}},"repodata":{{"sha256":"{digest}","size":8}}}}"#
    );
    let StoredHead::Whole(head) = StoredHead::from_bytes(head.as_bytes()).unwrap() else { panic!("format 1") };
    assert_eq!((head.serial, head.index.size, head.repodata.size), (3, 9, 8));
    let whole = include_bytes!("whole-index.json");
    assert_eq!(ChannelIndex::from_whole(whole).unwrap(), before_twins());
    let (node, blobs) = read_repodata(include_bytes!("whole-repodata.json")).unwrap();
    assert_eq!(blobs.as_deref(), Some("../../blobs/"));
    let releases: BTreeMap<_, _> = before_twins()
        .projects()
        .iter()
        .map(|(name, project)| (name.clone(), project.releases(Abi::preferred())))
        .filter(|(_, releases)| !releases.is_empty())
        .collect();
    assert_eq!(node, Node::Leaf(releases));
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
    let future = br#"{"format":3,"abi":"2030_1","lines":[]}"#;
    assert_eq!(
        StoredHead::from_bytes(future),
        Err(IndexError::UnsupportedFormat { what: "head", found: 3, supported: 2 })
    );
    assert!(matches!(read_repodata(b"<html>"), Err(IndexError::Json { .. })));
    let text = String::from_utf8(include_bytes!("whole-index.json").to_vec()).unwrap();
    let swapped = text.replacen("\"version\":\"2.4.6\"", "\"version\":\"2.4.7\"", 1);
    assert_ne!(swapped, text);
    let error = ChannelIndex::from_whole(swapped.as_bytes());
    assert!(matches!(error, Err(IndexError::Inconsistent { .. })), "{error:?}");
}
