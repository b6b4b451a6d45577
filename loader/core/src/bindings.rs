//! What JavaScript sees. Values go in as they are and come out as bytes and JSON; errors as JSON with `code` and `message`.

use js_sys::Uint8Array;
use pkgsrv_boundary::{thrown, to_json};
use pkgsrv_wheel::Wheel;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{CoreError, Expected, Installation, Layout, Linker, WheelDescription};

impl From<CoreError> for JsValue {
    fn from(error: CoreError) -> Self {
        thrown(error.code(), &error)
    }
}

/// The SHA-256 of bytes in hexadecimal.
#[wasm_bindgen(js_name = sha256)]
pub fn sha256(bytes: &[u8]) -> String {
    crate::sha256_hex(bytes)
}

/// What a wheel that came from elsewhere says of itself: `{"metadata", "imports"}`, for the resolver.
#[wasm_bindgen(js_name = describeWheel)]
pub fn describe_wheel(filename: &str, bytes: &Uint8Array) -> Result<String, JsValue> {
    let described = WheelDescription::of(&read_wheel(filename, bytes)?);
    Ok(to_json(&described.map_err(|source| CoreError::Wheel { filename: filename.to_owned(), source })?))
}

/// Reads a wheel where its bytes are: a copy of all of them would stay for good, since no memory of wasm ever shrinks.
fn read_wheel(filename: &str, bytes: &Uint8Array) -> Result<Wheel<'static>, CoreError> {
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    let wheel = Wheel::parse_from_page(bytes.clone());
    #[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
    let wheel = Wheel::parse(bytes.to_vec());
    wheel.map_err(|source| CoreError::Wheel { filename: filename.to_owned(), source })
}

/// The interpreter's directories.
#[wasm_bindgen(js_name = Layout)]
pub struct JsLayout(Layout);

#[wasm_bindgen(js_class = Layout)]
impl JsLayout {
    #[wasm_bindgen(constructor)]
    pub fn new(site: String, prefix: String, python: String) -> JsLayout {
        Self(Layout { site, prefix, python })
    }
}

/// What a wheel has to be.
#[wasm_bindgen(js_name = ExpectedWheel)]
pub struct JsExpected(Expected);

#[wasm_bindgen(js_class = ExpectedWheel)]
impl JsExpected {
    #[wasm_bindgen(constructor)]
    pub fn new(
        filename: String,
        name: String,
        version: String,
        source: String,
        requested: bool,
        compiled: bool,
    ) -> JsExpected {
        Self(Expected { filename, name, version, source, requested, compiled })
    }
}

/// A wheel about to be installed.
#[wasm_bindgen(js_name = Installation)]
pub struct JsInstallation(Installation);

#[wasm_bindgen(js_class = Installation)]
impl JsInstallation {
    /// Reads the wheel and plans its files. The bytes have to stay as they are for as long as contents are asked for.
    pub fn plan(bytes: &Uint8Array, expected: JsExpected, layout: JsLayout) -> Result<JsInstallation, JsValue> {
        // Nobody frees what was made for this call.
        let (JsExpected(expected), JsLayout(layout)) = (expected, layout);
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
