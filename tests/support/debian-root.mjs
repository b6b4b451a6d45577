// A machine that has Emscripten on PATH: the root directory of the toolchain that the provider `debian` made, with the
// program and bubblewrap put in.
import { spawn, execFileSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { program, root as checkout } from "./settings.mjs";

/** The toolchain of the provider `debian`: its directory, its root directory, and the cache that it is in. */
export function debianToolchain() {
  const line = execFileSync(program, ["toolchain", "install"], { cwd: checkout, encoding: "utf8" }).trim();
  const directory = line.split("  ")[2];
  return { directory, root: join(directory, "root"), cache: dirname(dirname(directory)) };
}

/** Runs a command in the root directory, with a cache of its own at `cache` and more options of bubblewrap. */
export async function runInRoot(toolchain, cache, command, options = []) {
  const bind = (from, to) => ["--ro-bind", from, to];
  const links = [["bin", "usr/bin"], ["lib", "usr/lib"], ["lib64", "usr/lib64"], ["sbin", "usr/sbin"]];
  const bwrap = execFileSync("sh", ["-c", "command -v bwrap"], { encoding: "utf8" }).trim();
  const args = [
    ...["--tmpfs", "/", ...bind(join(toolchain.root, "usr"), "/usr"), ...bind(join(toolchain.root, "etc"), "/etc")],
    ...links.filter(([name]) => existsSync(join(toolchain.root, name))).flatMap(([name, to]) => ["--symlink", to, `/${name}`]),
    // All of /proc: the kernel lets the sandbox inside mount its own only where nothing of the outer one is masked.
    ...["--dev", "/dev", "--bind", "/proc", "/proc", "--tmpfs", "/tmp"],
    ...[...bind(bwrap, "/opt/host/bwrap"), ...bind(program, "/opt/host/pkgsrv")],
    ...lacking(bwrap, toolchain.root).flatMap((library) => bind(library, `/opt/host/lib/${basename(library)}`)),
    ...bind(join(checkout, "recipes"), "/recipes"),
    // What is fetched comes from the cache that the other tests filled.
    ...["--bind", cache, "/cache"],
    ...["runtimes", "sources"].flatMap((name) => bind(join(toolchain.cache, name), `/cache/${name}`)),
    ...options,
    ...["--clearenv", "--setenv", "PATH", "/opt/host:/usr/bin:/bin", "--setenv", "LD_LIBRARY_PATH", "/opt/host/lib"],
    ...["--setenv", "HOME", "/tmp", "--setenv", "PKGSRV_CACHE", "/cache", "--setenv", "PKGSRV_RECIPES", "/recipes"],
    ...["--die-with-parent", "--chdir", "/tmp", "--", ...command],
  ];
  const child = spawn(bwrap, args, { stdio: ["ignore", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"]) {
    child[stream].setEncoding("utf8").on("data", (text) => (output[stream] += text));
  }
  const [code] = await once(child, "close");
  return { code, ...output };
}

/** The libraries of a program that a root directory does not have. */
function lacking(path, root) {
  const libraries = [...execFileSync("ldd", [path], { encoding: "utf8" }).matchAll(/=> (\/\S+)/g)].map((match) => match[1]);
  const folders = readdirSync(join(root, "usr/lib"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const there = (library) => folders.some((folder) => existsSync(join(root, "usr/lib", folder.name, basename(library))));
  return libraries.filter((library) => !there(library));
}

/** Lays the toolchain's Emscripten out as emsdk does, with the system libraries that emsdk brings compiled. */
export function layOutEmsdk(toolchain, emsdk) {
  const usr = (path) => join(toolchain.root, "usr", path);
  const copy = (from, to, options) => cpSync(from, join(emsdk, to), { recursive: true, verbatimSymlinks: true, ...options });
  mkdirSync(join(emsdk, "node/24_64bit/bin"), { recursive: true });
  copy(usr("share/emscripten"), "upstream/emscripten", { filter: (path) => basename(path) !== ".emscripten" });
  copy(join(toolchain.directory, "emscripten-cache"), "upstream/emscripten/cache");
  const [llvm] = readdirSync(usr("lib")).filter((name) => /^llvm-\d+$/.test(name));
  copy(usr(`lib/${llvm}/bin`), "upstream/bin");
  copy(usr(`lib/${llvm}/lib/clang`), "upstream/lib/clang");
  for (const name of readdirSync(usr("bin")).filter((name) => /^wasm-(?!.*-\d+$)/.test(name))) {
    copy(usr(`bin/${name}`), `upstream/bin/${name}`, { dereference: true, verbatimSymlinks: false });
  }
  copy(usr("bin/node"), "node/24_64bit/bin/node", { dereference: true, verbatimSymlinks: false });
  writeFileSync(
    join(emsdk, ".emscripten"),
    `import os
emsdk_path = os.path.dirname(os.getenv('EM_CONFIG'))
NODE_JS = emsdk_path + '/node/24_64bit/bin/node'
LLVM_ROOT = emsdk_path + '/upstream/bin'
BINARYEN_ROOT = emsdk_path + '/upstream'
EMSCRIPTEN_ROOT = emsdk_path + '/upstream/emscripten'
`,
  );
}
