//! Writes a channel of many files into a data directory, for benchmarks: `large-channel DIR PROJECTS RELEASES`. The wheels
//! themselves are left out, and so is all care for power failures.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use pkgsrv::{ChannelName, DataDir, Store, StoredObject, digest_of};
use pkgsrv_index::tree::{Changes, LeafLimits, WrittenNode, change};
use pkgsrv_index::{Abi, FileEntry, Head, IndexError, PackageName, Project, TreeRoots, UploadTime, WheelFilename};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Of every ten projects the first one needs all others: some itself, the rest by those.
const NEEDED: [&[usize]; 10] = [&[1, 2, 3], &[4, 5], &[6, 7], &[8, 9], &[], &[], &[], &[], &[], &[]];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, projects, releases] = arguments.as_slice() else {
        bail!("expected: large-channel DIRECTORY PROJECTS RELEASES");
    };
    let (projects, releases) = (projects.parse()?, releases.parse()?);
    write(&DataDir::new(Path::new(directory)).store(), projects, releases)
}

fn write(store: &Store, projects: usize, releases: usize) -> Result<()> {
    let (abi, channel) = (Abi::preferred(), ChannelName::main());
    let mut files: Changes<PackageName, Project> = BTreeMap::new();
    let mut offered: Changes<PackageName, _> = BTreeMap::new();
    let mut modules: Changes<String, Vec<String>> = BTreeMap::new();
    for number in 0..projects {
        let name = name(number);
        let mut project = Project::default();
        for release in 0..releases {
            project.insert(abi, entry(number, release)?)?;
        }
        modules.insert(name.replace('-', "_"), Some(vec![name.clone()]));
        offered.insert(name.parse()?, Some(project.releases(abi)));
        files.insert(name.parse()?, Some(project));
    }
    let put = |object: StoredObject, bytes: &[u8]| {
        let path = store.file(&object);
        let directory = path.parent().context("objects lie in directories")?;
        fs::create_dir_all(directory).and_then(|()| fs::write(&path, bytes)).with_context(|| path.display().to_string())
    };
    let (index, written) = tree(LeafLimits::INDEX, files)?;
    for WrittenNode { sha256, bytes, .. } in written {
        put(StoredObject::Index { channel: channel.clone(), abi, sha256 }, &bytes)?;
    }
    let (repodata, written) = tree(LeafLimits::SHARED, offered)?;
    let (modules, more) = tree(LeafLimits::SHARED, modules)?;
    for WrittenNode { sha256, bytes, .. } in written.into_iter().chain(more) {
        put(StoredObject::Repodata { channel: channel.clone(), abi, sha256 }, &bytes)?;
    }
    let head = Head::new(abi, 1, channel.blobs_from_view(), TreeRoots { index, repodata, modules });
    put(StoredObject::Head { channel, abi }, &head.to_bytes())
}

type Written = (Option<pkgsrv_index::tree::NodeRef>, Vec<WrittenNode>);

fn tree<K, V>(limits: LeafLimits, entries: Changes<K, V>) -> Result<Written>
where
    K: Ord + Clone + AsRef<str> + Serialize + DeserializeOwned,
    V: Clone + PartialEq + Serialize + DeserializeOwned,
{
    let nothing_before = &mut |_: &_| -> Result<_, IndexError> { unreachable!("there is no tree before") };
    let after = change(None, limits, entries, nothing_before)?;
    Ok((after.root, after.written))
}

fn name(number: usize) -> String {
    format!("project-{number:06}")
}

/// The wheel of one release, with a digest that no real file has.
fn entry(number: usize, release: usize) -> Result<FileEntry> {
    let name = name(number);
    let filename: WheelFilename = format!("{}-1.{release}-py3-none-any.whl", name.replace('-', "_")).parse()?;
    let digest = |what: &str| digest_of(format!("{what} of {filename}").as_bytes());
    let needed = NEEDED[number % 10].iter().map(|other| number - number % 10 + other);
    Ok(FileEntry {
        name: filename.name().clone(),
        version: filename.version().clone(),
        sha256: digest("wheel"),
        twin: None,
        compiled: None,
        size: 20_000 + number as u64,
        metadata_sha256: digest("metadata"),
        admission_sha256: Some(digest("report")),
        documents: BTreeMap::default(),
        upload_time: UploadTime::from_unix_micros(1_795_305_600_000_000),
        requires_python: Some(">=3.10".parse().map_err(|error| anyhow::anyhow!("{error}"))?),
        depends: needed.map(|number| format!("{}>=1.0", self::name(number)).parse()).collect::<Result<_, _>>()?,
        extras: BTreeMap::default(),
        imports: vec![name.replace('-', "_")],
        yanked: None,
        filename,
    })
}
