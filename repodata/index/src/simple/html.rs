//! The same pages as HTML, for installers that do not ask for JSON.

use std::fmt::{self, Write};

use super::{API_VERSION, File, ProjectList, ProjectPage};
use crate::ProjectStatus;

/// Text with the characters replaced that HTML gives a meaning, inside quoted attributes too.
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            other => f.write_char(other),
        })
    }
}

/// A page around a list of anchors.
fn page<T: fmt::Display>(title: &str, status: &ProjectStatus, anchors: impl Iterator<Item = T>) -> String {
    let title = Escaped(title);
    let mut text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"pypi:repository-version\" content=\"{API_VERSION}\">\n{}\
         <title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n",
        status_meta(status)
    );
    for anchor in anchors {
        let _infallible = writeln!(text, "{anchor}<br>");
    }
    text.push_str("</body>\n</html>\n");
    text
}

/// What [PEP 792](https://peps.python.org/pep-0792/) has in the head of a page; nothing of a plain project.
fn status_meta(status: &ProjectStatus) -> String {
    if status.is_plain() {
        return String::new();
    }
    let mut text = format!("<meta name=\"pypi:project-status\" content=\"{}\">\n", status.status);
    if let Some(reason) = &status.reason {
        let reason = Escaped(reason);
        let _infallible = writeln!(text, "<meta name=\"pypi:project-status-reason\" content=\"{reason}\">");
    }
    text
}

struct Anchor<'a>(&'a File);

impl fmt::Display for Anchor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(file) = self;
        write!(f, "<a href=\"{}#sha256={}\"", Escaped(&file.url), file.hashes.sha256)?;
        if let Some(required) = &file.requires_python {
            write!(f, " data-requires-python=\"{}\"", Escaped(required))?;
        }
        // The second key is the first one's earlier name, which installers of 2023 look for.
        for key in ["data-core-metadata", "data-dist-info-metadata"] {
            write!(f, " {key}=\"sha256={}\"", file.core_metadata.sha256)?;
        }
        if let Some(provenance) = &file.provenance {
            write!(f, " data-provenance=\"{}\"", Escaped(provenance))?;
        }
        if let Some(yanked) = &file.yanked {
            write!(f, " data-yanked=\"{}\"", Escaped(&yanked.reason))?;
        }
        write!(f, ">{}</a>", Escaped(&file.filename))
    }
}

impl ProjectList {
    /// The page as HTML; its links are relative.
    pub fn to_html(&self) -> String {
        let link = |name| format!("<a href=\"{name}/\">{name}</a>");
        page("Simple index", &ProjectStatus::default(), self.names().map(link))
    }
}

impl ProjectPage {
    /// The page as HTML.
    pub fn to_html(&self) -> String {
        page(&format!("Links for {}", self.name()), self.status(), self.files().iter().map(Anchor))
    }
}
