//! What JavaScript sees. Values cross as bytes and JSON; errors as JSON with `code` and `message`.

use pkgsrv_boundary::{thrown, to_json};
use pkgsrv_index::{Abi, Digest};
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{Repodata, ResolverError};

impl From<ResolverError> for JsValue {
    fn from(error: ResolverError) -> Self {
        thrown(error.code(), &error)
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, ResolverError> {
    // As nodes are read: of another kind of input all readers would be there twice.
    serde_json::from_slice(text.as_bytes()).map_err(|error| ResolverError::HostValue { problem: error.to_string() })
}

/// The projects that METADATA's text says are needed, as a list of normalised names. An ABI that is not known counts as
/// the preferred one.
#[wasm_bindgen(js_name = neededProjects)]
pub fn needed_projects(path: &str, metadata: &str, abi: &str) -> Result<String, JsValue> {
    let abi = abi.parse().unwrap_or(Abi::preferred());
    Ok(to_json(&crate::needed_projects(path, metadata, abi)?))
}

/// Heads and the repodata below them, kept on this side.
#[wasm_bindgen(js_name = Repodata)]
pub struct JsRepodata(Repodata);

#[wasm_bindgen(js_class = Repodata)]
impl JsRepodata {
    /// Reads the head of the first line.
    pub fn read(head: &[u8]) -> Result<JsRepodata, JsValue> {
        Ok(Self(Repodata::new(head)?))
    }

    /// Takes a newer head of a line, or that of the next line.
    #[wasm_bindgen(js_name = setHead)]
    pub fn set_head(&mut self, line: usize, head: &[u8]) -> Result<(), JsValue> {
        Ok(self.0.set_head(line, head)?)
    }

    /// The ABI of the lines.
    pub fn abi(&self) -> String {
        self.0.abi().to_string()
    }

    /// Address of a line's blobs, relative to its head; known once something was resolved.
    pub fn blobs(&self, line: usize) -> Option<String> {
        self.0.blobs(line).map(str::to_owned)
    }

    /// The digest of a line's root, where its repodata is more than one node.
    #[wasm_bindgen(js_name = branchingRoot)]
    pub fn branching_root(&self, line: usize) -> Option<String> {
        self.0.branching_root(line).map(|digest| digest.to_string())
    }

    /// Adds a node whose digest has been checked.
    pub fn add(&mut self, sha256: &str, bytes: &[u8]) -> Result<(), JsValue> {
        let sha256: Digest = sha256.parse().map_err(|source| ResolverError::Repodata { source })?;
        Ok(self.0.add(sha256, bytes)?)
    }

    /// Chooses wheels. The request is `{"wanted", "constraints", "installed", "wheels"}`: requirements, requirements,
    /// `{"name", "version"}`, `{"filename", "sha256", "size", "metadata", "imports"}`. The answer is `{"selected": […]}`,
    /// or `{"needs": [{"line", "sha256", "size"}, …]}`, the nodes to add before asking again.
    pub fn resolve(&self, request: &str) -> Result<String, JsValue> {
        Ok(to_json(&self.0.resolve(read(request)?)?))
    }
}
