//! `cargo xtask loader`: two wasm, their bindings and TypeScript into `loader/js/build`, bundled into `loader/js/dist`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use wasm_bindgen_cli_support::Bindgen;

use crate::command::{prepare, recreate};
use crate::stamp::Stamp;
use crate::wasm_std::{Choice, TARGET, WasmStd};

/// The crates that the browser and the server share.
const SHARED: [&str; 4] = ["pkgsrv-index", "pkgsrv-wheel", "pkgsrv-side-module", "pkgsrv-solver"];

/// Everything that the npm package is made from.
const INPUTS: [&str; 22] = [
    "LICENSE",
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    "repodata/index/Cargo.toml",
    "repodata/index/src",
    "repodata/side-module/Cargo.toml",
    "repodata/side-module/src",
    "repodata/wheel/Cargo.toml",
    "repodata/wheel/src",
    "loader/boundary/Cargo.toml",
    "loader/boundary/src",
    "loader/core/Cargo.toml",
    "loader/core/src",
    "loader/resolver/Cargo.toml",
    "loader/resolver/src",
    "loader/js/src",
    "loader/js/package.json",
    "loader/js/package-lock.json",
    "loader/js/rollup.config.mjs",
    "loader/js/tsconfig.json",
    "tests/xtask/src/loader.rs",
];

/// The crates that become a wasm module each: the core, and the resolver, which is fetched by who resolves something.
const WASM: [&str; 2] = ["pkgsrv-loader", "pkgsrv-resolver"];

/// Options of `cargo xtask loader`.
#[derive(Debug, Default, Args)]
pub struct LoaderArguments {
    /// Where the standard library for wasm32 comes from.
    #[arg(long = "std", value_enum, default_value = "auto")]
    choice: Choice,
    /// Builds even if nothing has changed.
    #[arg(long)]
    force: bool,
}

/// Options of `cargo xtask check-shared`.
#[derive(Debug, Default, Args)]
pub struct CheckArguments {
    /// Where the standard library for wasm32 comes from.
    #[arg(long = "std", value_enum, default_value = "auto")]
    choice: Choice,
}

/// Builds the npm package into `loader/js/dist`, unless what is there was made from the same files.
pub fn build(arguments: &LoaderArguments) -> Result<()> {
    let root = root()?;
    let js = root.join("loader/js");
    let (build, dist) = (js.join("build"), js.join("dist"));
    // `up` and a test may want it at the same time.
    fs::create_dir_all(root.join("target")).context("cannot create the target directory")?;
    let lock =
        fs::File::create(root.join("target/loader.lock")).context("cannot create a lock in the target directory")?;
    lock.lock().context("cannot lock the loader's build")?;
    let stamp = Stamp::over(dist.join(".stamp"), &root, &INPUTS)?;
    if stamp.is_current() && !arguments.force {
        eprintln!("loader: up to date");
        return Ok(());
    }
    let started = Instant::now();
    let wasm_std = WasmStd::provide(arguments.choice)?;
    let compiled = compile(&root, &wasm_std)?;
    stamp.clear()?;
    install_tools(&js)?;
    // What an older version of the sources was compiled to must not stay.
    recreate(&build)?;
    for wasm in &compiled {
        bind(wasm, &build)?;
    }
    tool(&js, &["tsc", "--project", "tsconfig.json"])?;
    recreate(&dist)?;
    tool(&js, &["rollup", "--config", "rollup.config.mjs", "--silent"])?;
    encode(&dist.join("index.js"))?;
    for wasm in WASM {
        // As wasm-bindgen names it.
        let name = format!("{}_bg.wasm", wasm.replace('-', "_"));
        copy(&build.join(&name), &dist.join(&name))?;
        encode(&dist.join(&name))?;
    }
    // npm packs it with the package only if it lies there.
    copy(&root.join("LICENSE"), &js.join("LICENSE"))?;
    stamp.write()?;
    eprintln!("loader: built in {:.1} s into {}", started.elapsed().as_secs_f64(), dist.display());
    Ok(())
}

