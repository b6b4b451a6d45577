//! What JavaScript sees. Values cross as bytes and JSON; errors as JSON with `code` and `message`.

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{CoreError, Installation, Installed, Layout, Linker, Repodata, digest};

#[derive(Serialize)]
struct Thrown<'a> {
    code: &'a str,
    message: String,
}

impl From<CoreError> for JsValue {
    fn from(error: CoreError) -> Self {
        Self::from_str(&to_json(&Thrown { code: error.code(), message: error.to_string() }))
    }
}

fn to_json(value: &impl Serialize) -> String {
    // Maps with other than string keys are all that cannot be written, and there are none.
    serde_json::to_string(value).unwrap_or_default()
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, CoreError> {
    // By bytes, as everything else is read: the other way is as much code again.
    serde_json::from_slice(text.as_bytes()).map_err(|error| CoreError::HostValue { problem: error.to_string() })
}

/// The SHA-256 of bytes in hexadecimal.
#[wasm_bindgen(js_name = sha256)]
pub fn sha256(bytes: &[u8]) -> String {
    digest::sha256_hex(bytes)
}

/// A head and the repodata below it, kept on this side.
#[wasm_bindgen(js_name = Repodata)]
pub struct JsRepodata(Repodata);

#[wasm_bindgen(js_class = Repodata)]
impl JsRepodata {
    /// Reads a head.
    pub fn read(head: &[u8]) -> Result<JsRepodata, JsValue> {
        Ok(Self(Repodata::new(head)?))
    }

    /// Takes a newer head.
    #[wasm_bindgen(js_name = setHead)]
    pub fn set_head(&mut self, head: &[u8]) -> Result<(), JsValue> {
        Ok(self.0.set_head(head)?)
    }

    /// The line's ABI.
    pub fn abi(&self) -> String {
        self.0.abi().to_string()
    }

    /// Address of the blobs, relative to the head; known once something was resolved.
    pub fn blobs(&self) -> Option<String> {
        self.0.blobs().map(str::to_owned)
    }

    /// Address of the directory with the runtime's files, relative to the head, if the head says it.
    pub fn runtime(&self) -> Option<String> {
        self.0.runtime()
    }

    /// The digest of the root, where the repodata is more than one node.
    #[wasm_bindgen(js_name = branchingRoot)]
    pub fn branching_root(&self) -> Option<String> {
        self.0.branching_root().map(|digest| digest.to_string())
    }

    /// Adds a node whose digest has been checked.
    pub fn add(&mut self, sha256: &str, bytes: &[u8]) -> Result<(), JsValue> {
        let sha256 = sha256.parse().map_err(|source| CoreError::Repodata { source })?;
        Ok(self.0.add(sha256, bytes)?)
    }

    /// Chooses wheels: `wanted` is a list of requirements, `installed` of `{"name", "version"}`. The answer is
    /// `{"selected": […]}`, or `{"needs": [{"sha256", "size"}, …]}`, the nodes to add before asking again.
    pub fn resolve(&self, wanted: &str, installed: &str) -> Result<String, JsValue> {
        let wanted: Vec<String> = from_json(wanted)?;
        let installed: Vec<Installed> = from_json(installed)?;
        Ok(to_json(&self.0.resolve(&wanted, &installed)?))
    }
}

/// A wheel about to be installed.
#[wasm_bindgen(js_name = Installation)]
pub struct JsInstallation(Installation);

#[wasm_bindgen(js_class = Installation)]
impl JsInstallation {
    /// Reads the wheel and plans its files.
    pub fn plan(bytes: Vec<u8>, expected: &str, layout: &str) -> Result<JsInstallation, JsValue> {
        let layout: Layout = from_json(layout)?;
        Ok(Self(Installation::plan(bytes, &from_json(expected)?, &layout)?))
    }

    /// The files as JSON, sorted by path.
    pub fn files(&self) -> String {
        to_json(&self.0.files())
    }

    /// The contents of one of them.
    pub fn contents(&self, index: usize) -> Result<Vec<u8>, JsValue> {
        Ok(self.0.contents(index)?)
    }
}

/// Libraries and link plans.
#[wasm_bindgen(js_name = Linker)]
#[derive(Default)]
pub struct JsLinker(Linker);

#[wasm_bindgen(js_class = Linker)]
impl JsLinker {
    #[wasm_bindgen(constructor)]
    pub fn new() -> JsLinker {
        Self::default()
    }

    /// Sets the symbols that every library may use, one a line.
    #[wasm_bindgen(js_name = setRuntime)]
    pub fn set_runtime(&mut self, symbols: &str) {
        self.0.set_runtime(symbols.lines());
    }

    /// Adds a library of ours.
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> Result<(), JsValue> {
        Ok(self.0.add(path, bytes)?)
    }

    /// Adds a library that the runtime has linked, with its exports, one a line.
    #[wasm_bindgen(js_name = addLinked)]
    pub fn add_linked(&mut self, path: &str, exports: &str) {
        self.0.add_linked(path, exports.lines());
    }

    /// Forgets a library.
    pub fn remove(&mut self, path: &str) {
        self.0.remove(path);
    }

    /// Whether the library is known.
    pub fn has(&self, path: &str) -> bool {
        self.0.has(path)
    }

    /// Needed libraries that are not known: a list of `[name, [directory]]`.
    pub fn unresolved(&self, path: &str) -> String {
        to_json(&self.0.unresolved(path))
    }

    /// Notes where the host found a needed library.
    #[wasm_bindgen(js_name = setFound)]
    pub fn set_found(&mut self, by: &str, name: &str, path: &str) {
        self.0.set_found(by, name, path);
    }

    /// The plan for one library.
    pub fn plan(&self, path: &str) -> Result<String, JsValue> {
        Ok(to_json(&self.0.plan(path)?))
    }
}
