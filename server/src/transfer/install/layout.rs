//! Where a wheel's files go below a target directory. Pure.

use std::collections::BTreeMap;

use pkgsrv_builder::is_native_code;
use pkgsrv_index::WheelFilename;
use pkgsrv_wheel::{EntryPoint, Record, Wheel};

use super::{InstallError, Refused};

/// What starts a program with whatever Python is first on the path.
const SHEBANG: &str = "#!/usr/bin/env python3";

/// What an installer writes itself, or what a new RECORD makes untrue.
const OWN: [&str; 5] = ["INSTALLER", "RECORD", "RECORD.jws", "RECORD.p7s", "REQUESTED"];

/// Side modules by whatever name.
const WASM: &[u8] = b"\0asm";

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) contents: Vec<u8>,
    pub(super) executable: bool,
    from: WheelFilename,
}

/// The files of all wheels, by path relative to the target.
#[derive(Debug, Default)]
pub(super) struct Files(BTreeMap<String, File>);

impl Files {
    /// All of them, sorted by path.
    pub(super) fn into_files(self) -> impl Iterator<Item = (String, File)> {
        self.0.into_iter()
    }

    /// Adds a wheel's files, its programs and a RECORD of them; the first file that is compiled code is returned instead.
    pub(super) fn add(
        &mut self,
        filename: &WheelFilename,
        bytes: &[u8],
        requested: bool,
    ) -> Result<Option<Refused>, InstallError> {
        let bad = |source| InstallError::Wheel { filename: filename.to_string(), source: Box::new(source) };
        let wheel = Wheel::parse(bytes).map_err(bad)?;
        wheel.verify_record().map_err(bad)?;
        let (dist_info, data) = (wheel.dist_info_dir().to_owned(), format!("{}/", wheel.data_dir()));
        let mut own = BTreeMap::new();
        for entry in wheel.entries() {
            let path = entry.path();
            if path.strip_prefix(&dist_info).is_some_and(|rest| OWN.contains(&rest.trim_start_matches('/'))) {
                continue;
            }
            let mut contents = wheel.read(entry).map_err(bad)?;
            if is_native_code(path) || contents.starts_with(WASM) {
                return Ok(Some(Refused { filename: filename.clone(), path: Some(path.to_owned()) }));
            }
            let is_script = path.strip_prefix(&data).is_some_and(|below| below.starts_with("scripts/"));
            if is_script {
                contents = started_by_python(contents);
            }
            let unknown = || InstallError::Scheme { filename: filename.to_string(), path: path.to_owned() };
            let place = match path.strip_prefix(&data) {
                Some(below) => placed(below, filename).ok_or_else(unknown)?,
                None => path.to_owned(),
            };
            own.insert(place, (contents, entry.is_executable() || is_script));
        }
        for entry_point in wheel.entry_points().map_err(bad)? {
            if let Some((path, text)) = program(&entry_point) {
                own.insert(path, (text.into_bytes(), true));
            }
        }
        own.insert(format!("{dist_info}/INSTALLER"), (b"pkgsrv\n".to_vec(), false));
        if requested {
            own.insert(format!("{dist_info}/REQUESTED"), (Vec::new(), false));
        }
        let record_path = format!("{dist_info}/RECORD");
        let record =
            Record::text(own.iter().map(|(path, (contents, _))| (path.as_str(), contents.as_slice())), &record_path);
        own.insert(record_path, (record.into_bytes(), false));
        for (path, (contents, executable)) in own {
            self.put(path, File { contents, executable, from: filename.clone() })?;
        }
        Ok(None)
    }

    /// Parts of a namespace may bring the same file; what differs would be lost.
    fn put(&mut self, path: String, file: File) -> Result<(), InstallError> {
        match self.0.get(&path) {
            Some(there) if there.contents != file.contents => {
                Err(InstallError::Conflict { filename: file.from.to_string(), other: there.from.to_string(), path })
            }
            _ => {
                self.0.insert(path, file);
                Ok(())
            }
        }
    }
}

/// Where a file of the `.data` directory goes, as pip has it with `--target`; `None` for an unknown scheme.
fn placed(below: &str, filename: &WheelFilename) -> Option<String> {
    let (scheme, rest) = below.split_once('/')?;
    match scheme {
        "purelib" | "platlib" | "data" => Some(rest.to_owned()),
        "scripts" => Some(format!("bin/{rest}")),
        "headers" => Some(format!("include/{}/{rest}", filename.name())),
        _ => None,
    }
}

/// Scripts of wheels say `#!python` for the interpreter that they are installed for.
fn started_by_python(contents: Vec<u8>) -> Vec<u8> {
    let Some(rest) = contents.strip_prefix(b"#!python") else { return contents };
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    [SHEBANG.as_bytes(), &rest[end..]].concat()
}

/// Path and text of the program that an entry point asks for. It finds its package by its own place, so that it runs
/// without `PYTHONPATH`.
fn program(entry_point: &EntryPoint) -> Option<(String, String)> {
    let EntryPoint { group, name, object } = entry_point;
    if !matches!(group.as_str(), "console_scripts" | "gui_scripts") {
        return None;
    }
    let attribute = object.attribute.as_deref()?;
    let (module, first) = (&object.module, attribute.split('.').next().unwrap_or_default());
    let text = format!(
        "{SHEBANG}\nimport os\nimport sys\n\nsys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))\n\
         from {module} import {first}\n\nif __name__ == \"__main__\":\n    sys.exit({attribute}())\n"
    );
    Some((format!("bin/{name}"), text))
}
