# What a person sets up who builds by pyodide-build: a virtual environment with it and the tools of the build,
# Emscripten on the path, and a cross-build environment, which else is fetched. This one has the headers and the
# sysconfig data of ours, and the flags of Pyodide's own.
unset AR CC CXX RANLIB CMAKE_TOOLCHAIN_FILE PKG_CONFIG_LIBDIR PYTHONPATH
unset _PYTHON_HOST_PLATFORM _PYTHON_SYSCONFIGDATA_NAME EM_FROZEN_CACHE

peer=/build/peer
python3 -m venv --without-pip "$peer/venv"
echo /pkgsrv/tools > "$(echo "$peer"/venv/lib/python3.*/site-packages)/tools.pth"
for script in /pkgsrv/tools/bin/*; do
    sed "1s|^#!.*python.*|#!$peer/venv/bin/python3|" "$script" > "$peer/venv/bin/${script##*/}"
    chmod +x "$peer/venv/bin/${script##*/}"
done

cp -r /pkgsrv/host/emscripten-cache/cache "$peer/cache"
export EM_CACHE="$peer/cache"
# At the end, for llvm-readobj: it tells what the objects of a side module export.
PATH="$peer/venv/bin:/usr/bin:/bin$(printf ':%s' /usr/lib/llvm-*/bin)"

export PYODIDE_ROOT="$peer/cross/xbuildenv/pyodide-root"
target="$PYODIDE_ROOT/cpython/installs/python-3.14.2"
mkdir -p "$target/lib" "$peer/cross/emsdk/upstream"
ln -s "$(dirname "$(readlink -f /usr/bin/emcc)")" "$peer/cross/emsdk/upstream/emscripten"
ln -s /pkgsrv/cross/include "$target/include"
ln -s /pkgsrv/cross/sysconfig "$target/sysconfigdata"
cat > "$PYODIDE_ROOT/Makefile.envs" <<'END'
export PYVERSION = 3.14.2
export PYMAJOR = 3
export PYMINOR = 14
export PYMICRO = 2
export PYODIDE_VERSION = 314.0.7
export PYODIDE_ABI_VERSION = 2026_0
export PYODIDE_EMSCRIPTEN_VERSION = 5.0.3
export PLATFORM_TRIPLET = wasm32-emscripten
export SYSCONFIG_NAME = _sysconfigdata__emscripten_wasm32-emscripten
export CPYTHONINSTALL = $(PYODIDE_ROOT)/cpython/installs/python-$(PYVERSION)
export TARGETINSTALLDIR = $(CPYTHONINSTALL)
export SYSCONFIGDATA_DIR = $(CPYTHONINSTALL)/sysconfigdata/
export PYTHONINCLUDE = $(CPYTHONINSTALL)/include/python$(PYMAJOR).$(PYMINOR)
# Newer linkers than Debian's hold for stable what this one warns of, and pyodide-build makes each warning an error.
export EXTRA_LDFLAGS = -Wl,--experimental-pic
export CFLAGS_BASE = -O2 -g0 -fPIC -fwasm-exceptions -sSUPPORT_LONGJMP=wasm
export CXXFLAGS_BASE =
export LDFLAGS_BASE = -O2 -g0 -L$(CPYTHONINSTALL)/lib/ -fwasm-exceptions -sSUPPORT_LONGJMP=wasm $(EXTRA_LDFLAGS)
.output_vars: ; set
END

# The toolchain's Emscripten is a newer one than the ABI's.
export SKIP_EMSCRIPTEN_VERSION_CHECK=1
cross_file=/pkgsrv/tools/pyodide_build/tools/emscripten.meson.cross
# shellcheck disable=SC2086 # several words
pyodide build . --no-isolation --skip-dependency-check --outdir /build/out \
    --config-setting=setup-args=--cross-file=$cross_file --config-setting=build-dir=/build/meson $SETTINGS
mv /build/out/*.whl "$PREFIX/"
