//! Bytecode of wheels, so that interpreters need not compile what they import.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pkgsrv_index::Abi;
use serde::Deserialize;

use crate::context::Context;
use crate::error::{BuildError, IoContext as _};
use crate::limits::Bounds;
use crate::process;
use crate::runtime::Runtime;
use crate::toolchain::Toolchain;

const SCRIPT: &str = include_str!("bytecode/compile.py");
/// Largest line that tells what is compiled, bytes.
const LARGEST_LINE: usize = 64 << 20;

/// What the modules of a wheel are compiled to: by the path of the source, the path and contents of its bytecode.
pub type Bytecode = BTreeMap<String, (String, Vec<u8>)>;

#[derive(Deserialize)]
struct Compiled {
    magic: String,
    modules: Vec<(String, String, usize)>,
}

/// Compiles the modules of a wheel, for imports that check nothing (PEP 552). The toolchain's Python does it, in the
/// sandbox; nothing comes of it where its bytecode is another than that of the ABI's runtime. Modules that are not for
/// this Python are left out.
pub fn compile_bytecode(context: &Context, abi: Abi, wheel: &Path) -> Result<Bytecode, BuildError> {
    let toolchain = Toolchain::ensure(context, abi)?;
    let runtime = Runtime::ensure(context, abi)?;
    let magic = runtime.bytecode_magic(context, &toolchain)?;
    let (script, out) = (context.cache.work_directory("script")?, context.cache.work_directory("bytecode")?);
    let path = script.path().join("compile.py");
    fs::write(&path, SCRIPT).doing("write", &path)?;
    let sandbox = toolchain
        .sandbox()
        .read_only(script.path(), "/script")
        .read_only(wheel, "/wheel.whl")
        .writable(out.path(), "/out")
        .directory("/tmp");
    let python = toolchain.python();
    let site_packages = format!("/lib/python{}/site-packages", abi.facts().python);
    let arguments =
        [&*python, "-I", "-W", "ignore", "/script/compile.py", "/wheel.whl", &site_packages, "/out/bytecode"];
    let mut command = sandbox.command(&arguments)?;
    let bounds = Bounds { limits: &context.limits, written: &[out.path()] };
    process::run_for_answer(&mut command, &context.interrupt, Some(bounds))?.successful()?;
    let path = out.path().join("bytecode");
    let bytes = fs::read(&path).doing("read", &path)?;
    read(&bytes, &magic).map_err(|reason| BuildError::Program {
        program: "python3 compile.py".to_owned(),
        status: "an answer that cannot be used".to_owned(),
        output: reason,
    })
}

fn read(bytes: &[u8], magic: &str) -> Result<Bytecode, String> {
    let end = bytes.iter().take(LARGEST_LINE).position(|&byte| byte == b'\n').ok_or("it has no first line")?;
    let compiled: Compiled = serde_json::from_slice(&bytes[..end]).map_err(|error| error.to_string())?;
    if compiled.magic != magic {
        return Ok(Bytecode::new());
    }
    let mut rest = &bytes[end + 1..];
    let mut bytecode = Bytecode::new();
    for (source, path, size) in compiled.modules {
        let (contents, others) = rest.split_at_checked(size).ok_or("it ends before its time")?;
        bytecode.insert(source, (path, contents.to_vec()));
        rest = others;
    }
    Ok(bytecode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_what_they_are() {
        let answer = |line: &str, bytes: &[u8]| [line.as_bytes(), b"\n", bytes].concat();
        let line = r#"{"magic":"2b","modules":[["a.py","__pycache__/a.pyc",2],["b.py","__pycache__/b.pyc",1]]}"#;
        let bytecode = read(&answer(line, b"aab"), "2b").unwrap();
        assert_eq!(bytecode["a.py"], ("__pycache__/a.pyc".to_owned(), b"aa".to_vec()));
        assert_eq!(bytecode["b.py"].1, b"b");
        assert_eq!(read(&answer(line, b"aab"), "2c").unwrap(), Bytecode::new());
        assert_eq!(read(&answer(line, b"aa"), "2b").unwrap_err(), "it ends before its time");
        assert_eq!(read(b"{}", "2b").unwrap_err(), "it has no first line");
        assert!(read(b"{}\n", "2b").is_err());
    }
}