/// Checks that the shared crates compile for wasm32.
pub fn check_shared(arguments: &CheckArguments) -> Result<()> {
    let root = root()?;
    let wasm_std = WasmStd::provide(arguments.choice)?;
    let mut cargo = wasm_std.cargo("check");
    cargo.args(SHARED.iter().flat_map(|name| ["-p", name]));
    prepare(cargo.args(["--target-dir"]).arg(target_directory(&root, &wasm_std)).current_dir(&root))
}

/// The root of the checkout. Cargo says it when it runs us: a target directory may have been moved since it compiled us.
pub fn root() -> Result<PathBuf> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let root = Path::new(&manifest).ancestors().nth(2);
    Ok(root.context("the xtask crate is not in a checkout")?.to_owned())
}

/// Apart from the native one: another compiler would throw its work away. One for each provider,
/// for the same reason.
fn target_directory(root: &Path, wasm_std: &WasmStd) -> PathBuf {
    let provider = wasm_std.describe();
    root.join("target/wasm").join(provider.split(' ').next().unwrap_or_default())
}

/// The two together, which share what they depend on.
fn compile(root: &Path, wasm_std: &WasmStd) -> Result<Vec<PathBuf>> {
    let target = target_directory(root, wasm_std);
    let mut cargo = wasm_std.cargo("build");
    cargo.args(["--profile", "loader"]).args(WASM.iter().flat_map(|name| ["-p", name]));
    cargo.arg("--target-dir").arg(&target);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", without_our_paths(root)?.join("\u{1f}"));
    prepare(cargo.current_dir(root))?;
    let directory = target.join(TARGET).join("loader");
    Ok(WASM.iter().map(|name| directory.join(name.replace('-', "_")).with_extension("wasm")).collect())
}

/// Flags by which panics name source files below the crate, the checkout or the standard library: none of this machine's
/// paths, and fewer bytes.
fn without_our_paths(root: &Path) -> Result<Vec<String>> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo"))).context("there is no CARGO_HOME")?;
    let registries = fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten().map(|entry| entry.path());
    let printed =
        Command::new("rustc").args(["--print", "sysroot"]).current_dir(root).output().context("cannot start rustc")?;
    let sysroot = String::from_utf8_lossy(&printed.stdout).trim().to_owned();
    let library = Path::new(&sysroot).join("lib/rustlib/src/rust");
    let prefixes = registries.chain([root.to_owned(), library]);
    let mut flags: Vec<String> = prefixes.map(|path| format!("--remap-path-prefix={}=", path.display())).collect();
    flags.sort();
    Ok(flags)
}

/// Writes the JavaScript that goes with the wasm, beside it.
fn bind(wasm: &Path, build: &Path) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(wasm).typescript(true).omit_default_module_path(true);
    // Names are for debuggers; they are half of the bytes.
    bindgen.remove_name_section(true).remove_producers_section(true);
    bindgen.web(true).context("wasm-bindgen knows no web target")?;
    bindgen.generate(build).context("wasm-bindgen cannot write the bindings")
}

fn install_tools(js: &Path) -> Result<()> {
    let installed = Stamp::over(js.join("node_modules/.pkgsrv-stamp"), js, &["package.json", "package-lock.json"])?;
    if installed.is_current() {
        return Ok(());
    }
    let npm = ["ci", "--no-audit", "--no-fund", "--loglevel", "error"];
    prepare(Command::new("npm").args(npm).current_dir(js))?;
    installed.write()
}

/// Runs a program of the package's development dependencies.
fn tool(js: &Path, command: &[&str]) -> Result<()> {
    prepare(Command::new("npx").arg("--no-install").args(command).current_dir(js))
}

/// Writes brotli at its best beside a file, for servers: seconds, which no request should wait for.
fn encode(file: &Path) -> Result<()> {
    let contents = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut encoded = Vec::new();
    let best = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
    brotli::BrotliCompress(&mut contents.as_slice(), &mut encoded, &best).context("brotli cannot encode")?;
    let path = format!("{}.br", file.display());
    fs::write(&path, encoded).with_context(|| format!("cannot write {path}"))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}
