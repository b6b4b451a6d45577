/** Takes distributions out of an interpreter, so that each test begins alike. */
export function uninstall(pyodide, ...names) {
  pyodide.runPython(`
def uninstall(names):
    import importlib, importlib.metadata, shutil, sys
    for name in names:
        files = importlib.metadata.distribution(name).files
        site = files[0].locate().parents[len(files[0].parts) - 1]
        for top in {file.parts[0] for file in files}:
            path = site / top
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        sys.modules.pop(name, None)
    importlib.invalidate_caches()
`);
  const remove = pyodide.globals.get("uninstall");
  remove(pyodide.toPy(names));
  remove.destroy();
  pyodide.globals.delete("uninstall");
  for (const name of names) delete pyodide.loadedPackages[name];
}

/** Takes everything out that the interpreter has, by its loader. */
export async function uninstallAll(loader) {
  const there = (await loader.list()).map(({ name }) => name);
  if (there.length > 0) await loader.uninstall(there);
}
