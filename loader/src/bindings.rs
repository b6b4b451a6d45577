//! What JavaScript sees. Values cross as bytes and JSON; errors as JSON with `code` and `message`.

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::resolve;
use crate::{CoreError, Installation, Installed, Layout, Linker, digest, resolve as choose};

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
    serde_json::from_str(text).map_err(|error| CoreError::HostValue { problem: error.to_string() })
}

/// The SHA-256 of bytes in hexadecimal.
#[wasm_bindgen(js_name = sha256)]
pub fn sha256(bytes: &[u8]) -> String {
    digest::sha256_hex(bytes)
}

/// Reads a head: `{"abi", "serial", "sha256", "size"}`.
#[wasm_bindgen(js_name = readHead)]
pub fn read_head(bytes: &[u8]) -> Result<String, JsValue> {
    let head = resolve::read_head(bytes)?;
    Ok(serde_json::json!({
        "abi": head.abi,
        "serial": head.serial,
        "sha256": head.repodata.sha256,
        "size": head.repodata.size,
    })
    .to_string())
}

/// Repodata, kept on this side.
#[wasm_bindgen]
pub struct Repodata(pkgsrv_index::Repodata);

#[wasm_bindgen]
impl Repodata {
    /// Reads repodata.
    pub fn read(bytes: &[u8]) -> Result<Repodata, JsValue> {
        let repodata = pkgsrv_index::Repodata::from_bytes(bytes);
        Ok(Self(repodata.map_err(|source| CoreError::Repodata { source })?))
    }

    /// What it is about: `{"abi", "blobs", "runtime": {"name", "version", "python"}}`.
    pub fn about(&self) -> String {
        let Self(repodata) = self;
        serde_json::json!({ "abi": repodata.abi, "blobs": repodata.blobs, "runtime": repodata.runtime }).to_string()
    }

    /// Chooses wheels: `wanted` is a list of requirements, `installed` of `{"name", "version"}`.
    pub fn resolve(&self, wanted: &str, installed: &str) -> Result<String, JsValue> {
        let wanted: Vec<String> = from_json(wanted)?;
        let installed: Vec<Installed> = from_json(installed)?;
        Ok(to_json(&choose(&self.0, &wanted, &installed)?))
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
