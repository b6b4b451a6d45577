//! Trees: what is in them, what a change writes, and what readers refuse.

use std::collections::BTreeMap;

use pkgsrv_index::tree::{
    ChangedTree, Changes, Differences, Found, LeafLimits, Node, NodeRef, Position, change, differences, find, for_each,
};
use pkgsrv_index::{Digest, IndexError};
use proptest::prelude::*;

type Map = BTreeMap<String, String>;

/// Where nodes are kept.
#[derive(Default)]
struct Objects(BTreeMap<Digest, Vec<u8>>);

impl Objects {
    fn read(&self, reference: &NodeRef) -> Result<Node<String, String>, IndexError> {
        let bytes = &self.0[&reference.sha256];
        assert_eq!(bytes.len() as u64, reference.size);
        Node::from_bytes(bytes)
    }

    fn change(&mut self, root: Option<&NodeRef>, changes: Changes<String, String>) -> ChangedTree {
        let after = change(root, LeafLimits::SHARED, changes, &mut |reference| self.read(reference)).unwrap();
        for node in &after.written {
            self.0.insert(node.sha256, node.bytes.clone());
        }
        after
    }

    fn whole(&mut self, map: &Map) -> Option<NodeRef> {
        let changes = map.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
        self.change(None, changes).root
    }

    /// What differs, and how many nodes had to be read to know it.
    fn differences(&self, one: Option<&NodeRef>, other: Option<&NodeRef>) -> (Differences<String, String>, u32) {
        let read = std::cell::Cell::new(0);
        let mut bring = |reference: &NodeRef| {
            read.set(read.get() + 1);
            self.read(reference)
        };
        let mut bring_other = |reference: &NodeRef| {
            read.set(read.get() + 1);
            self.read(reference)
        };
        let found = differences(one, other, &mut bring, &mut bring_other).unwrap();
        (found, read.get())
    }

    fn entries(&self, root: Option<&NodeRef>) -> Map {
        let mut map = Map::new();
        for_each(root, &mut |reference| self.read(reference), &mut |key, value| drop(map.insert(key, value))).unwrap();
        map
    }
}

/// Entries of a few hundred bytes, so that some dozens make a branch of the root.
fn map(numbers: impl IntoIterator<Item = u32>) -> Map {
    numbers.into_iter().map(|number| (format!("name-{number}"), format!("{number:0900}"))).collect()
}

#[test]
fn a_small_map_is_one_node() {
    let mut objects = Objects::default();
    let root = objects.whole(&map(0..3)).unwrap();
    assert_eq!((root.entries, objects.0.len()), (3, 1));
    assert_eq!(objects.whole(&Map::new()), None);
}

#[test]
fn a_change_writes_the_way_to_it() {
    let mut objects = Objects::default();
    let root = objects.whole(&map(0..2000));
    let changed = objects.change(root.as_ref(), BTreeMap::from([("name-7".to_owned(), Some("new".to_owned()))]));
    let positions: Vec<&str> = changed.written.iter().map(|node| node.position.as_str()).collect();
    let way = Position::way_to("name-7", 3);
    assert_eq!(positions, [way[2].as_str(), way[1].as_str(), way[0].as_str(), ""]);
    let again = objects.change(changed.root.as_ref(), BTreeMap::from([("name-7".to_owned(), Some("new".to_owned()))]));
    assert_eq!(again.root, changed.root, "the same once more is another tree");
}

#[test]
fn a_search_names_the_node_that_it_lacks() {
    let mut objects = Objects::default();
    let root = objects.whole(&map(0..2000)).unwrap();
    let mut nodes = BTreeMap::new();
    let value = loop {
        match find(Some(&root), &nodes, &"name-1234".to_owned()) {
            Found::Needs(reference) => drop(nodes.insert(reference.sha256, objects.read(&reference).unwrap())),
            Found::Entry(value) => break value,
            Found::Nothing => panic!("it is there"),
        }
    };
    assert_eq!(*value, format!("{:0900}", 1234));
    assert!((2..6).contains(&nodes.len()), "{} nodes", nodes.len());
    assert_eq!(find(Some(&root), &nodes, &"name-1234".to_owned()), Found::Entry(value));
}

