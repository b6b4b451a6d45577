// The ways to a package. Each runs in a browser (page or worker) by its own text, so it may use nothing outside
// itself; `argument` is {base, abi, runtime, packages, code}. Each returns what `code` evaluates to. Those that load into an
// interpreter which runs make a mark, `booted`, when it does and whoever loads is there.

/** Our loader. */
export async function withLoader({ base, abi, runtime, packages, code }) {
  const { loadPyodide } = await import(`${base}/runtime/pyodide/${runtime}/pyodide.mjs`);
  const { attach } = await import(`${base}/loader/index.js`);
  const pyodide = await loadPyodide();
  const loader = await attach(pyodide, { repodata: `${base}/repodata/${abi}/` });
  performance.mark("booted");
  await loader.install(packages);
  return pyodide.runPython(code);
}

/** Our loader, in an interpreter that it restores itself. */
export async function withBoot({ base, abi, packages, code }) {
  const { boot } = await import(`${base}/loader/index.js`);
  const { pyodide, reason } = await boot({ repodata: `${base}/repodata/${abi}/`, packages });
  if (reason !== undefined) throw new Error(reason);
  return pyodide.runPython(code);
}

/** The same with an environment that was baked, which has the packages. */
export async function withEnvironment({ base, abi, environment, code }) {
  const { boot } = await import(`${base}/loader/index.js`);
  const { pyodide, reason } = await boot({ repodata: `${base}/repodata/${abi}/`, environment });
  if (reason !== undefined) throw new Error(reason);
  return pyodide.runPython(code);
}

/** Pyodide's own `loadPackage` with our lockfile, or another. */
export async function withLoadPackage({ base, abi, runtime, packages, code, lockFileURL }) {
  const { loadPyodide } = await import(`${base}/runtime/pyodide/${runtime}/pyodide.mjs`);
  const pyodide = await loadPyodide({ lockFileURL: lockFileURL ?? `${base}/pyodide/${abi}/pyodide-lock.json` });
  performance.mark("booted");
  await pyodide.loadPackage(packages);
  return pyodide.runPython(code);
}

/** micropip, which itself comes from our channel. */
export async function withMicropip({ base, abi, runtime, packages, code }) {
  const { loadPyodide } = await import(`${base}/runtime/pyodide/${runtime}/pyodide.mjs`);
  const pyodide = await loadPyodide({ lockFileURL: `${base}/pyodide/${abi}/pyodide-lock.json` });
  await pyodide.loadPackage("micropip");
  const micropip = pyodide.pyimport("micropip");
  for (const name of packages) await micropip.install.callKwargs(name, { index_urls: `${base}/simple` });
  return pyodide.runPython(code);
}
