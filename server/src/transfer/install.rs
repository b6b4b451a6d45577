//! Wheels unpacked into a directory, as `pip install --target` does it: for interpreters that link no side modules, such
//! as those for WASI.

mod error;
mod layout;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use pkgsrv_builder::{Interrupt, Progress};
use pkgsrv_index::{Abi, Digest, FileEntry, PackageName, Project, Release, Selected, Version, WheelFilename};
use pkgsrv_solver::solve_with;

use self::layout::Files;
use super::TransferError;
use super::nodes::{Nodes, TheirHead};
use super::source::{Source, Wanted};
use crate::named::Check;
use crate::{ChannelName, Question, ResolveError, Store, StoredObject};

pub use error::{InstallError, Refused};

/// What to unpack, and where.
#[derive(Debug)]
pub struct Install<'a> {
    /// What it has of the source's index is not fetched.
    pub store: &'a Store,
    /// The channel at the source.
    pub channel: &'a ChannelName,
    /// The line: its Python and its markers decide what is needed.
    pub abi: Abi,
    /// What is asked for.
    pub question: &'a Question,
    /// A directory that is not there yet, or is empty.
    pub target: &'a Path,
    /// Ends it.
    pub interrupt: &'a Interrupt,
    /// Shows how far it is.
    pub progress: &'a Progress,
}

/// A wheel that was unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledWheel {
    /// The project.
    pub name: PackageName,
    /// The version.
    pub version: Version,
    /// The wheel's filename.
    pub filename: WheelFilename,
    /// SHA-256 of the wheel.
    pub sha256: Digest,
    /// Whether it was asked for by name, and not only needed by something.
    pub requested: bool,
}

/// Chooses pure wheels for everything asked for and everything that needs, and unpacks them; returns them, dependencies
/// first. A project with pure wheels is asked for those alone; should one be needed that has none, that is an error,
/// with the names of all such. The directory is made beside its place and renamed, so that it is there whole or not at
/// all.
pub fn install(install: &Install<'_>, source: &Source) -> Result<Vec<InstalledWheel>, InstallError> {
    refuse_occupied(install.target)?;
    let task = install.progress.stage("install", &source.place());
    let chosen = install.chosen(source)?;
    let mut wheels = HashMap::new();
    let wanted = chosen.iter().map(|(entry, _)| wanted(entry));
    source.get_all(wanted, install.interrupt, |filename, bytes| {
        task.message(&format!("fetched {filename}"));
        wheels.insert(filename, bytes);
        Ok(())
    })?;
    let mut files = Files::default();
    let mut refused = Vec::new();
    for (entry, requested) in &chosen {
        let bytes = wheels.remove(&entry.filename).unwrap_or_default();
        refused.extend(files.add(&entry.filename, &bytes, *requested)?);
    }
    if !refused.is_empty() {
        return Err(InstallError::Compiled { refused });
    }
    install.write(files)?;
    let wheels = if chosen.len() == 1 { "wheel" } else { "wheels" };
    task.done(&format!("{} {wheels} unpacked into {}", chosen.len(), install.target.display()));
    let installed = |(entry, requested): (FileEntry, bool)| InstalledWheel {
        name: entry.name,
        version: entry.version,
        filename: entry.filename,
        sha256: entry.sha256,
        requested,
    };
    Ok(chosen.into_iter().map(installed).collect())
}

fn wanted(entry: &FileEntry) -> Wanted<WheelFilename> {
    let (sha256, filename) = (entry.sha256, entry.filename.clone());
    let key = StoredObject::Wheel { sha256, filename: filename.clone() }.path();
    Wanted { what: filename, key, check: Check::of(sha256, Some(entry.size)) }
}

/// Whatever lies there is someone's.
fn refuse_occupied(target: &Path) -> Result<(), InstallError> {
    let occupied = match fs::read_dir(target) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(source) => return Err(InstallError::io("read", target, source)),
    };
    if occupied { Err(InstallError::Occupied { target: target.to_owned() }) } else { Ok(()) }
}

impl Install<'_> {
    /// The wheels to unpack, each with whether it was asked for by name.
    fn chosen(&self, source: &Source) -> Result<Vec<(FileEntry, bool)>, InstallError> {
        let request = self.question.request(self.abi)?;
        let missing = || ResolveError::NothingPublished { channel: self.channel.clone(), abi: self.abi };
        let their = TheirHead::read(source, self.channel, self.abi)?.ok_or_else(missing)?;
        let mut nodes = Nodes::new(self.store, source, self.channel, self.abi);
        let mut projects: BTreeMap<PackageName, Project> = BTreeMap::new();
        let selected = solve_with(&request, |name| -> Result<Vec<Release>, InstallError> {
            if self.interrupt.check().is_err() {
                return Err(TransferError::Interrupted.into());
            }
            let project = nodes.project(&their.head.trees, name)?;
            let pure = project.pure_releases(self.abi);
            // Of what has compiled code alone the newest is chosen, to be named with whatever else has.
            let releases = if pure.is_empty() { project.releases(self.abi) } else { pure };
            projects.insert(name.clone(), project);
            Ok(releases)
        })?;
        let refused: Vec<Refused> =
            selected.iter().filter(|selected| !selected.release.filename.is_pure()).map(Refused::of_tags).collect();
        if !refused.is_empty() {
            return Err(InstallError::Compiled { refused });
        }
        let entry = |Selected { name, release, requested, .. }: Selected| {
            let entry = projects.get(&name).and_then(|project| project.get(release.filename.as_str()));
            entry
                .cloned()
                .map(|entry| (entry, requested))
                .ok_or_else(|| nodes.unlisted(release.filename.as_str()).into())
        };
        selected.into_iter().map(entry).collect()
    }

    /// Writes all files into a directory beside the target, which then gets its name.
    fn write(&self, files: Files) -> Result<(), InstallError> {
        let absolute = std::path::absolute(self.target);
        let target = absolute.map_err(|source| InstallError::io("find", self.target, source))?;
        let Some(parent) = target.parent() else { return Err(InstallError::Occupied { target }) };
        fs::create_dir_all(parent).map_err(|source| InstallError::io("create", parent, source))?;
        let work = tempfile::Builder::new().prefix(".pkgsrv-install-").tempdir_in(parent);
        let work = work.map_err(|source| InstallError::io("write into", parent, source))?;
        // The temporary directory itself is open to nobody else.
        let whole = work.path().join("whole");
        fs::create_dir(&whole).map_err(|source| InstallError::io("create", &whole, source))?;
        for (path, file) in files.into_files() {
            if self.interrupt.check().is_err() {
                return Err(TransferError::Interrupted.into());
            }
            let place = whole.join(&path);
            let written = || {
                fs::create_dir_all(place.parent().unwrap_or(&whole))?;
                fs::write(&place, &file.contents)?;
                if file.executable {
                    let mode = fs::metadata(&place)?.permissions().mode();
                    // Who may read it may start it.
                    fs::set_permissions(&place, fs::Permissions::from_mode(mode | (mode & 0o444) >> 2))?;
                }
                Ok(())
            };
            written().map_err(|source| InstallError::io("write", &place, source))?;
        }
        refuse_occupied(&target)?;
        fs::rename(&whole, &target).map_err(|source| InstallError::io("create", &target, source))
    }
}
