// The clients of clients.mjs in a Node process of their own. Node imports no module over HTTP, so the runtime and the
// loader come from the directories that the server serves them from; everything else is fetched.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { loaderModule, runtimeDirectory as theChannels } from "./settings.mjs";

const here = fileURLToPath(import.meta.url);

/** Runs a client in a fresh process; milliseconds from its first line (`start`), or from the mark `from`, to the end of the code. */
export async function inNode(client, argument, from = "start") {
  return Number(await lastLine([here, client.name, JSON.stringify(argument), from]));
}

/** The last line that a script of arguments prints. */
export async function lastLine(args) {
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return stdout.trim().split("\n").at(-1);
}

/** Addresses of the wheels of `names` and of all that they need. */
function addresses(lock, lockAddress, names) {
  const found = new Set();
  const visit = (name) => {
    if (found.has(name)) return;
    found.add(name);
    lock.packages[name].depends.forEach(visit);
  };
  names.forEach(visit);
  return [...found].map((name) => new URL(lock.packages[name].file_name, lockAddress).href);
}

/** Does what the client of this name does; `booted` is called where that makes its mark. */
export async function load(name, argument, booted = () => {}) {
  const { base, abi, packages, environment, runtimeDirectory = theChannels } = argument;
  const indexURL = `${runtimeDirectory}/`;
  const repodata = `${base}/repodata/${abi}/`;
  if (name === "withBoot" || name === "withEnvironment") {
    const { boot } = await import(loaderModule);
    const what = name === "withBoot" ? { packages } : { environment };
    const { pyodide, reason } = await boot({ repodata, runtime: pathToFileURL(indexURL), ...what });
    if (reason !== undefined) throw new Error(reason);
    return pyodide;
  }
  const { loadPyodide } = await import(pathToFileURL(join(runtimeDirectory, "pyodide.mjs")).href);
  if (name === "withLoader") {
    const { attach } = await import(loaderModule);
    const pyodide = await loadPyodide({ indexURL });
    const loader = await attach(pyodide, { repodata });
    await booted(pyodide);
    await loader.install(packages);
    return pyodide;
  }
  // In Node, Pyodide takes lockfiles and the files that they name from disk only; wheel addresses it does fetch.
  const lockAddress = `${base}/pyodide/${abi}/pyodide-lock.json`;
  const lock = await (await fetch(lockAddress)).json();
  const pyodide = await loadPyodide({ indexURL });
  await booted(pyodide);
  const loadPackage = (names) => pyodide.loadPackage(addresses(lock, lockAddress, names), { messageCallback() {} });
  if (name === "withLoadPackage") {
    await loadPackage(packages);
    return pyodide;
  }
  await loadPackage(["micropip"]);
  const micropip = pyodide.pyimport("micropip");
  for (const wanted of packages) await micropip.install.callKwargs(wanted, { index_urls: `${base}/simple` });
  return pyodide;
}

/** Node itself would show the line that an error was thrown in, which is the runtime's whole source. */
export function showMessagesOnly() {
  process.on("uncaughtException", ({ message }) => {
    process.stderr.write(`${message}\n`);
    process.exitCode = 1;
  });
}

if (process.argv[1] === here) {
  showMessagesOnly();
  const [, , name, argument, from] = process.argv;
  const times = { start: performance.now() };
  const parsed = JSON.parse(argument);
  const pyodide = await load(name, parsed, () => (times.booted = performance.now()));
  pyodide.runPython(parsed.code);
  process.stdout.write(`\n${performance.now() - times[from]}\n`);
}
