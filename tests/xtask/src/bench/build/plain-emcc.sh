# What a person sets up who builds by plain emcc: a cross file, and the target's Python headers where meson asks Python
# for them. -sFAKE_DYLIBS=0 makes -shared link a side module, and leaves the programs of configure checks alone. -O2 has
# Emscripten optimise the modules as ours are; a cross file cannot tell modules from checks, whose links it makes slower
# by a tenth.
mkdir -p plain/python/include
ln -s /usr/lib plain/python/lib
ln -s /pkgsrv/cross/include/python3.* plain/python/include/
cat > plain/emcc.ini <<'END'
[constants]
abi = ['-g0', '-fPIC', '-fwasm-exceptions', '-sSUPPORT_LONGJMP=wasm']
link = abi + ['-O2', '-sFAKE_DYLIBS=0', '-sWASM_BIGINT', '-Wno-experimental']

[binaries]
c = '/usr/bin/emcc'
cpp = '/usr/bin/em++'
ar = '/usr/bin/emar'

[built-in options]
c_args = abi
cpp_args = abi
c_link_args = link
cpp_link_args = link
END
