// An environment with matplotlib, which takes minutes to build: what draws is chosen where it is restored.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { ownData, run, startServer } from "../support/program.mjs";
import { abi, loaderModule, runtimeDirectory } from "../support/settings.mjs";
import { temporaryDirectory } from "../support/upstream.mjs";

const { boot } = await import(loaderModule);
const directory = temporaryDirectory();
const data = ownData(directory.path);
const drawn = `import io
from matplotlib import pyplot
figure = pyplot.figure()
pyplot.plot([1, 2])
made = io.BytesIO()
figure.savefig(made)
`;
let server;

before(async () => {
  const warm = join(directory.path, "warm.py");
  // A figure with text would keep the file of a font open.
  writeFileSync(warm, "from matplotlib import pyplot\npyplot.switch_backend('agg')\n");
  for (const words of [["up", "matplotlib", "--no-serve"], ["bake", "matplotlib", "--warm", warm]]) {
    const { code, stderr } = await run([...words, "--data", data]);
    assert.equal(code, 0, stderr);
  }
  server = await startServer(["serve", "--data", data]);
});
after(async () => {
  await server?.stop();
  directory.remove();
});

for (const [what, env, backend, start] of [
  ["without a word about it", {}, "agg", "\\x89PNG"],
  ["with MPLBACKEND", { MPLBACKEND: "svg" }, "svg", "<?xml"],
]) {
  test(`it draws by the backend ${backend} ${what}`, async () => {
    const runtime = pathToFileURL(`${runtimeDirectory}/`);
    const repodata = `${server.base}/repodata/${abi}/`;
    const { pyodide, reason } = await boot({ repodata, runtime, environment: "matplotlib", pyodide: { env } });
    assert.equal(reason, undefined);
    assert.equal(pyodide.runPython("import sys; 'matplotlib.pyplot' in sys.modules"), true);
    const found = pyodide.runPython(`${drawn}
import matplotlib
f"{matplotlib.get_backend().lower()} {made.getvalue().startswith(b'${start}')}"`);
    assert.equal(found, `${backend} True`);
  });
}
