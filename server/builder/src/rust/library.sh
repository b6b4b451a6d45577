# Compiles Rust's standard library for the target, from the toolchain's rust-src, into
# /library/lib/rustlib/TARGET/lib. The flags are in RUSTFLAGS.
set -euo pipefail
target=wasm32-unknown-emscripten
# -Zbuild-std needs it; packages are built without.
export RUSTC_BOOTSTRAP=1 CARGO_HOME=/tmp/cargo CARGO_TARGET_DIR=/library/compiling
mkdir -p "$CARGO_HOME" /tmp/nothing "/library/lib/rustlib/$target/lib"
cat > "$CARGO_HOME/config.toml" <<'END'
[net]
offline = true
[source.crates-io]
replace-with = "standard-library"
[source.standard-library]
directory = "/usr/lib/rustlib/src/rust/library/vendor"
END
cat > /tmp/nothing/Cargo.toml <<'END'
[package]
name = "nothing"
version = "0.0.0"
edition = "2024"
[lib]
path = "/dev/null"
END
cd /tmp/nothing
cargo build --release -Zbuild-std=std --target "$target"
cd "$CARGO_TARGET_DIR/$target/release/deps"
rm libnothing-*
mv ./*.rlib "/library/lib/rustlib/$target/lib"
rm -r "$CARGO_TARGET_DIR"
