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
  const arrival = new Arrival(config, report);
  let started;
  try {
    const { boot: bootRuntime } = await import(config.loader);
    arrival.begin();
    // Python's own colours are for terminals.
    const env = { HOME: "/home/pyodide", NO_COLOR: "1", TERM: "dumb", MPLBACKEND: "module://pkgsrv_figures" };
    const pyodide = { lockFileURL: config.lockfile, env };
    const { environment, repodata } = config;
    const onProgress = (progress) => {
      // Packages are installed where an environment cannot be restored; what is about none of them is its image.
      if (progress.package !== undefined) report({ ...progress, stage: "install" });
      else if (progress.stage === "download") arrival.ofImage(progress);
    };
    started = await bootRuntime({ repodata, runtime: address, environment, pyodide, onProgress, log: console.info });
  } catch (error) {
    throw new Error(`the interpreter of ${address} does not start: ${error.message}`, { cause: error });
  } finally {
    arrival.end();
  }
  arrival.tell("prepare");
  await addModules(started.pyodide);
  return started;
}

/** How much of what Python starts from has arrived: what the runtime fetches itself, and the image that the loader fetches. */
class Arrival {
  #report;
  #restore = () => {};
  /** Addresses of what the runtime fetches, and its size. */
  #files;
  #size;
  #fetched = 0;
  /** Where there is none, it is complete. */
  #image;

  constructor({ runtime: { address, sizes }, environment }, report) {
    this.#report = report;
    const hasImage = environment !== undefined || Object.keys(sizes).some((name) => name.startsWith("memory-"));
    const names = ["pyodide.asm.wasm", ...(hasImage ? [] : ["python_stdlib.zip"])];
    this.#files = new Set(names.map((name) => `${address}${name}`));
    this.#size = names.reduce((sum, name) => sum + sizes[name], 0);
    // How large it is, the loader finds out.
    this.#image = hasImage ? undefined : { done: 0, total: 0 };
  }

  begin() {
    this.#restore = countFetches(this.#files, (count) => {
      this.#fetched = Math.min(this.#fetched + count, this.#size);
      this.#changed();
    });
    this.#changed();
  }

  ofImage(progress) {
    this.#image = progress;
    this.#changed();
  }

  end() {
    this.#restore();
  }

  tell(stage) {
    const { done, total } = this.#image ?? { done: 0, total: 0 };
    this.#report({ stage, done: this.#fetched + done, total: this.#size + total, unit: "bytes" });
  }

  #changed() {
    const isThere = this.#image?.done === this.#image?.total && this.#fetched === this.#size;
    this.tell(isThere && this.#image !== undefined ? "start" : "fetch");
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
