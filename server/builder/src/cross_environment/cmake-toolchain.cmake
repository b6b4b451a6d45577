# What CMake needs to know of the target. It reads this twice: as the toolchain file, and once more after its own module
# for Emscripten, which would name shared libraries `.wasm`.
set(CMAKE_USER_MAKE_RULES_OVERRIDE "${CMAKE_CURRENT_LIST_FILE}")
set(CMAKE_SHARED_LIBRARY_SUFFIX ".so")
set(CMAKE_SHARED_MODULE_SUFFIX ".so")

set(CMAKE_SYSTEM_NAME Emscripten)
set(CMAKE_SYSTEM_PROCESSOR wasm32)

set(CMAKE_AR "${CMAKE_CURRENT_LIST_DIR}/bin/ar")
set(CMAKE_CXX_COMPILER "${CMAKE_CURRENT_LIST_DIR}/bin/c++")
set(CMAKE_C_COMPILER "${CMAKE_CURRENT_LIST_DIR}/bin/cc")
set(CMAKE_NM "${CMAKE_CURRENT_LIST_DIR}/bin/nm")
set(CMAKE_RANLIB "${CMAKE_CURRENT_LIST_DIR}/bin/ranlib")
set(CMAKE_STRIP "${CMAKE_CURRENT_LIST_DIR}/bin/strip")

# Programs are the build machine's; headers, libraries and packages never are.
file(GLOB CMAKE_FIND_ROOT_PATH LIST_DIRECTORIES true "/pkgsrv/host/*")
list(APPEND CMAKE_FIND_ROOT_PATH "${CMAKE_CURRENT_LIST_DIR}" "/pkgsrv/tools" "$ENV{EM_CACHE}/sysroot")
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_SYSTEM_PREFIX_PATH "/")

file(GLOB Python_INCLUDE_DIR LIST_DIRECTORIES true "${CMAKE_CURRENT_LIST_DIR}/include/python3.*")
set(Python3_INCLUDE_DIR "${Python_INCLUDE_DIR}")
