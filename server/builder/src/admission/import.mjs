// Unpacks task.wheels into a fresh interpreter, and beside them the archive task.tests, a path or null; imports
// task.imports, one after another, and then runs task.script, {name, text} or null, as a program.
//
// Prints lines of JSON: {"begin": module} before each import, and at the end
// {"results": [{module, outcome, detail, output}]}, where output is the end of what the step printed, or {"no-start": reason} where the interpreter could not be made ready. The interpreter runs in a worker: an import that
// never ends is given up after task.timeout milliseconds, and what one import destroys, the next does not meet.
import { readFileSync, writeSync } from "node:fs";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

/** Interpreters that may die before the rest is not tried. */
const MOST_DEATHS = 3;
/** Milliseconds until an interpreter with its wheels must be ready. */
const LONGEST_START = 300_000;

/** Characters that are kept of what all steps print. */
const MOST_OUTPUT = 1 << 20;
/** Characters that one step may print; what comes after is not told, since it could be endless. */
const MOST_PRINTED = 1 << 22;

// What is done in the interpreter, in order: each gives an outcome of its own.
const steps = task.imports.map((module) => ({ module }));
if (task.script !== null) steps.push({ module: task.script.name, script: task.script.text });

/** Characters that are kept of what one step prints, the last ones. */
const mostOfOne = Math.min(1 << 16, Math.floor(MOST_OUTPUT / steps.length));
const output = steps.map(() => "");

const print = (line) => writeSync(1, `\n${JSON.stringify(line)}\n`);

/** The module "pkgsrv_steps", apart from the names of what is run. */
const STEPS = `
import importlib, traceback

def import_one(name):
    try:
        importlib.import_module(name)
    except BaseException:
        return traceback.format_exc()

def run_script(name, text):
    try:
        exec(compile(text, name, "exec"), {"__name__": "__main__"})
    except BaseException:
        return traceback.format_exc()
`;

const MAKE_STEPS = `
import sys, types
sys.modules["pkgsrv_steps"] = types.ModuleType("pkgsrv_steps")
exec(${JSON.stringify(STEPS)}, sys.modules["pkgsrv_steps"].__dict__)
del sys, types
`;

async function work(first) {
  const { start } = await import("./interpreter.mjs");
  // A worker has no streams of the kind that the runtime writes to.
  let printed = 0;
  const told = (line) => {
    printed += line.length + 1;
    if (printed <= MOST_PRINTED) parentPort.postMessage({ printed: line });
  };
  const streams = { stdin: () => undefined, stdout: told, stderr: told };
  const python = await start(streams);
  for (const path of task.wheels) python.unpackArchive(new Uint8Array(readFileSync(path)), "wheel");
  if (task.tests !== null) python.unpackArchive(new Uint8Array(readFileSync(task.tests)), "zip");
  python.runPython(MAKE_STEPS);
  const call = (name, ...texts) =>
    python.runPython(`__import__("sys").modules["pkgsrv_steps"].${name}(${texts.map((text) => JSON.stringify(text)).join(", ")})`);
  parentPort.postMessage({ ready: true });
  for (let index = first; index < steps.length; index += 1) {
    parentPort.postMessage({ begin: index });
    printed = 0;
    let detail;
    try {
      const { module, script } = steps[index];
      detail = script === undefined ? call("import_one", module) : call("run_script", module, script);
    } catch (error) {
      // Not Python's exception: the interpreter itself has failed, and cannot be used any more.
      parentPort.postMessage({ end: index, outcome: "crashed", detail: String(error?.stack ?? error) });
      return;
    }
    parentPort.postMessage({ end: index, outcome: detail === undefined ? "imported" : "failed", detail });
  }
}

/** Runs an interpreter from this step on; resolves with the step it died at, or with undefined where all is done. */
function interpreter(first, results) {
  return new Promise((resolve) => {
    // What reaches these streams must not be taken for ours.
    const worker = new Worker(new URL(import.meta.url), { workerData: first, stdout: true, stderr: true });
    let [current, ready, timer, over] = [first, false, undefined, false];
    worker.stdout.resume();
    worker.stderr.resume();
    const finish = (outcome, detail) => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      worker.terminate();
      if (outcome === undefined) return resolve({});
      if (!ready) return resolve({ reason: detail });
      results[current] = { module: steps[current].module, outcome, detail };
      resolve({ died: current });
    };
    const within = (milliseconds, detail) => {
      clearTimeout(timer);
      timer = setTimeout(() => finish("timed-out", detail), milliseconds);
    };
    within(LONGEST_START, `the interpreter was not ready after ${LONGEST_START / 1000} s`);
    worker.on("message", (message) => {
      if (over) return;
      if (message.ready) ready = true;
      if (message.printed !== undefined && ready) {
        output[current] = `${output[current]}${message.printed}\n`.slice(-mostOfOne);
        return;
      }
      if (message.begin !== undefined) {
        current = message.begin;
        print({ begin: steps[current].module });
        within(task.timeout);
      }
      if (message.end === undefined) return;
      if (message.outcome === "crashed") return finish("crashed", message.detail);
      results[message.end] = { module: steps[message.end].module, outcome: message.outcome, detail: message.detail };
      if (message.end === steps.length - 1) finish();
    });
    worker.on("error", (error) => finish("crashed", String(error?.stack ?? error)));
    worker.on("exit", (code) => finish("crashed", `it ended by itself with code ${code}`));
  });
}

async function watch() {
  const results = [];
  let [next, deaths] = [0, 0];
  while (next < steps.length && deaths < MOST_DEATHS) {
    const { died, reason } = await interpreter(next, results);
    if (reason !== undefined) return print({ "no-start": reason });
    if (died === undefined) break;
    deaths += 1;
    next = died + 1;
  }
  const rest = `the interpreter ended ${deaths} times before`;
  const result = ({ module }, index) => results[index] ?? { module, outcome: "not-tried", detail: rest };
  print({ results: steps.map((step, index) => ({ ...result(step, index), output: output[index] })) });
}

await (isMainThread ? watch() : work(workerData));
