//! What a page starts with, beside the packages: runtimes, the loader, environments.

use std::fs;
use std::path::Path;

use pkgsrv_index::Abi;
use serde::Deserialize;
use tempfile::TempDir;

use super::Mirror;
use super::incoming::Incoming;
use crate::ServerError;
use crate::environments::{EnvironmentName, parts_of};
use crate::file_list::{FILE_LIST, FileList, LARGEST_FILE, ListedFile};
use crate::http::assets::IMAGE;
use crate::signed_files::{SIGNED_FILES, keep_signed};
use crate::store::digest_of;
use crate::transfer::TransferError;
use crate::transfer::source::Source;

/// How a loader's build is called that came from elsewhere; behind it the digest of its list.
const MIRRORED: &str = "mirrored-";

/// Brings them. Each of them is changed in one step, with everything that it names there before.
pub(super) struct Served<'a> {
    mirror: &'a Mirror<'a>,
    source: &'a Source,
    incoming: Incoming,
}

/// What an image's index names beside it.
#[derive(Deserialize)]
struct Image {
    memory: ListedFile,
    stdlib: ListedFile,
}

impl<'a> Served<'a> {
    pub(super) fn open(mirror: &'a Mirror<'a>, source: &'a Source) -> Result<Self, TransferError> {
        Ok(Self { mirror, source, incoming: Incoming::open(mirror.data)? })
    }

    /// How many files were fetched.
    pub(super) fn done(self) -> Result<u64, TransferError> {
        self.incoming.done()
    }

    /// The loader's build. One that this machine has from elsewhere stays.
    pub(super) fn loader(&mut self) -> Result<(), TransferError> {
        let (prefix, data) = ("loader/", self.mirror.data);
        let Some(list) = self.list(prefix, "loader")? else { return Ok(()) };
        let build = format!("{MIRRORED}{}", digest_of(&list.to_bytes()));
        let here = data.loader_build();
        if let Some(here) = here.as_deref().filter(|here| !here.starts_with(MIRRORED))
            && !self.mirror.force
        {
            let kept = format!("the loader here, build {here}, stays; with --force it is replaced by the source's");
            self.mirror.progress.line(&kept);
            return Ok(());
        }
        let is_whole = list.files().iter().all(|file| file.is_at(&data.loader().join(&file.name)));
        if here.as_deref() == Some(&build) && is_whole {
            return Ok(());
        }
        let files = self.gather(prefix, list.files(), &data.loader())?;
        Ok(data.replace_loader(&build, files.path())?)
    }

    /// The runtime of a line, with its image. Standard libraries of earlier images stay.
    pub(super) fn runtime(&mut self, abi: Abi) -> Result<(), TransferError> {
        let (name, version) = (abi.facts().runtime, abi.facts().runtime_version);
        let prefix = format!("runtime/{name}/{version}/");
        let Some(list) = self.list(&prefix, &format!("runtime {name} {version}"))? else { return Ok(()) };
        let place = self.mirror.data.runtimes().join(name).join(version);
        let is_here = |file: &ListedFile| file.is_at(&place.join(&file.name));
        if list.files().iter().all(is_here) {
            return Ok(());
        }
        // The version names every file but the image's index.
        let mut versioned = list.files().iter().filter(|file| file.name != IMAGE);
        if let Some(other) = versioned.find(|file| place.join(&file.name).exists() && !is_here(file))
            && !self.mirror.force
        {
            let file = place.join(&other.name).display().to_string();
            return Err(TransferError::OtherRuntime { place: self.source.place(), file });
        }
        let files = self.gather(&prefix, list.files(), &place)?;
        if let Some(image) = list.get(IMAGE) {
            let path = files.path().join(IMAGE);
            let bytes = fs::read(&path).map_err(|source| ServerError::Read { path, source })?;
            check_image(&list, &bytes).map_err(|reason| self.bad(&prefix, &image.name, reason))?;
        }
        Ok(self.mirror.data.replace_runtime(name, version, files.path())?)
    }

