// Makes the image of an environment in /out: a Python in which packages are installed and imported. /store is the
// channel's, /image the image of the bare runtime, /loader the loader. The format is described in ARCHITECTURE.md.
import { readFile, writeFile } from "node:fs/promises";
import { loadPyodide } from "/runtime/pyodide.mjs";
import { bake } from "/loader/baking.js";
import { stop, watchMemory, write, writeMemory } from "./memory.mjs";

/** Addresses below this are paths in /store. */
const CHANNEL = "http://channel.invalid/";

process.on("uncaughtException", stop);

const json = async (path) => JSON.parse(await readFile(path, "utf8"));

async function fetch(address) {
  const path = new URL(address).pathname;
  try {
    return new Response(await readFile(`/store${path}`));
  } catch {
    return new Response(null, { status: 404 });
  }
}

const { name, repodata, requirements, code, runtime } = await json("/script/settings.json");
const { layout, stdlib } = await json("/image/image.json");
const watched = watchMemory();
const pyodide = await loadPyodide({
  indexURL: "/runtime/",
  stdLibURL: `/image/${stdlib.file}`,
  createPyodideModule: watched.createPyodideModule,
  _makeSnapshot: true,
});
const recipe = { repodata: `${CHANNEL}${repodata}`, fetch, requirements, code };
const { environment, first, later, data } = await bake(pyodide, recipe);
const taken = await writeMemory("/out", name, pyodide, watched, data);
// They are stored one behind the other, as they are encoded on their way.
const joined = async (files) => ({
  ...(await write("/out", name, "bin", Buffer.concat(files.map(({ contents }) => contents)))),
  entries: files.map(({ path, contents, mode }) => [path, contents.length, mode]),
});
environment.first = await joined(first);
environment.later = await joined(later);
environment.runtime = `${environment.blobs}../runtime/${runtime}/`;
// It lies with the runtime's own image, which pages may have already.
const shared = { ...stdlib, file: `${environment.runtime}${stdlib.file}` };
await writeFile(`/out/${name}.json`, JSON.stringify({ format: 3, layout, ...taken, stdlib: shared, environment }));
