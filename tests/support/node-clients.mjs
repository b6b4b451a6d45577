// The clients of clients.mjs in a Node process of their own. Node imports no module over HTTP, so the runtime and the
// loader come from the directories that the server serves them from; everything else is fetched.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { loaderModule, runtimeDirectory as theChannels } from "./settings.mjs";

const here = fileURLToPath(import.meta.url);

/** Runs a client in a fresh process; milliseconds from its first line to the end of the import. */
export async function inNode(client, argument) {
  const { stdout } = await promisify(execFile)(process.execPath, [here, client.name, JSON.stringify(argument)]);
  return Number(stdout.trim().split("\n").at(-1));
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

if (process.argv[1] === here) {
  // Node itself would show the line that it was thrown in, which is the runtime's whole source.
  process.on("uncaughtException", ({ message }) => {
    process.stderr.write(`${message}\n`);
    process.exitCode = 1;
  });
  const [, , name, argument] = process.argv;
  const started = performance.now();
  const { base, abi, packages, environment, code, runtimeDirectory = theChannels } = JSON.parse(argument);
  const indexURL = `${runtimeDirectory}/`;
  const repodata = `${base}/repodata/${abi}/`;
  const runtimeModule = pathToFileURL(join(runtimeDirectory, "pyodide.mjs")).href;
  let pyodide;
  if (name === "withBoot" || name === "withEnvironment") {
    const { boot } = await import(loaderModule);
    const booted = await boot({ repodata, runtime: pathToFileURL(indexURL), packages, environment });
    if (booted.reason !== undefined) throw new Error(booted.reason);
    ({ pyodide } = booted);
  } else if (name === "withLoader") {
    const { loadPyodide } = await import(runtimeModule);
    const { attach } = await import(loaderModule);
    pyodide = await loadPyodide({ indexURL });
    const loader = await attach(pyodide, { repodata });
    await loader.install(packages);
  } else {
    const { loadPyodide } = await import(runtimeModule);
    // In Node, Pyodide takes lockfiles and the files that they name from disk only; wheel addresses it does fetch.
    const lockAddress = `${base}/pyodide/${abi}/pyodide-lock.json`;
    const lock = await (await fetch(lockAddress)).json();
    const load = (names) => pyodide.loadPackage(addresses(lock, lockAddress, names), { messageCallback() {} });
    pyodide = await loadPyodide({ indexURL });
    if (name === "withLoadPackage") {
      await load(packages);
    } else {
      await load(["micropip"]);
      const micropip = pyodide.pyimport("micropip");
      for (const wanted of packages) await micropip.install.callKwargs(wanted, { index_urls: `${base}/simple` });
    }
  }
  pyodide.runPython(code);
  process.stdout.write(`\n${performance.now() - started}\n`);
}
