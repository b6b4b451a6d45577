# Cross-builds CPython and zlib, which lie in python/ and zlib/ beside this script, into out/: python.mjs, python.wasm,
# python_stdlib.zip. $1 is the build Python, $2 the compiler's flags, $3 how many processes there may be.
set -eux
cd /build
python=$1
flags=$2
jobs=$3
# Emscripten compiles its libraries once more, position independent: into a copy, since a build's view is read-only.
cp -r "$EM_CACHE" /build/emscripten-cache
export EM_CACHE=/build/emscripten-cache
unset EM_FROZEN_CACHE
# What the interpreter says of its build.
export SOURCE_DATE_EPOCH=0

# Without the gz* files: nothing of CPython calls them.
cd zlib
emcc -O2 $flags -DHAVE_UNISTD_H -c adler32.c compress.c crc32.c deflate.c infback.c inffast.c inflate.c inftrees.c \
    trees.c uncompr.c zutil.c
emar rcs libz.a ./*.o

mkdir /build/cross
cd /build/cross
export CONFIG_SITE=/build/python/Tools/wasm/config.site-wasm32-emscripten PKG_CONFIG_LIBDIR=/nowhere
# Else configure has Emscripten fetch what it has no source of.
for module in _bz2 _ctypes _dbm _gdbm _hashlib _lzma _sqlite3 _ssl _tkinter _uuid readline; do
    export "py_cv_module_$module=n/a"
done
for library in BZIP2 LIBSQLITE3; do
    export "${library}_CFLAGS=-I/nowhere" "${library}_LIBS=-L/nowhere"
done
emconfigure ../python/configure --build="$(../python/config.guess)" --host=wasm32-unknown-emscripten \
    --prefix=/usr/local --with-build-python="$python" --enable-wasm-dynamic-linking --with-emscripten-target=node \
    --disable-ipv6 --disable-test-modules --without-ensurepip \
    CFLAGS="-O2 $flags" LDFLAGS="$flags" ZLIB_CFLAGS=-I/build/zlib ZLIB_LIBS=/build/zlib/libz.a
make -j"$jobs" libpython3.13.a Programs/python.o pybuilddir.txt

# An ES module for pages, workers and Node, in place of a program that takes Node's files for its own: files are in
# memory, or mounted. What a loader links with is exported. Whole archives are linked, so zlib is named once.
exported=ENV,FS,GOT,LDSO,NODEFS,PATH,UTF8ToString,addFunction,callMain,ccall,findLibraryFS,freeTableIndexes,getMemory
exported=$exported,loadDynamicLibrary,loadWebAssemblyModule,preloadedWasm,stringToUTF8,updateTableMap,wasmTable
make python.mjs BUILDPYTHON=python.mjs MODULE_BINASCII_LDFLAGS= \
    CONFIGURE_LDFLAGS_NODIST="-sALLOW_MEMORY_GROWTH -sINITIAL_MEMORY=20971520 -sSTACK_SIZE=5MB -sWASM_BIGINT \
        -sFORCE_FILESYSTEM -lnodefs.js" \
    LINKFORSHARED="-sMAIN_MODULE -O2 -sMODULARIZE -sEXPORT_ES6 -sEXPORT_NAME=createPython \
        -sENVIRONMENT=web,worker,node -sINVOKE_RUN=0 -sEXIT_RUNTIME=0 --post-js /build/exports.js -sEXPORTED_RUNTIME_METHODS=$exported"
mkdir /build/out
cp python.mjs python.wasm /build/out
"$python" -I /build/pack.py /build/python/Lib "$(cat pybuilddir.txt)" /build/out/python_stdlib.zip
