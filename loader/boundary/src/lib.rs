//! How values and errors cross between the loader's wasm and its JavaScript: as JSON.
#![forbid(unsafe_code)]

use std::fmt::Display;

use serde::Serialize;
use wasm_bindgen::JsValue;

#[derive(Serialize)]
struct Thrown<'a> {
    code: &'a str,
    message: String,
}

/// The error that JavaScript catches: `{"code", "message"}`, of which it makes a `LoaderError`.
pub fn thrown(code: &str, error: &impl Display) -> JsValue {
    JsValue::from_str(&to_json(&Thrown { code, message: error.to_string() }))
}

/// A value for JavaScript.
pub fn to_json(value: &impl Serialize) -> String {
    // Maps with other than string keys are all that cannot be written, and there are none.
    serde_json::to_string(value).unwrap_or_default()
}
