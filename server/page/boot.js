// From nothing to a Python that can install: the runtime, the loader, and the prompt's own modules. Runs in the worker.

/** Where the prompt's own Python modules lie. */
const MODULES = "/lib/pkgsrv";

/**
 * @param {object} config what the server says about itself
 * @param {(progress: {stage: string, done: number, total: number}) => void} report bytes of the runtime
 * @returns the interpreter, the loader attached to it
 */
export async function boot(config, report) {
  const { address, sizes } = config.runtime;
  const large = largeFiles(Object.keys(sizes));
  const total = large.reduce((sum, name) => sum + sizes[name], 0);
  let done = 0;
  report({ stage: "fetch", done, total });
  const restore = countFetches(large.map((name) => `${address}${name}`), (count) => {
    done = Math.min(done + count, total);
    report({ stage: done < total ? "fetch" : "start", done, total });
  });
  let started;
  try {
    const { boot: bootRuntime } = await import(config.loader);
    // Python's own colours are for terminals.
    const env = { HOME: "/home/pyodide", NO_COLOR: "1", TERM: "dumb", MPLBACKEND: "module://pkgsrv_figures" };
    const pyodide = { lockFileURL: config.lockfile, env };
    started = await bootRuntime({ repodata: config.repodata, runtime: address, pyodide, log: console.info });
  } catch (error) {
    throw new Error(`the interpreter of ${address} does not start: ${error.message}`, { cause: error });
  } finally {
    restore();
  }
  report({ stage: "prepare", done: total, total });
  await addModules(started.pyodide);
  return started;
}

/** The runtime's files that are most of its bytes: those of its image, else those that it starts from. */
function largeFiles(names) {
  const image = names.filter((name) => /^(memory|stdlib)-/.test(name));
  const others = names.filter((name) => name === "pyodide.asm.wasm" || (name === "python_stdlib.zip" && image.length === 0));
  return [...others, ...image];
}

/** Watches what is fetched from these addresses: how many bytes have arrived. Returns what ends it. */
function countFetches(addresses, onBytes) {
  const original = globalThis.fetch;
  globalThis.fetch = async (...call) => {
    const response = await original(...call);
    const url = String(call[0]?.url ?? call[0]);
    // A copy is read: the runtime compiles from the response itself, which browsers can keep compiled.
    if (addresses.includes(url) && response.ok) count(response.clone(), onBytes);
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
