//! What is exported as it lies in the data directory: blobs, runtimes, environments, the loader.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pkgsrv_index::Abi;

use super::serving;
use crate::file_list::{FILE_LIST, FileList, Listed, digest_at};
use crate::http::assets::{AssetPath, IMAGE, content_type, environment_policy, runtime_policy};
use crate::named::Named;
use crate::store::digest_of;
use crate::transfer::TransferError;
use crate::transfer::marker::Marker;
use crate::transfer::target::{Put, Serving};
use crate::{CachePolicy, ChannelName, DataDir, ServerError, Store};

/// Runtimes, environments and loader of a data directory.
#[derive(Debug)]
pub(in crate::transfer) struct Files {
    /// The runtimes of some lines, without those whose files are not there.
    runtimes: Vec<Kept>,
    /// The loader's build.
    pub(in crate::transfer) loader: Option<String>,
    /// The runtimes of lines whose files are not there.
    missing: Vec<String>,
    environments: Vec<Kept>,
    loader_directory: PathBuf,
}

/// A directory of files that an export has sent once for all, until its state is another.
#[derive(Debug)]
struct Kept {
    directory: PathBuf,
    /// What the addresses of the files begin with.
    prefix: String,
    policy: fn(&str) -> CachePolicy,
    listed: Listed,
    /// For the marker.
    state: String,
}

impl Kept {
    /// The files of a runtime, by `{name}/{version}`; `None` if there are none. Its image may be made anew.
    fn runtime(data: &DataDir, name: &str) -> Option<Self> {
        let directory = data.runtimes().join(name);
        let image = fs::read(directory.join(IMAGE)).map(|index| format!("@{}", digest_of(&index)));
        let state = format!("{name}{}", image.unwrap_or_default());
        let prefix = format!("runtime/{name}/");
        directory.is_dir().then_some(Self { directory, prefix, policy: runtime_policy, listed: Listed::Served, state })
    }

    /// The environments of a line; `None` if there are none. What names the others tells their state.
    fn environments(data: &DataDir, channel: &ChannelName, abi: Abi) -> Option<Self> {
        let directory = data.environments(channel, abi);
        let prefix = format!("{}environments/{abi}/", channel.prefix());
        let mut indexes: Vec<PathBuf> = fs::read_dir(&directory).ok()?.flatten().map(|entry| entry.path()).collect();
        indexes.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        indexes.sort();
        let digests = indexes.iter().map(|path| digest_of(&fs::read(path).unwrap_or_default()).to_string());
        let state = format!("{prefix}@{}", digest_of(digests.collect::<String>().as_bytes()));
        Some(Self { directory, prefix, policy: environment_policy, listed: Listed::Environments, state })
    }
}

