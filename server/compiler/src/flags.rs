//! The table of arguments that native builds pass and Emscripten cannot take, each with its meaning.

/// What becomes of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Has no meaning for wasm: left out.
    Drop,
    /// The same, and so is the argument after it.
    DropWithValue,
    /// Must fail, so that a configure script sees that the feature is missing.
    Refuse(&'static str),
}

/// How an argument is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pattern {
    Exact(&'static str),
    Prefix(&'static str),
}

use Meaning::{Drop, DropWithValue, Refuse};
use Pattern::{Exact, Prefix};

/// Arguments of the compiler driver, sorted.
const FLAGS: &[(Pattern, Meaning)] = &[
    (Prefix("-B/"), Drop), // a native binutils directory
    (Exact("-Bsymbolic-functions"), Drop),
    (Prefix("-J"), Drop),     // Fortran module directory
    (Prefix("-L/usr"), Drop), // libraries of the build machine
    (Exact("-bundle"), Drop), // macOS
    (Exact("-dynamic_lookup"), Drop),
    (Exact("-fallow-argument-mismatch"), Drop),
    (Exact("-ffixed-form"), Drop),
    (Exact("-fno-second-underscore"), Drop),
    (Exact("-fno-strict-overflow"), Drop),
    (Exact("-fopenmp"), Refuse("there is no OpenMP for this target")),
    (Prefix("-fstack-protector"), Drop),
    (Prefix("-l:"), Drop),  // names a native library file
    (Exact("-lffi"), Drop), // part of the runtime
    (Exact("-lgfortran"), Drop),
    (Exact("-lpthread"), Drop),
    (Prefix("-lpython"), Drop), // the runtime is the library
    (Exact("-mfpmath=sse"), Drop),
    (Exact("-mno-avx2"), Drop),
    (Exact("-mno-sse2"), Drop),
    (Exact("-mpopcnt"), Drop),
    (Exact("-pthread"), Drop), // the runtime has no threads; mixing would make an incompatible memory
    (Exact("-std=legacy"), Drop),
    (Exact("-undefined"), DropWithValue), // macOS: -undefined dynamic_lookup
];

/// Arguments behind `-Wl,`, sorted.
const LINKER_FLAGS: &[(Pattern, Meaning)] = &[
    (Exact("--as-needed"), Drop),
    (Exact("--enable-new-dtags"), Drop),
    (Prefix("--exclude-libs="), Drop),
    (Exact("--exclude-libs"), DropWithValue),
    (Exact("--sort-common"), Drop),
    (Exact("--strip-all"), Drop),
    (Prefix("--sysroot="), Drop),
    (Prefix("--version-script="), Drop),
    (Exact("--version-script"), DropWithValue),
    (Exact("-Bsymbolic"), Drop),
    (Exact("-Bsymbolic-functions"), Drop),
    (Prefix("-R/"), Drop),
    (Prefix("-R."), Drop),
    (Exact("-dead_strip_dylibs"), Drop),
    (Exact("-headerpad_max_install_names"), Drop),
    (Exact("-no-as-needed"), Drop),
    (Exact("-soname"), DropWithValue),
    (Prefix("-soname="), Drop),
    (Exact("-z"), DropWithValue), // ELF keywords
];

/// Arguments that Emscripten does more with than handing them to clang, sorted: a compile with one of these is left to
/// it.
const EMSCRIPTENS_OWN: &[Pattern] = &[
    Prefix("--"),
    Prefix("-fexceptions"),
    Prefix("-fignore-exceptions"),
    Prefix("-flto"),
    Prefix("-fno-exceptions"),
    Prefix("-fno-lto"),
    Prefix("-fsanitize"),
    Prefix("-mavx"),
    Prefix("-mfma"),
    Prefix("-mfpu"),
    Prefix("-mrelaxed-simd"),
    Prefix("-msimd128"),
    Prefix("-msse"),
    Prefix("-nostdinc"),
    Prefix("-s"), // settings; -std is looked at before
    Prefix("-target"),
    Prefix("-x"),
    Prefix("@"), // a file with more arguments
];

/// Whether a compile with this argument must go through Emscripten.
pub fn is_emscriptens_own(argument: &str) -> bool {
    !argument.starts_with("-std=") && EMSCRIPTENS_OWN.iter().any(|pattern| pattern.matches(argument))
}

/// The meaning of an argument of the compiler driver, `None` where it is kept.
pub fn driver(argument: &str) -> Option<Meaning> {
    look_up(FLAGS, argument)
}

/// The meaning of one comma-separated part behind `-Wl,`, `None` where it is kept.
pub fn linker(argument: &str) -> Option<Meaning> {
    look_up(LINKER_FLAGS, argument)
}

fn look_up(table: &[(Pattern, Meaning)], argument: &str) -> Option<Meaning> {
    table.iter().find(|(pattern, _)| pattern.matches(argument)).map(|(_, meaning)| *meaning)
}

impl Pattern {
    fn matches(self, argument: &str) -> bool {
        match self {
            Self::Exact(text) => argument == text,
            Self::Prefix(text) => argument.starts_with(text),
        }
    }
}
