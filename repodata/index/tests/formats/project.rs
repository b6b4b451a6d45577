//! Projects: names that stay taken, yanks, statuses.

use pkgsrv_index::simple::ProjectPage;
use pkgsrv_index::{Abi, Digest, FileEntry, IndexError, Inserted, Project, ProjectStatus, Status};

use crate::sample::entry;

const FILENAME: &str = "tools-1.0-py3-none-any.whl";

fn abi() -> Abi {
    Abi::preferred()
}

fn project(filenames: &[&str]) -> Project {
    let mut project = Project::default();
    for filename in filenames {
        project.insert(abi(), entry(filename, &[])).unwrap();
    }
    project
}

#[test]
fn the_name_of_a_deleted_file_stays_taken() {
    let mut project = project(&[FILENAME]);
    project.delete(FILENAME);
    project.delete("tools-2.0-py3-none-any.whl");
    assert_eq!(project.files().count(), 0);
    assert!(!project.is_empty(), "there is a name to keep");
    let other = FileEntry { sha256: Digest::from_bytes([0xee; 32]), ..entry(FILENAME, &[]) };
    insta::assert_snapshot!(project.insert(abi(), other).unwrap_err());
    let text = serde_json::to_string(&project).unwrap();
    insta::assert_snapshot!(text);
    assert_eq!(serde_json::from_str::<Project>(&text).unwrap(), project);
    assert_eq!(project.check(&"tools".parse().unwrap()), Ok(()));
    assert!(matches!(project.check(&"other".parse().unwrap()), Err(IndexError::Inconsistent { .. })));
    assert_eq!(project.insert(abi(), entry(FILENAME, &[])), Ok(Inserted::Added));
    assert_eq!(project.deleted().count(), 0);
}

#[test]
fn a_reserved_name_does_not_hide_a_file() {
    let mut project = project(&[FILENAME]);
    project.reserve(FILENAME, Digest::from_bytes([0xee; 32]));
    assert_eq!(project.deleted().count(), 0);
    project.delete(FILENAME);
    project.reserve(FILENAME, Digest::from_bytes([0xee; 32]));
    assert_eq!(project.deleted().collect::<Vec<_>>(), [(FILENAME, entry(FILENAME, &[]).sha256)]);
}

#[test]
fn a_yank_is_of_all_files_of_a_version() {
    let mut project =
        project(&[FILENAME, "tools-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl", "tools-1.1-py3-none-any.whl"]);
    project.set_yanked(&"1.0".parse().unwrap(), Some("broken"));
    let yanked = |project: &Project| -> Vec<bool> { project.files().map(|entry| entry.yanked.is_some()).collect() };
    assert_eq!(yanked(&project), [true, true, false]);
    project.set_yanked(&"1.0".parse().unwrap(), None);
    assert_eq!(yanked(&project), [false, false, false]);
}

#[test]
fn pages_tell_the_status() {
    let mut shown = Vec::new();
    let name = "tools".parse().unwrap();
    for (status, reason) in [
        (Status::Active, None),
        (Status::Deprecated, Some("use <better-tools>")),
        (Status::Archived, None),
        (Status::Quarantined, Some("it \"phones\" home")),
    ] {
        let mut project = project(&[FILENAME]);
        project.set_status(ProjectStatus { status, reason: reason.map(str::to_owned) });
        let page = ProjectPage::new(&name, [(abi(), &project)], "https://packages.example").unwrap();
        shown.push(String::from_utf8(page.to_json()).unwrap());
        shown.push(page.to_html());
        assert_eq!(project.releases(abi()).is_empty(), status == Status::Quarantined);
    }
    insta::assert_snapshot!(shown.join("\n"));
    insta::assert_snapshot!("Archive".parse::<Status>().unwrap_err());
}

/// A file that only another line has is not offered either.
#[test]
fn the_strictest_of_the_lines_statuses_holds() {
    let mut hidden = project(&[FILENAME]);
    hidden.set_status(ProjectStatus { status: Status::Quarantined, reason: None });
    let open = project(&["tools-1.1-py3-none-any.whl"]);
    let name = "tools".parse().unwrap();
    let lines = [(abi(), &hidden), (Abi::known().last().unwrap(), &open)];
    let page = ProjectPage::new(&name, lines, "https://packages.example").unwrap();
    assert_eq!((page.status().status, page.files().len()), (Status::Quarantined, 0));
}