    /// The environments of a line. Those here that the source does not have stay.
    pub(super) fn environments(&mut self, abi: Abi) -> Result<(), TransferError> {
        let prefix = format!("{}environments/{abi}/", self.mirror.channel.prefix());
        // Most channels have none.
        let Some(list) = self.read_list(&prefix)? else { return Ok(()) };
        let (data, channel) = (self.mirror.data, self.mirror.channel);
        let here = data.environments(channel, abi);
        for index in list.files() {
            let bad = |reason| self.bad(&prefix, &index.name, reason);
            let name: Option<EnvironmentName> = index.name.strip_suffix(".json").and_then(|name| name.parse().ok());
            let name = name.ok_or_else(|| bad("it is no index of an environment".to_owned()))?;
            let index = std::slice::from_ref(index);
            let read = self.incoming.gather(self.source, &prefix, index, &here, self.mirror.interrupt)?;
            let path = read.path().join(&index[0].name);
            let bytes = fs::read(&path).map_err(|source| ServerError::Read { path, source })?;
            let parts = parts_of(&name, &bytes).map_err(|reason| self.bad(&prefix, &index[0].name, reason))?;
            if let Some(part) = parts.iter().find(|part| part.size > LARGEST_FILE) {
                let reason = format!("{} has {} bytes, expected at most {LARGEST_FILE}", part.name, part.size);
                return Err(self.bad(&prefix, &index[0].name, reason));
            }
            let files = [index, &parts[..]].concat();
            if files.iter().all(|file| file.is_at(&here.join(&file.name))) {
                continue;
            }
            let files = self.gather(&prefix, &files, &here)?;
            data.add_environment(channel, abi, &name, files.path())?;
        }
        Ok(())
    }

    /// What the source has signed of these files, for readers who have its keys; last, as it names the others.
    pub(super) fn signed_files(&self, abi: Abi) -> Result<(), TransferError> {
        let (data, channel) = (self.mirror.data, self.mirror.channel);
        let prefix = format!("{}environments/{abi}/", channel.prefix());
        match self.source.get(&format!("{prefix}{SIGNED_FILES}"))? {
            Some(bytes) => Ok(keep_signed(data, channel, abi, &bytes)?),
            None => Ok(()),
        }
    }

    fn gather(&mut self, prefix: &str, files: &[ListedFile], here: &Path) -> Result<TempDir, TransferError> {
        let task = self.mirror.progress.stage("mirror", &format!("{prefix} of {}", self.source.place()));
        let gathered = self.incoming.gather(self.source, prefix, files, here, self.mirror.interrupt)?;
        task.done(&format!("{prefix} of {}", self.source.place()));
        Ok(gathered)
    }

    /// The list of files that must be there for a page to start; told if there is none.
    fn list(&self, prefix: &str, what: &str) -> Result<Option<FileList>, TransferError> {
        let list = self.read_list(prefix)?.filter(|list| !list.files().is_empty());
        if list.is_none() {
            let place = self.source.place();
            let lacking =
                format!("no {what} is copied: {place} has none, or an older pkgsrv, which does not list its files");
            self.mirror.progress.line(&lacking);
        }
        Ok(list)
    }

    fn read_list(&self, prefix: &str) -> Result<Option<FileList>, TransferError> {
        let Some(bytes) = self.source.get(&format!("{prefix}{FILE_LIST}"))? else { return Ok(None) };
        FileList::from_bytes(&bytes).map(Some).map_err(|reason| self.bad(prefix, FILE_LIST, reason))
    }

    fn bad(&self, prefix: &str, name: &str, reason: String) -> TransferError {
        TransferError::BadFiles { place: self.source.place(), object: format!("{prefix}{name}"), reason }
    }
}

/// Whether an image's parts are listed beside it, with the digests that it says.
fn check_image(list: &FileList, bytes: &[u8]) -> Result<(), String> {
    let image: Image = serde_json::from_slice(bytes).map_err(|error| format!("it is no image: {error}"))?;
    for part in [image.memory, image.stdlib] {
        if list.get(&part.name).is_none_or(|file| file.sha256 != part.sha256) {
            return Err(format!("it names {:?} with SHA-256 {}, which is not listed", part.name, part.sha256));
        }
    }
    Ok(())
}
