//! In which entries two trees differ, found without reading what they share.

use std::collections::{BTreeMap, BTreeSet};

use super::read::too_deep;
use super::{DEEPEST, Node, NodeRef, for_each};
use crate::IndexError;

/// Entries that differ, by key: as the first tree has them, and as the second does.
pub type Difference<K, V> = BTreeMap<K, (Option<V>, Option<V>)>;

/// Compares two trees. Nodes that both have are not read; `read_before` and `read_after` bring the others.
pub fn difference<K: Ord, V: PartialEq, E: From<IndexError>>(
    before: Option<&NodeRef>,
    after: Option<&NodeRef>,
    read_before: &mut impl FnMut(&NodeRef) -> Result<Node<K, V>, E>,
    read_after: &mut impl FnMut(&NodeRef) -> Result<Node<K, V>, E>,
) -> Result<Difference<K, V>, E> {
    let mut found = Difference::new();
    let mut pending = vec![(before.copied(), after.copied(), 0)];
    while let Some((before, after, depth)) = pending.pop() {
        if before.map(|node| node.sha256) == after.map(|node| node.sha256) {
            continue;
        }
        let nodes =
            (before.as_ref().map(&mut *read_before).transpose()?, after.as_ref().map(&mut *read_after).transpose()?);
        let (before_node, after_node) = match nodes {
            (Some(Node::Branch(one)), Some(Node::Branch(other))) => {
                if let Some(reference) = before.filter(|_| depth == DEEPEST) {
                    return Err(too_deep(&reference).into());
                }
                let digits: BTreeSet<char> = one.keys().chain(other.keys()).copied().collect();
                let child = |digit| (one.get(&digit).copied(), other.get(&digit).copied(), depth + 1);
                pending.extend(digits.into_iter().map(child));
                continue;
            }
            nodes => nodes,
        };
        below(before_node, read_before, &mut |key, value| found.entry(key).or_insert((None, None)).0 = Some(value))?;
        below(after_node, read_after, &mut |key, value| found.entry(key).or_insert((None, None)).1 = Some(value))?;
    }
    found.retain(|_, (before, after)| before != after);
    Ok(found)
}

/// Shows every entry of a node that is read already, and below it.
fn below<K: Ord, V, E: From<IndexError>>(
    node: Option<Node<K, V>>,
    read: &mut impl FnMut(&NodeRef) -> Result<Node<K, V>, E>,
    visit: &mut impl FnMut(K, V),
) -> Result<(), E> {
    match node {
        None => Ok(()),
        Some(Node::Leaf(entries)) => {
            for (key, value) in entries {
                visit(key, value);
            }
            Ok(())
        }
        Some(Node::Branch(children)) => children.values().try_for_each(|child| for_each(Some(child), read, visit)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Digest;
    use crate::tree::{LeafLimits, change};

    type Entries = BTreeMap<String, String>;
    type Nodes = BTreeMap<Digest, Node<String, String>>;

    fn tree(entries: &Entries, nodes: &mut Nodes) -> Option<NodeRef> {
        let changes = entries.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
        let tree = change(None, LeafLimits::SHARED, changes, &mut |_| -> Result<Node<String, String>, IndexError> {
            unreachable!()
        })
        .unwrap();
        for node in &tree.written {
            nodes.insert(node.sha256, Node::from_bytes(&node.bytes).unwrap());
        }
        tree.root
    }

    fn compare(one: &Entries, other: &Entries) -> (Difference<String, String>, usize) {
        let mut nodes = Nodes::new();
        let (before, after) = (tree(one, &mut nodes), tree(other, &mut nodes));
        let mut reads = 0;
        let read =
            |reference: &NodeRef| -> Result<Node<String, String>, IndexError> { Ok(nodes[&reference.sha256].clone()) };
        let mut counted = |reference: &NodeRef| {
            reads += 1;
            read(reference)
        };
        let found = difference(before.as_ref(), after.as_ref(), &mut &read, &mut counted).unwrap();
        (found, reads)
    }

    fn expected(one: &Entries, other: &Entries) -> Difference<String, String> {
        let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
        let pair = |key: &String| (one.get(key).cloned(), other.get(key).cloned());
        keys.into_iter().map(|key| (key.clone(), pair(key))).filter(|(_, (one, other))| one != other).collect()
    }

    /// Values long enough for trees of several levels.
    fn entries() -> impl Strategy<Value = Entries> {
        proptest::collection::btree_map("[a-z]{1,3}", "[a-c]".prop_map(|text| text.repeat(3000)), 0..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn is_what_comparing_all_entries_finds(one in entries(), other in entries()) {
            prop_assert_eq!(compare(&one, &other).0, expected(&one, &other));
        }
    }

    #[test]
    fn what_both_have_is_not_read() {
        let one: Entries = (0..400).map(|number| (format!("key{number}"), "x".repeat(1000))).collect();
        let mut other = one.clone();
        other.insert("another".to_owned(), "y".to_owned());
        let (found, reads) = compare(&one, &other);
        assert_eq!(found.into_keys().collect::<Vec<_>>(), ["another"]);
        // The way from the root to one leaf of a tree of two or three levels.
        assert!((2..=4).contains(&reads), "{reads}");
        assert_eq!(compare(&other, &other), (Difference::new(), 0));
    }
}
