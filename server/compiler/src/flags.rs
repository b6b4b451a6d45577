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
pub enum Pattern {
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
    (Prefix("-fopenmp="), Refuse("there is no OpenMP for this target")),
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
    (Exact("--fatal-warnings"), Drop), // every side module makes the linker warn that these are not yet stable
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

/// Who compiles when an argument is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compile {
    /// Emscripten hands the argument on to clang as it is, whatever else there is.
    Direct,
    /// Emscripten starts clang otherwise when the argument is there, or might: what it does was asked with this argument,
    /// and is among the settings. Where it is not, Emscripten compiles.
    Asked(&'static str),
    /// Emscripten does more than starting clang, or makes something else of the argument.
    Emscripten,
}

use Compile::{Asked, Emscripten};

/// Arguments of a compile that are not clang's alone, sorted; the first that matches counts.
const COMPILE_FLAGS: &[(Pattern, Compile)] = &[
    (Prefix("--param"), Compile::Direct),
    (Prefix("--std="), Compile::Direct),
    (Prefix("--"), Emscripten), // mostly Emscripten's
    (Exact("-fexceptions"), Asked("-fexceptions")),
    (Exact("-fignore-exceptions"), Asked("-fignore-exceptions")),
    (Prefix("-flto"), Emscripten),
    (Exact("-fno-exceptions"), Asked("-fno-exceptions")),
    (Exact("-fno-lto"), Asked("-fno-lto")),
    (Prefix("-fsanitize"), Emscripten),
    (Prefix("-fvisibility"), Asked("-fvisibility-inlines-hidden")),
    (Prefix("-gforce"), Emscripten),
    (Prefix("-gseparate"), Emscripten), // debug information beside the object
    (Prefix("-gsource"), Emscripten),   // source maps
    (Prefix("-js"), Emscripten),
    (Exact("-m32"), Emscripten),
    (Exact("-m64"), Emscripten),
    (Prefix("-mavx"), Emscripten), // vector instructions of other processors, translated
    (Prefix("-mfma"), Emscripten),
    (Prefix("-mfpu"), Emscripten),
    (Exact("-mrelaxed-simd"), Asked("-mrelaxed-simd")),
    (Exact("-msimd128"), Asked("-msimd128")),
    (Prefix("-msse"), Emscripten),
    (Exact("-no-pthread"), Emscripten),
    (Exact("-nostdinc"), Asked("-nostdinc")),
    (Prefix("-profiling"), Emscripten),
    (Exact("-pthreads"), Emscripten),
    (Exact("-r"), Emscripten),
    (Prefix("-std="), Compile::Direct),
    (Prefix("-s"), Emscripten), // Emscripten's settings, and -shared
    (Prefix("-target"), Emscripten),
];

/// Who compiles when this argument is there.
pub fn compile(argument: &str) -> Compile {
    let found = COMPILE_FLAGS.iter().find(|(pattern, _)| pattern.matches(argument));
    found.map_or(Compile::Direct, |(_, compile)| *compile)
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
    pub fn matches(self, argument: &str) -> bool {
        match self {
            Self::Exact(text) => argument == text,
            Self::Prefix(text) => argument.starts_with(text),
        }
    }

    /// The value of an argument that matches: what is joined to a prefix, or the next argument.
    pub fn value<'a>(self, argument: &str, next: &mut impl Iterator<Item = &'a String>) -> Option<String> {
        match self {
            Self::Exact(_) => next.next().cloned(),
            Self::Prefix(flag) => argument.strip_prefix(flag).map(str::to_owned),
        }
    }
}
