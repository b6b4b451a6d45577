// The worker: Python runs here, so that the page answers while it does. What it sends is shown by the page as text and
// pictures, never as markup: packages' code could send it too.
import { boot } from "./boot.js";
import { Channel, readEnvironments } from "./channel.js";
import { readLine } from "./input.js";
import { Output } from "./output.js";

let config, memory, channel, python, loader, interruptBuffer;
/** What is being done, and how to end it. */
let current;
/** What was asked up to this number is not to be done any more. */
let interruptedUpTo = 0;
/** One thing after another; the first is the start. */
let last = Promise.resolve();

const send = (message, transfer = []) => postMessage(message, transfer);
const output = new Output((stream, text) => send({ type: "output", id: current?.id, stream, text }));

const host = {
  output: (stream, text) => output.write(stream, text),
  picture(type, data, label) {
    output.flush();
    const bytes = data.toJs();
    send({ type: "picture", id: current?.id, mediaType: type, bytes, label }, [bytes.buffer]);
  },
  readLine() {
    output.flush();
    if (!memory) {
      throw new Error("input() needs memory that is shared with the page, and this browser gives none to pages that are reached by plain HTTP; use https:// or localhost");
    }
    const line = readLine(memory.line, () => send({ type: "input", id: current?.id }));
    if (line === undefined) interruptBuffer[0] = 0;
    return line;
  },
};

async function start(message) {
  ({ config, memory } = message);
  channel = new Channel(config.repodata);
  const reading = channel.refresh().then(listPackages);
  reading.catch(() => {});
  const listed = readEnvironments(config.environments);
  listed.then((environments) => send({ type: "environments", environments })).catch(() => {});
  const booted = boot(config, (progress) => send({ type: "boot", ...progress }));
  const started = await booted.catch(async (error) => {
    throw unknownEnvironment(await listed.catch(() => undefined)) ?? error;
  });
  const { pyodide } = started;
  loader = started.loader;
  python = pyodide.pyimport("pkgsrv_prompt").Prompt(host);
  interruptBuffer = memory?.interrupt ?? new Uint8Array(1);
  if (memory) pyodide.setInterruptBuffer(interruptBuffer);
  await reading;
  const { environment: name } = config;
  const { restored, reason } = started;
  const environment = name && { name, restored, reason, packages: told(started.installed) };
  send({ type: "ready", python: pyodide.runPython("__import__('platform').python_version()"), environment });
}

/** What is to be said if the list does not have what is asked for: the loader speaks of addresses. */
function unknownEnvironment(environments) {
  const { channel: place, environment: asked } = config;
  if (asked === undefined || !environments || environments.some(({ name }) => name === asked)) return undefined;
  const names = environments.map(({ name }) => name).join(", ");
  const there = names === "" ? "It has none; `pkgsrv bake` makes one." : `It has: ${names}.`;
  return new Error(`the channel ${place} has no environment “${asked}”. ${there}`);
}

/** What the page shows of packages. */
function told(packages) {
  return packages.map(({ name, version, size, imports }) => ({ name, version, size, imports }));
}

function listPackages() {
  send({ type: "packages", packages: channel.packages });
}

/** What may be sent, and what then happens. */
const tasks = {
  async run({ code, number }) {
    const asked = pipInstall(code);
    if (asked) return install(asked);
    const packages = await packagesFor(JSON.parse(python.missing(code)));
    if (packages.length > 0) await install(packages);
    throwIfInterrupted();
    const result = JSON.parse(await python.run(code, number));
    if (!result.missing) return result;
    const [suggestion] = await packagesFor([result.missing]);
    return { ...result, suggestion };
  },
  install: ({ requirements }) => install(requirements),
  complete: async ({ code }) => JSON.parse(python.completions(code, channel.modules)),
  check: async ({ code }) => ({ complete: python.is_complete(code) }),
};

/** The packages that bring modules. If that cannot be told, code is run without them. */
async function packagesFor(modules) {
  const packages = await loader.packagesFor(modules, { signal: current.controller.signal }).catch(() => []);
  // Something may have been published since the list was read.
  const listed = new Set(channel.packages.map(({ name }) => name));
  if (packages.some((name) => !listed.has(name)) && (await channel.refresh().catch(() => false))) listPackages();
  return packages;
}

/** The requirements of `%pip install …`, which notebooks know, and of the line that shells know. */
function pipInstall(code) {
  const [, words] = /^\s*[%!]?pip\s+install\s+([^\n]+?)\s*$/.exec(code) ?? [];
  return words?.split(/\s+(?![<>=!~])/).filter((word) => !word.startsWith("-"));
}

async function install(requirements) {
  const { id, controller } = current;
  const started = performance.now();
  let sent = { at: 0 };
  const onProgress = (progress) => {
    const now = performance.now();
    if (progress.stage === sent.stage && now - sent.at < 40 && progress.done < progress.total) return;
    sent = { stage: progress.stage, at: now };
    send({ type: "progress", id, progress });
  };
  const { installed } = await loader.install(requirements, { onProgress, signal: controller.signal });
  send({ type: "installed", id, requirements, packages: told(installed), milliseconds: performance.now() - started });
  return { status: "ok" };
}

function throwIfInterrupted() {
  if (current.controller.signal.aborted) throw current.controller.signal.reason;
}

async function perform(message) {
  const { id, type } = message;
  // Lets a Ctrl-C in that came while the one before was computing.
  await new Promise((resolve) => setTimeout(resolve));
  interruptBuffer[0] = 0;
  python.begin();
  // What comes from here on, Python notices, and remembers until the code runs.
  if (id <= Math.max(interruptedUpTo, memory ? Atomics.load(memory.upTo, 0) : 0)) return send({ type: "done", id, result: { status: "interrupted" } });
  current = { id, controller: new AbortController() };
  send({ type: "started", id });
  let result;
  try {
    result = await tasks[type](message);
  } catch (error) {
    const interrupted = current.controller.signal.aborted || error?.type === "KeyboardInterrupt";
    result = { status: interrupted ? "interrupted" : "error", error: { code: error?.code, message: String(error?.message ?? error) } };
  }
  output.end();
  current = undefined;
  send({ type: "done", id, result });
}

/** Only what waits lets this message in; what computes has been told through the buffer. */
function interrupt({ upTo }) {
  interruptedUpTo = upTo;
  if (current === undefined || current.id > upTo) return;
  interruptBuffer[0] = 0;
  current.controller.abort(new Error("interrupted"));
  python.interrupt();
}

onmessage = ({ data }) => {
  if (data.type === "start") {
    last = start(data);
    last.catch((error) => send({ type: "failed", message: String(error?.message ?? error) }));
  } else if (data.type === "interrupt") {
    interrupt(data);
  } else {
    // After a failed start nothing is answered; the page says so.
    last = last.then(() => perform(data));
    last.catch(() => {});
  }
};
