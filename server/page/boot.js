// From nothing to a Python that can install: the runtime, the loader, and the prompt's own modules. Runs in the worker.

/** Where the prompt's own Python modules lie. */
const MODULES = "/lib/pkgsrv";

/**
 * @param {object} config what the server says about itself, with the environment that is asked for
 * @param {(progress: {stage: string, done: number, total: number, unit: string}) => void} report
 * @returns what the loader's `boot` returns
 */
export async function boot(config, report) {
  const { address } = config.runtime;
  let restore = () => {};
  let total, started;
  try {
    const [{ boot: bootRuntime }, large] = await Promise.all([import(config.loader), largeFiles(config)]);
    total = [...large.values()].reduce((sum, size) => sum + size, 0);
    let done = 0;
    const fetched = (stage) => report({ stage, done, total, unit: "bytes" });
    fetched("fetch");
    restore = countFetches(large, (count) => {
      done = Math.min(done + count, total);
      fetched(done < total ? "fetch" : "start");
    });
    // Python's own colours are for terminals.
    const env = { HOME: "/home/pyodide", NO_COLOR: "1", TERM: "dumb", MPLBACKEND: "module://pkgsrv_figures" };
    const pyodide = { lockFileURL: config.lockfile, env };
    const { environment, repodata } = config;
    // Packages are installed where an environment cannot be restored; what is about none of them is its image.
    const onProgress = (progress) => progress.package === undefined || report({ ...progress, stage: "install" });
    started = await bootRuntime({ repodata, runtime: address, environment, pyodide, onProgress, log: console.info });
  } catch (error) {
    throw new Error(`the interpreter of ${address} does not start: ${error.message}`, { cause: error });
  } finally {
    restore();
  }
  report({ stage: "prepare", done: total, total, unit: "bytes" });
  await addModules(started.pyodide);
  return started;
}

/** The files that are most of the bytes before Python runs, with their sizes by address. */
async function largeFiles({ runtime: { address, sizes }, environments, environment }) {
  const names = Object.keys(sizes);
  const ofEnvironment = environment === undefined ? [] : await environmentFiles(environments, environment);
  const image = ofEnvironment.length > 0 ? [] : names.filter((name) => /^(memory|stdlib)-/.test(name));
  const hasImage = ofEnvironment.length + image.length > 0;
  const others = names.filter((name) => name === "pyodide.asm.wasm" || (name === "python_stdlib.zip" && !hasImage));
  return new Map([...[...others, ...image].map((name) => [`${address}${name}`, sizes[name]]), ...ofEnvironment]);
}

/** The files of an environment that Python waits for. What is wrong with it, the loader says. */
async function environmentFiles(environments, name) {
  const url = `${environments}${encodeURIComponent(name)}.json`;
  try {
    const response = await fetch(url, { cache: "no-cache" });
    if (!response.ok) return [];
    const { memory, environment } = await response.json();
    return [memory, environment.first].map(({ file, size }) => [new URL(file, url).href, size]);
  } catch {
    return [];
  }
}

/** Watches what is fetched of these files: how many bytes have arrived. Returns what ends it. */
function countFetches(files, onBytes) {
  const original = globalThis.fetch;
  globalThis.fetch = async (...call) => {
    const response = await original(...call);
    const url = String(call[0]?.url ?? call[0]);
    // A copy is read: the runtime compiles from the response itself, which browsers can keep compiled.
    if (files.has(url) && response.ok) count(response.clone(), onBytes);
    return response;
  };
  return () => {
    globalThis.fetch = original;
  };
}

async function count(response, onBytes) {
  try {
    for (const reader = response.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      onBytes(value.length);
    }
  } catch {
    // Whoever reads the response itself reports that.
  }
}

async function addModules(pyodide) {
  const names = ["figures", "pictures", "prompt"];
  const texts = await Promise.all(names.map((name) => text(new URL(`${name}.py`, import.meta.url))));
  pyodide.FS.mkdirTree(MODULES);
  names.forEach((name, at) => pyodide.FS.writeFile(`${MODULES}/pkgsrv_${name}.py`, texts[at]));
  pyodide.runPython(`__import__("sys").path.append("${MODULES}")`);
}

async function text(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}, expected 200`);
  return response.text();
}
