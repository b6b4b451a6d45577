//! The system libraries that configure checks link: Emscripten compiles them on first use, and that is at installation,
//! since its cache is read-only in a build.

use std::fs;
use std::path::Path;

use crate::abi_flags::{ABI_FLAGS, DEFAULT_FLAGS, PROGRAM_FLAGS};
use crate::error::{BuildError, IoContext as _};
use crate::sandbox::Sandbox;

/// Where a build finds what Emscripten has compiled.
pub(crate) const EMSCRIPTEN_CACHE: &str = "/var/cache/emscripten";

/// The script that [`write_programs`] writes, to be run by `bash -eux` in their directory.
pub(super) const SCRIPT_NAME: &str = "script";

/// Use what a configure check links.
pub(super) const PROGRAM_C: &str = "#include <math.h>\n#include <setjmp.h>\n#include <stdio.h>\nstatic jmp_buf b;\n\
    int main(int argc, char **argv) { if (!setjmp(b)) longjmp(b, 1); printf(\"%f\", sin(argc)); return 0; }\n";
pub(super) const PROGRAM_CXX: &str = "#include <iostream>\n#include <mutex>\n#include <stdexcept>\n#include <string>\n\
    int main(int argc, char **) { try { if (argc > 1) throw std::runtime_error(\"x\"); } \
    catch (std::exception &e) { std::cout << e.what(); } return 0; }\n";

/// Compiles, links and runs the two programs.
pub(super) fn script() -> String {
    let flags = [DEFAULT_FLAGS, ABI_FLAGS].concat().join(" ");
    let program_flags = PROGRAM_FLAGS.join(" ");
    format!(
        "emcc {flags} program.c -o c.js {program_flags}\nem++ {flags} program.cpp -o cxx.js {program_flags}\n\
         node c.js\nnode cxx.js\n"
    )
}

/// Writes the programs and the script into a new directory.
pub(super) fn write_programs(directory: &Path) -> Result<(), BuildError> {
    fs::create_dir(directory).doing("create", directory)?;
    for (file, text) in [("program.c", PROGRAM_C), ("program.cpp", PROGRAM_CXX), (SCRIPT_NAME, &script())] {
        let path = directory.join(file);
        fs::write(&path, text).doing("write", &path)?;
    }
    Ok(())
}

/// A build's view of the finished cache.
pub(super) fn mounted(sandbox: Sandbox, cache: &Path) -> Sandbox {
    sandbox
        .read_only(cache, EMSCRIPTEN_CACHE)
        .variable("EM_CACHE", EMSCRIPTEN_CACHE)
        .variable("EM_FROZEN_CACHE", "1")
        // The installation has compiled and run programs; no need to ask clang for its version at every link.
        .variable("EMCC_SKIP_SANITY_CHECK", "1")
}