#[test]
fn equal_parts_of_two_trees_are_not_read() {
    let mut objects = Objects::default();
    let root = objects.whole(&map(0..2000));
    let changed = objects.change(root.as_ref(), BTreeMap::from([("name-7".to_owned(), Some("new".to_owned()))])).root;
    let (found, read) = objects.differences(root.as_ref(), changed.as_ref());
    let before = format!("{:0900}", 7);
    assert_eq!(found, BTreeMap::from([("name-7".to_owned(), (Some(before), Some("new".to_owned())))]));
    assert_eq!(read, 2 * 4, "two ways of four nodes");
    assert_eq!(objects.differences(root.as_ref(), root.as_ref()), (BTreeMap::new(), 0));
}

#[test]
fn refused_nodes() {
    let messages: Vec<String> = [
        r#"{"format":2}"#,
        r#"{"format":2,"leaf":{},"branch":{}}"#,
        r#"{"format":2,"branch":{"g":{"sha256":"0000000000000000000000000000000000000000000000000000000000000000","size":1,"entries":1,"weight":1}}}"#,
        r#"{"format":2,"branch":{"00":{}}}"#,
        r#"{"format":9}"#,
        "<html>",
    ]
    .iter()
    .map(|text| Node::<String, String>::from_bytes(text.as_bytes()).unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(messages.join("\n"));
}

/// A hostile store can name a node inside itself only by breaking SHA-256, but a deep chain it can make.
#[test]
fn a_chain_without_end_is_refused() {
    let reference = |byte| NodeRef { sha256: Digest::from_bytes([byte; 32]), size: 1, entries: 1, weight: 1 };
    let mut endless = |at: &NodeRef| {
        let next = reference(at.sha256.as_bytes()[0].wrapping_add(1));
        Ok::<_, IndexError>(Node::<String, String>::Branch(('0'..='9').map(|digit| (digit, next)).collect()))
    };
    assert!(for_each(Some(&reference(0)), &mut endless, &mut |_, _| ()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// What is told to differ is what differs, whatever the shapes of the two trees.
    #[test]
    fn differences_are_those_of_the_maps(
        one in proptest::collection::btree_set(0u32..300, 0..300),
        other in proptest::collection::btree_set(0u32..300, 0..300),
    ) {
        let mut objects = Objects::default();
        let one = map(one);
        let mut other = map(other);
        // Some that both have are of other values.
        for (_, value) in other.iter_mut().step_by(7) {
            value.push('!');
        }
        let mut expected = Differences::new();
        for key in one.keys().chain(other.keys()) {
            if one.get(key) != other.get(key) {
                expected.insert(key.clone(), (one.get(key).cloned(), other.get(key).cloned()));
            }
        }
        let (first, second) = (objects.whole(&one), objects.whole(&other));
        prop_assert_eq!(objects.differences(first.as_ref(), second.as_ref()).0, expected);
    }

    /// However it came to be, a tree of the same entries has the same root.
    #[test]
    fn incremental_equals_whole(
        steps in proptest::collection::vec((proptest::collection::btree_set(0u32..3000, 0..400), any::<bool>()), 1..8),
    ) {
        let mut objects = Objects::default();
        let (mut expected, mut root) = (Map::new(), None);
        for (numbers, is_removal) in steps {
            let entries = map(numbers);
            let changes = entries.iter().map(|(key, value)| (key.clone(), (!is_removal).then(|| value.clone()))).collect();
            if is_removal {
                expected.retain(|key, _| !entries.contains_key(key));
            } else {
                expected.extend(entries);
            }
            root = objects.change(root.as_ref(), changes).root;
            prop_assert_eq!(objects.entries(root.as_ref()), expected.clone());
            prop_assert_eq!(root, Objects::default().whole(&expected));
            prop_assert_eq!(root.map_or(0, |root| root.entries), expected.len() as u64);
        }
    }
}
