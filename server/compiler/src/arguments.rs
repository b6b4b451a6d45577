//! What becomes of the arguments of a native build, one by one.

use crate::flags::{self, Meaning};
use crate::settings::Settings;

/// Flags with a directory of headers behind them, joined or as the next argument.
const INCLUDE_FLAGS: &[&str] = &["-I", "-idirafter", "-iquote", "-isystem"];

/// The arguments that stay, rewritten one by one; `Err` carries the reason of a refusal.
pub fn keep(arguments: Vec<String>, settings: &Settings) -> Result<Vec<String>, String> {
    let mut kept = Vec::with_capacity(arguments.len() + 16);
    let mut libraries = Vec::new();
    let mut linker = LinkerArguments::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if INCLUDE_FLAGS.contains(&argument.as_str()) {
            kept.extend(arguments.next().and_then(|path| include(&argument, &path, settings)).into_iter().flatten());
            continue;
        }
        if let Some((flag, path)) = joined_include(&argument) {
            kept.extend(include(flag, path, settings).map(|parts| parts.concat()));
            continue;
        }
        match flags::driver(&argument) {
            Some(Meaning::Drop) => {}
            Some(Meaning::DropWithValue) => drop(arguments.next()),
            Some(Meaning::Refuse(reason)) => return Err(format!("{argument}: {reason}")),
            // One of Emscripten's settings that is given at the end anyway: sysconfig data has setuptools pass it, and
            // with it no compile could go around Emscripten.
            None if argument.starts_with("-s") && settings.abi_flags.contains(&argument) => {}
            None if argument.starts_with("-Wl,") => kept.extend(linker.keep(&argument)?),
            None if argument.starts_with("-l") => {
                // wasm-ld takes a library once; native builds name one again to resolve cycles.
                if !libraries.contains(&argument) {
                    libraries.push(argument.clone());
                    kept.push(argument);
                }
            }
            None => kept.push(argument),
        }
    }
    Ok(kept)
}

fn joined_include(argument: &str) -> Option<(&str, &str)> {
    INCLUDE_FLAGS.iter().find_map(|flag| Some((*flag, argument.strip_prefix(flag)?)))
}

/// Flag and directory, the build Python's headers replaced by the target's; `None` for other headers of the build
/// machine.
fn include(flag: &str, path: &str, settings: &Settings) -> Option<[String; 2]> {
    let build_python = settings.build_python_include.as_str();
    let below = path.strip_prefix(build_python).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    match below.filter(|_| !build_python.is_empty()) {
        Some(rest) => Some([flag.to_owned(), format!("{}{rest}", settings.target_python_include)]),
        None if path == "/usr" || path.starts_with("/usr/") => None,
        None => Some([flag.to_owned(), path.to_owned()]),
    }
}

/// The arguments behind `-Wl,`; libtool splits a flag and its value into two of them.
#[derive(Default)]
struct LinkerArguments {
    value_is_dropped: bool,
}

impl LinkerArguments {
    fn keep(&mut self, argument: &str) -> Result<Option<String>, String> {
        let mut kept = Vec::new();
        for part in argument.split(',').skip(1) {
            if std::mem::take(&mut self.value_is_dropped) {
                continue;
            }
            match flags::linker(part) {
                Some(Meaning::Drop) => {}
                Some(Meaning::DropWithValue) => self.value_is_dropped = true,
                Some(Meaning::Refuse(reason)) => return Err(format!("{part}: {reason}")),
                None => kept.push(part),
            }
        }
        Ok((!kept.is_empty()).then(|| format!("-Wl,{}", kept.join(","))))
    }
}
