//! What holds for all archives.

use std::collections::BTreeMap;

use pkgsrv_wheel::{Archive, Wheel};
use proptest::collection::{btree_map, vec};
use proptest::prelude::{any, proptest};
use proptest::sample::Index;

use crate::builder::{File, Zip};

proptest! {
    #[test]
    fn what_is_written_is_read(
        files in btree_map("[a-m]{1,8}(/[n-z]{1,8}){0,3}", (vec(any::<u8>(), 0..400), any::<bool>(), any::<bool>()), 0..12),
    ) {
        let entries = files.iter().map(|(name, (contents, deflate, descriptor))| {
            let file = if *deflate { File::deflated(name, contents) } else { File::stored(name, contents) };
            if *deflate && *descriptor { file.with_descriptor(true) } else { file }
        });
        let bytes = Zip::of(entries.collect()).bytes();
        // A name that is a directory to another one is refused rightly.
        let clash = files.keys().any(|name| files.keys().any(|other| other.starts_with(&format!("{name}/"))));
        match Archive::parse(bytes.as_slice()) {
            Ok(archive) => {
                assert!(!clash);
                let read: BTreeMap<_, _> = archive
                    .entries()
                    .map(|entry| (entry.path().to_owned(), archive.read(entry).unwrap()))
                    .collect();
                let written: BTreeMap<_, _> = files.into_iter().map(|(name, (contents, ..))| (name, contents)).collect();
                assert_eq!(read, written);
            }
            Err(error) => assert!(clash, "{error}"),
        }
    }

    #[test]
    fn damage_is_never_a_panic(changes in vec((any::<Index>(), any::<u8>()), 1..6)) {
        let mut bytes = Zip::wheel().bytes();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if let Ok(wheel) = Wheel::parse(bytes.as_slice()) {
            let _ = (wheel.metadata(), wheel.wheel_file(), wheel.verify_record(), wheel.entry_points());
        }
    }
}
