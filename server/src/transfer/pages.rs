//! The pages of a channel as static objects.

use std::collections::{BTreeMap, BTreeSet};

use pkgsrv_index::{Abi, PackageName, Project, simple};

use super::TransferError;
use super::target::{Put, Serving};
use crate::channel::Line;
use crate::http::accept::SimpleFormat;
use crate::lockfile::LockfileAt;
use crate::{BaseUrl, CachePolicy, ChannelName};

/// Makes pages of the current state of some lines.
pub(super) struct Pages<'a> {
    pub(super) channel: &'a ChannelName,
    pub(super) base: &'a BaseUrl,
    pub(super) lines: &'a [Line],
    /// Whether objects may have the address of a directory.
    pub(super) slash_keys: bool,
}

/// A page of the Simple API: of one line or of all, of one project or the list of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PageOf {
    pub(super) abi: Option<Abi>,
    pub(super) project: Option<PackageName>,
}

impl Pages<'_> {
    /// A page's objects; none where it would list nothing.
    pub(super) fn simple(&self, page: &PageOf) -> Result<Vec<Put>, TransferError> {
        let (json, html) = match &page.project {
            None => {
                let list = simple::ProjectList::new(self.names(page.abi)?);
                (list.to_json(), list.to_html())
            }
            Some(name) => {
                let projects: Vec<(Abi, Project)> = self
                    .lines_of(page.abi)
                    .map(|line| Ok((line.abi(), line.project(name)?)))
                    .collect::<Result<_, TransferError>>()?;
                let projects = projects.iter().map(|(abi, project)| (*abi, project));
                let Some(page) = simple::ProjectPage::new(name, projects, self.base.as_str()) else {
                    return Ok(Vec::new());
                };
                (page.to_json(), page.to_html())
            }
        };
        let bodies = BTreeMap::from([(SimpleFormat::Json, json), (SimpleFormat::TextHtml, html.into_bytes())]);
        Ok(self.keys(page).map(|(key, format)| put(key, format.content_type(), bodies[&format].clone())).collect())
    }

    /// The keys of a page, whether it is there or not.
    pub(super) fn keys(&self, page: &PageOf) -> impl Iterator<Item = (String, SimpleFormat)> + use<> {
        let abi = page.abi.map(|abi| format!("{abi}/")).unwrap_or_default();
        let name = page.project.as_ref().map(|name| format!("{name}/")).unwrap_or_default();
        let at = format!("{}{abi}simple/{name}", self.channel.prefix());
        let slash = self.slash_keys.then(|| (at.clone(), SimpleFormat::Json));
        [(format!("{at}index.json"), SimpleFormat::Json), (format!("{at}index.html"), SimpleFormat::TextHtml)]
            .into_iter()
            .chain(slash)
    }

    /// The lockfile of a line: as it stays, then as what is current.
    pub(super) fn lockfile(&self, line: &Line) -> Result<[Put; 2], TransferError> {
        let LockfileAt { bytes, name } = LockfileAt::of(line)?;
        let at = |name: &str| format!("{}pyodide/{}/{name}", self.channel.prefix(), line.abi());
        let mut staying = put(at(&name), "application/json", bytes.clone());
        staying.serving.policy = CachePolicy::ImmutableView;
        staying.keep = true;
        Ok([staying, put(at("pyodide-lock.json"), "application/json", bytes)])
    }

    /// What piplite is told of a line.
    pub(super) fn piplite(&self, line: &Line) -> Result<Put, TransferError> {
        let key = format!("{}{}/all.json", self.channel.prefix(), line.abi());
        Ok(put(key, "application/json", line.piplite()?.to_bytes()))
    }

    /// The projects that a line, or any, offers.
    fn names(&self, abi: Option<Abi>) -> Result<BTreeSet<PackageName>, TransferError> {
        let mut names = BTreeSet::new();
        for line in self.lines_of(abi) {
            names.append(&mut line.names()?);
        }
        Ok(names)
    }

    fn lines_of(&self, abi: Option<Abi>) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| abi.is_none_or(|abi| abi == line.abi()))
    }
}

fn put(key: String, content_type: &'static str, bytes: Vec<u8>) -> Put {
    Put {
        key,
        serving: Serving { content_type, policy: CachePolicy::Page },
        size: bytes.len() as u64,
        keep: false,
        read: Box::new(move || Ok(bytes)),
    }
}
