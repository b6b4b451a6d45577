// Starts this CPython: `const python = await loadPython({ stdout: console.log })`. What it offers is named as Pyodide
// names it. Python and JavaScript exchange texts and numbers only: this build has no bridge between their objects.
import createPython from "./python.mjs";

/** What it is called by pkgsrv, and the ABI of its wheels. */
const NAME = "cpython";
const ABI = "cpython_3_13";

const PREFIX = "/usr/local";
const LIBRARY = `${PREFIX}/lib/python3.13`;
/** Where code and answers are handed over, in memory. */
const PLACE = "/tmp/.host";

const HOST = `
def run(place, scope):
    import ast, json, traceback
    with open(place + "/code", encoding="utf-8", newline="") as file:
        code = file.read()
    answer = {}
    try:
        tree = ast.parse(code, "<exec>")
        last = tree.body.pop().value if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "<exec>", "exec"), scope)
        if last is not None:
            value = eval(compile(ast.Expression(last), "<exec>", "eval"), scope)
            answer["value"] = value if value is None or isinstance(value, (bool, float, int, str)) else repr(value)
    except BaseException:
        answer["error"] = traceback.format_exc()
    with open(place + "/answer", "w", encoding="utf-8", newline="") as file:
        json.dump(answer, file)
`;

/** A file beside this one. */
async function bytesOf(name) {
  const url = new URL(name, import.meta.url);
  if (url.protocol === "file:") {
    const { readFile } = await import("node:fs/promises");
    return new Uint8Array(await readFile(url));
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`cannot fetch ${url}: the server answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/**
 * Resolves when Python has started. `stdin` gives a line, or undefined at the end; `stdout` and `stderr` take lines; `env`
 * are variables of its environment.
 */
export async function loadPython({ stdin, stdout = console.log, stderr = console.warn, env = {} } = {}) {
  const stdlib = await bytesOf("python_stdlib.zip");
  const lines = [];
  const nextCharacter = () => {
    if (lines.length === 0) {
      const line = stdin?.();
      if (line === undefined || line === null) return null;
      lines.push(...new TextEncoder().encode(line.endsWith("\n") ? line : `${line}\n`));
    }
    return lines.shift();
  };
  const module = await createPython({
    print: stdout,
    printErr: stderr,
    stdin: nextCharacter,
    thisProgram: `${PREFIX}/bin/python3`,
    preRun: [
      ({ ENV, FS }) => {
        Object.assign(ENV, { LANG: "C.UTF-8", PYTHONHOME: PREFIX, PYTHONDONTWRITEBYTECODE: "1" }, env);
        for (const directory of [`${LIBRARY}/lib-dynload`, `${LIBRARY}/site-packages`, PLACE]) FS.mkdirTree(directory);
        FS.writeFile(`${LIBRARY.replace(".", "")}.zip`, stdlib, { canOwn: true });
        // By this file Python knows its library; the one in the archive is found first.
        FS.writeFile(`${LIBRARY}/os.py`, "");
      },
    ],
  });
  const { FS } = module;
  const c = module.LDSO.loadedLibsByHandle[0].exports;
  module._free = c.free;
  const text = (string) => {
    const bytes = new TextEncoder().encode(`${string}\0`);
    const address = Number(c.malloc(bytes.length));
    module.stringToUTF8(string, address, bytes.length);
    return address;
  };
  c.Py_InitializeEx(0);
  if (c.PyRun_SimpleString(text(`import sys, types\nsys.modules["_host"] = types.ModuleType("_host")\nexec(${JSON.stringify(HOST)}, sys.modules["_host"].__dict__)\ndel sys, types`)) !== 0) {
    throw new Error("Python did not start");
  }
  const step = text(`__import__("_host").run(${JSON.stringify(PLACE)}, globals())`);

  /** Runs code in `__main__`. Returns what its last expression gives if that is a text, a number or a bool, nothing for
   * None, else its repr; throws an Error whose message is the traceback. */
  const runPython = (code) => {
    FS.writeFile(`${PLACE}/code`, code);
    const status = c.PyRun_SimpleString(step);
    if (status !== 0) throw new Error(`Python could not run the code (${status})`);
    const { value, error } = JSON.parse(FS.readFile(`${PLACE}/answer`, { encoding: "utf8" }));
    if (error !== undefined) throw new Error(error);
    return value ?? undefined;
  };

  /** Unpacks a wheel or another zip file into site-packages, or into `extractDir`. */
  const unpackArchive = (bytes, _format, { extractDir = `${LIBRARY}/site-packages` } = {}) => {
    const archive = `${PLACE}/archive`;
    FS.writeFile(archive, new Uint8Array(bytes));
    const paths = `${JSON.stringify(archive)}).extractall(${JSON.stringify(extractDir)})`;
    try {
      runPython(`__import__("zipfile").ZipFile(${paths}\n__import__("importlib").invalidate_caches()`);
    } finally {
      FS.unlink(archive);
    }
  };
  const version = runPython(`__import__("platform").python_version()`);
  const runPythonAsync = async (code) => runPython(code);
  return { name: NAME, abi: ABI, version, FS, _module: module, loadedPackages: {}, runPython, runPythonAsync, unpackArchive };
}
