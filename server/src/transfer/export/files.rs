//! What is exported as it lies in the data directory: blobs, runtimes, the loader.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pkgsrv_index::Abi;

use super::serving;
use crate::http::assets::{AssetPath, content_type};
use crate::named::Named;
use crate::transfer::TransferError;
use crate::transfer::marker::Marker;
use crate::transfer::target::{Put, Serving};
use crate::{CachePolicy, DataDir, ServerError, Store};

/// Runtimes and loader of a data directory.
#[derive(Debug)]
pub(super) struct Files {
    /// The runtimes of some lines, as `{name}/{version}`, without those whose files are not there.
    pub(super) runtimes: Vec<String>,
    /// The loader's build.
    pub(super) loader: Option<String>,
    /// The runtimes of lines whose files are not there.
    missing: Vec<String>,
    runtime_directory: PathBuf,
    loader_directory: PathBuf,
}

impl Files {
    pub(super) fn find(data: &DataDir, abis: impl Iterator<Item = Abi>) -> Result<Self, TransferError> {
        let directory = data.runtimes();
        let named: BTreeSet<String> =
            abis.map(|abi| format!("{}/{}", abi.facts().runtime, abi.facts().runtime_version)).collect();
        let (runtimes, missing) = named.into_iter().partition(|name| directory.join(name).is_dir());
        let loader_directory = data.loader();
        let build = match fs::canonicalize(&loader_directory) {
            Ok(build) => build.file_name().map(|name| name.to_string_lossy().into_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => return Err(unreadable(&loader_directory)(source)),
        };
        Ok(Self { runtimes, missing, loader: build, runtime_directory: directory, loader_directory })
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
        let has = |name: &String| before.is_some_and(|before| before.runtimes.contains(name));
        let mut puts = Vec::new();
        for name in self.runtimes.iter().filter(|name| !has(name)) {
            let directory = self.runtime_directory.join(name);
            puts.extend(below(&directory, &format!("runtime/{name}/"), CachePolicy::ImmutableView, true));
        }
        if self.loader.is_some() && before.is_none_or(|before| before.loader != self.loader) {
            let version = concat!("loader/", env!("CARGO_PKG_VERSION"), "/");
            for prefix in [version, "loader/"] {
                puts.extend(below(&self.loader_directory, prefix, CachePolicy::Page, false));
            }
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

/// The files of a directory that are served.
fn below(directory: &Path, prefix: &str, policy: CachePolicy, keep: bool) -> Vec<Result<Put, TransferError>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(source) => return vec![Err(unreadable(directory)(source))],
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    files.iter().filter_map(|path| asset(path, prefix, policy, keep)).collect()
}

/// `None` for a name that no address has.
fn asset(path: &Path, prefix: &str, policy: CachePolicy, keep: bool) -> Option<Result<Put, TransferError>> {
    let name: AssetPath = path.file_name()?.to_str()?.parse().ok()?;
    let size = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(source) => return Some(Err(unreadable(path)(source))),
    };
    let file = path.to_owned();
    let read = move || fs::read(&file).map_err(unreadable(&file));
    let serving = Serving { content_type: content_type(path).0, policy };
    Some(Ok(Put { key: format!("{prefix}{}", name.as_str()), serving, size, keep, read: Box::new(read) }))
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> TransferError + use<> {
    let file = path.display().to_string();
    move |source| TransferError::File { file, source }
}
