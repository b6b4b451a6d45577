//! Pure wheels made for a measurement.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::command::prepare;

/// Writes a wheel; its arguments are path, name, version, and the size of a file that cannot be compressed.
const SCRIPT: &str = r#"
import base64, hashlib, random, sys, zipfile
path, name, version, size = sys.argv[1:]
info = f"{name}-{version}.dist-info"
files = {
    f"{name}/__init__.py": b"",
    f"{name}/data.bin": random.Random(name).randbytes(int(size)),
    f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
    f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
digest = lambda data: base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
rows = [f"{file},sha256={digest(data)},{len(data)}\n" for file, data in files.items()]
files[f"{info}/RECORD"] = "".join([*rows, f"{info}/RECORD,,\n"]).encode()
with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
    for file, data in files.items():
        archive.writestr(zipfile.ZipInfo(file), data, zipfile.ZIP_DEFLATED)  # always the same time
"#;

/// Writes a wheel with a file of `size` bytes beside little else.
pub(super) fn write(directory: &Path, name: &str, version: &str, size: u32) -> Result<PathBuf> {
    let path = directory.join(format!("{name}-{version}-py3-none-any.whl"));
    let mut python = Command::new("python3");
    prepare(python.args(["-c", SCRIPT]).arg(&path).args([name, version, &size.to_string()]))?;
    Ok(path)
}
