// A headless Chromium as people have it, for what is timed: no debugger is attached, for which an engine keeps account of
// itself. A page asks for what it is to run, and sends what comes of it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { askWorker, flags, worker } from "./browser.mjs";

/** How long a browser that has started is left to itself, milliseconds. */
const SETTLING = 1500;

const page = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>test</title><script type="module">
const send = (path, value) => fetch(path, { method: "POST", body: JSON.stringify(value) });
await new Promise((resolve) => setTimeout(resolve, ${SETTLING}));
const job = await (await fetch("/job")).json();
try {
  const { default: run } = await import(URL.createObjectURL(new Blob(["export default " + job.code], { type: "text/javascript" })));
  await send("/answer", { value: await run(job.argument) });
} catch (error) {
  await send("/answer", { error: String(error.stack ?? error) });
}
if (job.visits > 0) location.reload();
</script>`;

/** Ends what a browser has started and left, which may still write into its profile. */
function endGroup(leader) {
  try {
    process.kill(-leader, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

/**
 * Has `inPage` and `inWorker` as a browser of browser.mjs has, each in a profile of its own; of the options, `visits`.
 */
export async function startPlainChromium() {
  let current;
  const server = createServer(async (request, response) => {
    if (request.url === "/job") {
      current.visits -= 1;
      response.setHeader("Content-Type", "application/json");
      return response.end(JSON.stringify(current));
    }
    if (request.url === "/answer") {
      const answer = JSON.parse(Buffer.concat(await request.toArray()).toString());
      if (answer.error !== undefined || current.visits === 0) current.answer(answer);
      return response.end();
    }
    const isScript = request.url === "/worker.js";
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html");
    return response.end(isScript ? worker : page);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");

  async function visit(job) {
    const profile = mkdtempSync(join(tmpdir(), "pkgsrv-chromium-"));
    const answering = new Promise((resolve) => (current = { ...job, answer: resolve }));
    const address = `http://127.0.0.1:${server.address().port}/`;
    const options = ["--headless", ...flags, `--user-data-dir=${profile}`, address];
    const browser = spawn("/usr/bin/chromium", options, { stdio: "ignore", detached: true });
    const ended = once(browser, "exit").then(() => ({ error: "Chromium has ended before it answered" }));
    try {
      const { value, error } = await Promise.race([answering, ended]);
      if (error !== undefined) throw new Error(error);
      return value;
    } finally {
      browser.kill("SIGTERM");
      await ended;
      endGroup(browser.pid);
      rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    }
  }
  const inPage = (run, argument, { visits = 1 } = {}) => visit({ code: run.toString(), argument, visits });
  return {
    inPage,
    inWorker: (run, argument, how) => inPage(askWorker, { code: run.toString(), argument }, how),
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
