// From nothing to a Python that can install: the runtime, the loader, and the prompt's own modules. Runs in the worker.

/** The files of the runtime that are most of its bytes, and that it fetches itself. */
const LARGE = ["pyodide.asm.wasm", "python_stdlib.zip"];

/** Where the prompt's own Python modules lie. */
const MODULES = "/lib/pkgsrv";

/**
 * @param {object} config what the server says about itself
 * @param {(progress: {stage: string, done: number, total: number}) => void} report bytes of the runtime
 * @returns the interpreter, the loader attached to it
 */
export async function boot(config, report) {
  const { address, sizes } = config.runtime;
  const total = LARGE.reduce((sum, name) => sum + (sizes[name] ?? 0), 0);
  let done = 0;
  report({ stage: "fetch", done, total });
  const restore = countFetches(LARGE.map((name) => `${address}${name}`), (count) => {
    done += count;
    report({ stage: done < total ? "fetch" : "start", done, total });
  });
  let pyodide;
  try {
    const { loadPyodide } = await import(`${address}pyodide.mjs`);
    // Python's own colours are for terminals.
    const env = { HOME: "/home/pyodide", NO_COLOR: "1", TERM: "dumb", MPLBACKEND: "module://pkgsrv_figures" };
    pyodide = await loadPyodide({ indexURL: address, lockFileURL: config.lockfile, env });
  } catch (error) {
    throw new Error(`the interpreter of ${address} does not start: ${error.message}`, { cause: error });
  } finally {
    restore();
  }
  report({ stage: "prepare", done: total, total });
  const [{ attach }] = await Promise.all([import(config.loader), addModules(pyodide)]);
  return { pyodide, loader: await attach(pyodide, { repodata: config.repodata }) };
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
