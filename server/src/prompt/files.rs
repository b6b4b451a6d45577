//! The page's own files, carried by the program.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::http::page::{Page, Vary};

/// The script that runs Python, which gets a policy of its own.
pub(super) const WORKER: &str = "worker.js";

const CSS: &str = "text/css; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

/// A file of `server/page` with its name and type.
macro_rules! files {
    ($($name:literal: $type:expr),* $(,)?) => {
        &[$(($name, $type, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/page/", $name)))),*]
    };
}

const FILES: &[(&str, &str, &[u8])] = files! {
    "boot.js": SCRIPT,
    "channel.js": SCRIPT,
    "completion.js": SCRIPT,
    "editor.js": SCRIPT,
    "environments.js": SCRIPT,
    "figures.py": TEXT,
    "format.js": SCRIPT,
    "history.js": SCRIPT,
    "icon.svg": SVG,
    "index.html": HTML,
    "input.js": SCRIPT,
    "main.js": SCRIPT,
    "output.js": SCRIPT,
    "packages.js": SCRIPT,
    "pictures.py": TEXT,
    "prompt.py": TEXT,
    "session.js": SCRIPT,
    "style.css": CSS,
    "transcript.js": SCRIPT,
    "tree.js": SCRIPT,
    "worker.js": SCRIPT,
};

/// All of them with their encodings and validators.
pub(super) struct Files(BTreeMap<&'static str, Arc<Page>>);

impl Files {
    pub(super) fn new() -> Self {
        let page = |(name, content_type, bytes): &(&'static str, &'static str, &'static [u8])| {
            (*name, Arc::new(Page::new(content_type, Vary::Encoding, *bytes)))
        };
        Self(FILES.iter().map(page).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<Arc<Page>> {
        self.0.get(name).cloned()
    }
}
