//! Whether one state of a line may take the place of another.

use std::collections::BTreeMap;

use pkgsrv_index::tree::Differences;
use pkgsrv_index::{PackageName, Project, TreeRoots};

/// Serial and trees of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    pub(super) serial: u64,
    pub(super) trees: TreeRoots,
}

/// Why `after` is not a later state of `before`; `None` if it is. A file that was published stays.
pub(super) fn against(before: State, after: State, projects: &Differences<PackageName, Project>) -> Option<String> {
    if before.serial > after.serial {
        return Some(format!(
            "its serial is {}, that of what would replace it is {}: it is of a later time or another history",
            before.serial, after.serial
        ));
    }
    if before.serial == after.serial && before.trees != after.trees {
        return Some(format!("its serial is {} too, with other packages: it has another history", before.serial));
    }
    lost(projects).map(|file| format!("it has {file}, which what would replace it has not, or not with these bytes"))
}

/// A file of the first that the second does not have.
fn lost(projects: &Differences<PackageName, Project>) -> Option<String> {
    let none = Project::default();
    let lost_of = |(before, after): &(Option<Project>, Option<Project>)| {
        let after = after.as_ref().unwrap_or(&none);
        // A file that was deleted by command has left its name.
        let is_deleted = |name: &str, sha256| after.deleted().any(|deleted| deleted == (name, sha256));
        let is_there = |name: &str, sha256| after.get(name).is_some_and(|file| file.sha256 == sha256);
        let stays = |name: &str, sha256| is_there(name, sha256) || is_deleted(name, sha256);
        let mut files = before.iter().flat_map(Project::files);
        files.find(|file| !stays(file.filename.as_str(), file.sha256)).map(|file| file.filename.to_string())
    };
    projects.values().find_map(lost_of)
}

/// Files of the second that are new or changed.
pub(super) fn gained(
    projects: &BTreeMap<PackageName, (Option<Project>, Option<Project>)>,
) -> impl Iterator<Item = &pkgsrv_index::FileEntry> {
    projects.values().flat_map(|(before, after)| {
        let known = move |name: &str| before.as_ref().and_then(|before| before.get(name));
        after.iter().flat_map(Project::files).filter(move |file| known(file.filename.as_str()) != Some(*file))
    })
}
