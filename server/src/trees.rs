//! The trees of a line after a change.

use std::collections::{BTreeMap, BTreeSet};

use pkgsrv_index::tree::{Changes, LeafLimits, NodeRef, WrittenNode, change};
use pkgsrv_index::{Digest, PackageName, Project, Release, TreeRoots, preferred_release};

use crate::ServerError;
use crate::channel::Line;

/// Trees of a line, and the nodes that it did not have before, children before their parents.
#[derive(Debug)]
pub(crate) struct NewTrees {
    pub(crate) roots: TreeRoots,
    /// Nodes of the index.
    pub(crate) index: Vec<WrittenNode>,
    /// Nodes of repodata and modules.
    pub(crate) published: Vec<WrittenNode>,
}

impl NewTrees {
    /// The bytes of one of the nodes.
    pub(crate) fn get(&self, sha256: Digest) -> Option<&[u8]> {
        let mut nodes = self.index.iter().chain(&self.published);
        nodes.find(|node| node.sha256 == sha256).map(|node| node.bytes.as_slice())
    }
}

/// The trees of a line in which these projects are as given, and all others as they were.
pub(crate) fn changed(line: &Line, projects: &BTreeMap<PackageName, Project>) -> Result<NewTrees, ServerError> {
    let roots = line.trees();
    let files: Changes<PackageName, Project> =
        projects.iter().map(|(name, project)| (name.clone(), present(project.clone(), Project::is_empty))).collect();
    let releases: Changes<PackageName, Vec<Release>> = projects
        .iter()
        .map(|(name, project)| (name.clone(), present(project.releases(line.abi()), Vec::is_empty)))
        .collect();
    let modules = changed_modules(line, &releases)?;
    let index = change(roots.index.as_ref(), LeafLimits::INDEX, files, &mut |node| line.index_node(node))?;
    let repodata =
        change(roots.repodata.as_ref(), LeafLimits::SHARED, releases, &mut |node: &NodeRef| line.shared_node(node))?;
    let modules =
        change(roots.modules.as_ref(), LeafLimits::SHARED, modules, &mut |node: &NodeRef| line.shared_node(node))?;
    Ok(NewTrees {
        roots: TreeRoots { index: index.root, repodata: repodata.root, modules: modules.root },
        index: index.written,
        published: repodata.written.into_iter().chain(modules.written).collect(),
    })
}

fn present<T>(value: T, is_empty: impl Fn(&T) -> bool) -> Option<T> {
    (!is_empty(&value)).then_some(value)
}

/// Which projects bring a module, for every module that one of the changed projects brought or brings.
fn changed_modules(
    line: &Line,
    releases: &Changes<PackageName, Vec<Release>>,
) -> Result<Changes<String, BTreeSet<PackageName>>, ServerError> {
    let mut bringing: BTreeMap<String, BTreeSet<PackageName>> = BTreeMap::new();
    for (name, after) in releases {
        let before = line.releases(name)?;
        let (before, after) = (modules(before.as_deref()), modules(after.as_deref()));
        for module in before.symmetric_difference(&after) {
            let projects = match bringing.remove(module) {
                Some(projects) => projects,
                None => line.bringing(module)?,
            };
            let others = projects.into_iter().filter(|other| other != name);
            let this = after.contains(module).then(|| name.clone());
            bringing.insert(module.clone(), others.chain(this).collect());
        }
    }
    Ok(bringing.into_iter().map(|(module, projects)| (module, present(projects, BTreeSet::is_empty))).collect())
}

/// What the release that people get brings to import.
fn modules(releases: Option<&[Release]>) -> BTreeSet<String> {
    releases.and_then(preferred_release).map(|release| release.imports.iter().cloned().collect()).unwrap_or_default()
}