impl Files {
    pub(super) fn find(data: &DataDir, channel: &ChannelName, abis: &[Abi]) -> Result<Self, TransferError> {
        let named: BTreeSet<String> =
            abis.iter().map(|abi| format!("{}/{}", abi.facts().runtime, abi.facts().runtime_version)).collect();
        let (mut runtimes, mut missing) = (Vec::new(), Vec::new());
        for name in named {
            match Kept::runtime(data, &name) {
                Some(files) => runtimes.push(files),
                None => missing.push(name),
            }
        }
        let environments = abis.iter().filter_map(|abi| Kept::environments(data, channel, *abi)).collect();
        let loader_directory = data.loader();
        let build = match fs::canonicalize(&loader_directory) {
            Ok(build) => build.file_name().map(|name| name.to_string_lossy().into_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => return Err(unreadable(&loader_directory)(source)),
        };
        Ok(Self { runtimes, missing, loader: build, environments, loader_directory })
    }

    /// The states of the runtimes, for the marker.
    pub(in crate::transfer) fn runtime_states(&self) -> Vec<String> {
        self.runtimes.iter().map(|files| files.state.clone()).collect()
    }

    /// The states of the lines' environments, for the marker.
    pub(in crate::transfer) fn environment_states(&self) -> Vec<String> {
        self.environments.iter().map(|files| files.state.clone()).collect()
    }

    /// What is not there, and who misses it.
    pub(super) fn lacking(&self) -> Vec<String> {
        let loader =
            "no loader is exported: the data directory has none, which `pkgsrv up` or a release build lays there";
        let runtime =
            |name: &String| format!("the runtime {name} is not exported: `pkgsrv up` lays it into the data directory");
        let loader = self.loader.is_none().then(|| loader.to_owned());
        loader.into_iter().chain(self.missing.iter().map(runtime)).collect()
    }

    /// Their objects, without those that the target had when `before` was written.
    pub(super) fn puts(&self, before: Option<&Marker>) -> impl Iterator<Item = Result<Put, TransferError>> + use<> {
        // An older export wrote no lists.
        let before = before.filter(|before| before.has_lists);
        let has = |state: &String| {
            before.is_some_and(|before| before.runtimes.contains(state) || before.environments.contains(state))
        };
        let mut puts = Vec::new();
        for kept in self.runtimes.iter().chain(&self.environments).filter(|kept| !has(&kept.state)) {
            puts.extend(below(&kept.directory, &kept.prefix, kept.policy));
            puts.push(list(&kept.directory, &kept.prefix, kept.listed));
        }
        if self.loader.is_some() && before.is_none_or(|before| before.loader != self.loader) {
            let version = concat!("loader/", env!("CARGO_PKG_VERSION"), "/");
            for prefix in [version, "loader/"] {
                puts.extend(below(&self.loader_directory, prefix, |_| CachePolicy::Page));
            }
            puts.push(list(&self.loader_directory, "loader/", Listed::Served));
        }
        puts.into_iter()
    }
}

/// A stored object; what is damaged here goes nowhere.
pub(super) fn stored(store: &Store, named: Named) -> Result<Put, TransferError> {
    let Named { object, check } = named;
    let path = store.file(&object);
    let size = fs::metadata(&path).map_err(|source| ServerError::Read { path: path.clone(), source })?.len();
    let serving = serving(&object);
    let read = move || {
        let bytes = fs::read(&path).map_err(|source| ServerError::Read { path: path.clone(), source })?;
        let (found, expected) = (check.digest(&bytes), check.sha256);
        if found == expected { Ok(bytes) } else { Err(ServerError::Damaged { path, expected, found }.into()) }
    };
    Ok(Put { key: object.path(), serving, size, keep: true, read: Box::new(read) })
}

/// The files of a directory that are served. Those whose address does not name their bytes come last: they name others.
fn below(directory: &Path, prefix: &str, policy: fn(&str) -> CachePolicy) -> Vec<Result<Put, TransferError>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(source) => return vec![Err(unreadable(directory)(source))],
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    let policy_of = |path: &Path| policy(&path.file_name().unwrap_or_default().to_string_lossy());
    files.sort_by_cached_key(|path| (policy_of(path) == CachePolicy::Page, path.clone()));
    files.iter().filter_map(|path| asset(path, prefix, policy_of(path))).collect()
}

/// What tells a mirror of the files of a directory.
fn list(directory: &Path, prefix: &str, listed: Listed) -> Result<Put, TransferError> {
    let gone = || unreadable(directory)(std::io::ErrorKind::NotFound.into());
    let bytes = FileList::of(directory, listed, digest_at)?.ok_or_else(gone)?.to_bytes();
    let serving = Serving { content_type: "application/json", policy: CachePolicy::Page };
    let (key, size) = (format!("{prefix}{FILE_LIST}"), bytes.len() as u64);
    Ok(Put { key, serving, size, keep: false, read: Box::new(move || Ok(bytes)) })
}

/// `None` for a name that no address has.
fn asset(path: &Path, prefix: &str, policy: CachePolicy) -> Option<Result<Put, TransferError>> {
    let name: AssetPath = path.file_name()?.to_str()?.parse().ok()?;
    let size = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(source) => return Some(Err(unreadable(path)(source))),
    };
    let file = path.to_owned();
    let read = move || fs::read(&file).map_err(unreadable(&file));
    let serving = Serving { content_type: content_type(path).0, policy };
    let (key, keep) = (format!("{prefix}{}", name.as_str()), policy != CachePolicy::Page);
    Some(Ok(Put { key, serving, size, keep, read: Box::new(read) }))
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> TransferError + use<> {
    let file = path.display().to_string();
    move |source| TransferError::File { file, source }
}
