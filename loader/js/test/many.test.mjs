// Many wheels in one installation.
import assert from "node:assert/strict";
import { test } from "node:test";

import { serveChannel } from "./support/channel.mjs";
import { attach, startPyodide } from "./support/runtime.mjs";
import { wheel } from "./support/wheel.mjs";

test("they arrive side by side, and Node warns of nothing", async () => {
  const warnings = [];
  const note = ({ message }) => warnings.push(message);
  process.on("warning", note);
  const names = Array.from({ length: 24 }, (_, index) => `demo-${index}`);
  const channel = await serveChannel(
    names.map((name, index) => wheel({ name, files: { [`demo_${index}.py`]: `number = ${index}\n` }, tag: "py3-none-any" })),
  );
  try {
    const pyodide = await startPyodide();
    const loader = await attach(pyodide, { repodata: channel.repodata });
    // No wheel is sent before all are asked for.
    const held = [];
    for (const [path, bytes] of channel.objects) {
      if (!path.endsWith(".whl")) continue;
      channel.objects.set(path, (_, response) => {
        held.push(() => response.end(bytes));
        if (held.length === names.length) for (const send of held) send();
      });
    }
    const { installed } = await loader.install(names);
    assert.equal(installed.length, names.length);
    const sum = "import importlib; sum(importlib.import_module(f'demo_{at}').number for at in range(24))";
    assert.equal(pyodide.runPython(sum), 276);
    // Node tells of warnings in the turn after.
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(warnings, []);
  } finally {
    process.off("warning", note);
    channel.close();
  }
});
