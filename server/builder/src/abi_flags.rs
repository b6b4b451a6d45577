//! The compiler and linker flags that make code for an ABI. The runtime was built with the same.

/// Flags on every compile and link: position independent, wasm exceptions, wasm `setjmp`, no debug information.
pub(crate) const ABI_FLAGS: &[&str] = &["-g0", "-fPIC", "-fwasm-exceptions", "-sSUPPORT_LONGJMP=wasm"];

/// Flags that a package may override.
pub(crate) const DEFAULT_FLAGS: &[&str] = &["-O2"];

/// Flags for linking a side module: 64-bit integers cross to JavaScript as `BigInt`, as in the runtime.
pub(crate) const SIDE_MODULE_FLAGS: &[&str] = &["-sWASM_BIGINT", "-Wno-experimental"];

/// Flags for linking a program, which is a configure check, since nothing else of a package is a program here: cheap to
/// link, and always the one set of system libraries that the toolchain made when it was installed.
pub(crate) const PROGRAM_FLAGS: &[&str] = &["-O1", "-sASSERTIONS=0"];
