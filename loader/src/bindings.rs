//! What JavaScript sees. Values cross as bytes and JSON; errors as JSON with `code` and `message`.

use js_sys::Uint8Array;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use pkgsrv_index::{Abi, Digest};
use pkgsrv_wheel::Wheel;

use crate::{CoreError, Expected, Installation, Layout, Linker, Repodata, read_foreign_wheel};

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
    // As nodes are read: of another kind of input all readers would be there twice.
    serde_json::from_slice(text.as_bytes()).map_err(|error| CoreError::HostValue { problem: error.to_string() })
}

/// The SHA-256 of bytes in hexadecimal.
#[wasm_bindgen(js_name = sha256)]
pub fn sha256(bytes: &[u8]) -> String {
    crate::sha256_hex(bytes)
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
        Ok(self.0.add(digest(sha256)?, bytes)?)
    }

    /// Chooses wheels. The request is `{"wanted", "constraints", "installed", "wheels"}`: requirements, requirements,
    /// `{"name", "version"}`, what [`Self::describe`] has said. The answer is `{"selected": […]}`, or
    /// `{"needs": [{"line", "sha256", "size"}, …]}`, the nodes to add before asking again.
    pub fn resolve(&self, request: &str) -> Result<String, JsValue> {
        Ok(to_json(&self.0.resolve(&from_json(request)?)?))
    }

    /// What repodata would say of a wheel that came from elsewhere.
    pub fn describe(&self, filename: &str, sha256: &str, bytes: &Uint8Array) -> Result<String, JsValue> {
        let size = u64::from(bytes.length());
        let wheel = read_wheel(filename, bytes)?;
        Ok(to_json(&read_foreign_wheel(filename, digest(sha256)?, size, &wheel, self.0.abi())?))
    }
}

fn digest(text: &str) -> Result<Digest, CoreError> {
    text.parse().map_err(|source| CoreError::Repodata { source })
}

/// Reads a wheel where its bytes are: a copy of all of them would stay for good, since no memory of wasm ever shrinks.
fn read_wheel(filename: &str, bytes: &Uint8Array) -> Result<Wheel<'static>, CoreError> {
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    let wheel = Wheel::parse_from_page(bytes.clone());
    #[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
    let wheel = Wheel::parse(bytes.to_vec());
    wheel.map_err(|source| CoreError::Wheel { filename: filename.to_owned(), source })
}

/// A wheel about to be installed.
#[wasm_bindgen(js_name = Installation)]
pub struct JsInstallation(Installation);

#[wasm_bindgen(js_class = Installation)]
impl JsInstallation {
    /// Reads the wheel and plans its files. The bytes have to stay as they are for as long as contents are asked for.
    pub fn plan(bytes: &Uint8Array, expected: &str, layout: &str) -> Result<JsInstallation, JsValue> {
        let layout: Layout = from_json(layout)?;
        let expected: Expected = from_json(expected)?;
        let wheel = read_wheel(&expected.filename, bytes)?;
        Ok(Self(Installation::plan(wheel, &expected, &layout)?))
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

    /// Names of what a library imports, one a line.
    pub fn imports(&self, path: &str) -> String {
        self.0.imports(path).collect::<Vec<_>>().join("\n")
    }

    /// Sets the symbols that every library may use, one a line; of those, the ones that libraries import are enough.
    #[wasm_bindgen(js_name = setRuntime)]
    pub fn set_runtime(&mut self, symbols: &str) {
        self.0.set_runtime(symbols.lines());
    }

    /// Adds a library of ours.
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> Result<(), JsValue> {
        Ok(self.0.add(path, bytes)?)
    }

    /// Adds a library whose linking is settled, with its exports and the paths of what it needs, one a line.
    #[wasm_bindgen(js_name = addLinked)]
    pub fn add_linked(&mut self, path: &str, exports: &str, needed: &str) {
        self.0.add_linked(path, exports.lines(), needed.lines());
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
