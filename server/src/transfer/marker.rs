//! What the pages of a target were made with, so that an export knows which of them are still right.

use serde::{Deserialize, Serialize};

use super::export::Files;
use super::target::{Serving, Target};
use super::{TransferError, target};
use crate::{BaseUrl, CachePolicy, ChannelName};

/// Grows when exported pages change for another reason than the channel's contents.
const PAGES: u32 = 1;
const FORMAT: u32 = 1;

/// Lies beside a channel's exported pages, at `export.json`. It is there only while all pages are of one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    format: u32,
    pages: u32,
    /// What absolute addresses in the pages begin with.
    base_url: String,
    /// The loader's build, if there was one.
    pub(super) loader: Option<String>,
    /// Runtimes whose files are all there, as `{name}/{version}`, with `@` and the digest of `image.json` if there is one.
    pub(super) runtimes: Vec<String>,
    /// Environments whose files are all there, as what their addresses begin with, `@` and a digest over their indexes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) environments: Vec<String>,
    /// Whether a list of them lies beside these files.
    #[serde(default)]
    pub(super) has_lists: bool,
}

impl Marker {
    pub(super) fn new(base: &BaseUrl, files: &Files) -> Self {
        Self {
            format: FORMAT,
            pages: PAGES,
            base_url: base.to_string(),
            loader: files.loader.clone(),
            runtimes: files.runtime_states(),
            environments: files.environment_states(),
            has_lists: true,
        }
    }

    fn key(channel: &ChannelName) -> String {
        format!("{}export.json", channel.prefix())
    }

    pub(super) fn read(target: &Target, channel: &ChannelName) -> Result<Option<Self>, TransferError> {
        let object = Self::key(channel);
        let Some(bytes) = target.get(&object)? else { return Ok(None) };
        let unusable = |reason: String| TransferError::Marker { object: object.clone(), place: target.place(), reason };
        let marker: Self = serde_json::from_slice(&bytes).map_err(|error| unusable(error.to_string()))?;
        if marker.format == FORMAT {
            return Ok(Some(marker));
        }
        Err(unusable(format!("its format is {}, this pkgsrv knows {FORMAT}", marker.format)))
    }

    /// Whether pages that one made are as the other would make them.
    pub(super) fn has_pages_of(&self, other: &Self) -> bool {
        self.pages == other.pages && self.base_url == other.base_url
    }

    pub(super) fn put(&self, channel: &ChannelName) -> target::Put {
        let bytes = serde_json::to_vec(self).expect("strings and numbers");
        target::Put {
            key: Self::key(channel),
            serving: Serving { content_type: "application/json", policy: CachePolicy::Page },
            size: bytes.len() as u64,
            keep: false,
            read: Box::new(move || Ok(bytes)),
        }
    }

    pub(super) fn remove(target: &Target, channel: &ChannelName) -> Result<(), TransferError> {
        target.remove(&Self::key(channel))
    }
}
