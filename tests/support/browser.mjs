// A headless Chromium or Firefox with a page of another origin than the server's.
import { once } from "node:events";
import { createServer } from "node:http";
import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";

const page = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>test</title>`;

// Runs, in a module worker, the function that it is sent as text.
export const worker = `onmessage = async ({ data: { code, argument } }) => {
  try {
    const run = (await import(URL.createObjectURL(new Blob([\`export default \${code}\`], { type: "text/javascript" })))).default;
    postMessage({ value: await run(argument) });
  } catch (error) {
    postMessage({ error: String(error.stack ?? error), code: error.code });
  }
};`;

export const flags = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

/** Runs in a page: has a fresh module worker of {@link worker} run a function, given as text. */
export async function askWorker({ code, argument }) {
  const worker = new Worker("/worker.js", { type: "module" });
  const answer = await new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage({ code, argument });
  });
  worker.terminate();
  if (answer.error) throw new Error(answer.error);
  return answer.value;
}

/** Browsers, each with fresh contexts whose pages have `goto` and `evaluate`. */
const engines = {
  async chromium() {
    const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: flags });
    return { newContext: () => browser.newContext(), close: () => browser.close() };
  },
  async firefox() {
    const browser = await puppeteer.launch({ browser: "firefox", executablePath: "/usr/bin/firefox-esr", headless: true });
    return { newContext: () => browser.createBrowserContext(), close: () => browser.close() };
  },
};

/** Has a tab of Chromium's fetch over a line with 40 ms each way. */
async function slowDown(context, tab, bitsPerSecond) {
  const session = await context.newCDPSession(tab);
  const throughput = bitsPerSecond / 8;
  await session.send("Network.enable");
  const conditions = { offline: false, latency: 80, downloadThroughput: throughput, uploadThroughput: throughput };
  await session.send("Network.emulateNetworkConditions", conditions);
}

/** Leaves the page's origin so many bytes of storage. Chromium's. */
async function limitStorage(context, tab, origin, quotaSize) {
  const session = await context.newCDPSession(tab);
  await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize });
}

/** Starts a browser and the page's own server. */
export async function startBrowser(engine = "chromium") {
  const server = createServer((request, response) => {
    const script = request.url === "/worker.js";
    response.setHeader("Content-Type", script ? "text/javascript" : "text/html");
    response.end(script ? worker : page);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const origin = `http://127.0.0.1:${server.address().port}`;
  const browser = await engines[engine]();
  return {
    /** Answers that the last page or worker in it got, as they came over the wire: address, status, headers. Chromium's. */
    responses: [],
    /** A fresh context, whose answers are noted. */
    async newContext() {
      const context = await browser.newContext();
      const responses = (this.responses = []);
      context.on?.("response", (response) => {
        responses.push({ url: response.url(), status: response.status(), headers: response.headers() });
      });
      return context;
    },
    /**
     * Runs a function in a fresh page; what it returns must be JSON.
     *
     * @param {{ visits?: number, bitsPerSecond?: number, quota?: number }} how the last of several visits counts: those
     *   before have filled the caches; in Chromium's pages bytes may be made to arrive slowly, and few may be stored
     */
    async inPage(run, argument, { visits = 1, bitsPerSecond, quota } = {}) {
      const context = await this.newContext();
      try {
        let answer;
        for (let visit = 0; visit < visits; visit += 1) {
          const tab = await context.newPage();
          if (bitsPerSecond !== undefined) await slowDown(context, tab, bitsPerSecond);
          if (quota !== undefined) await limitStorage(context, tab, origin, quota);
          await tab.goto(origin);
          answer = await tab.evaluate(run, argument);
          await tab.close();
        }
        return answer;
      } finally {
        await context.close();
      }
    },
    /**
     * What a page, opened in a fresh context, shows in its `<output>`. Chromium's: what it logs as an error, such as what
     * a policy refuses, is thrown.
     */
    async output(url) {
      const context = await this.newContext();
      const errors = [];
      context.on("weberror", (error) => errors.push(error.error().message));
      context.on("console", (message) => message.type() === "error" && errors.push(message.text()));
      try {
        const tab = await context.newPage();
        await tab.goto(url);
        const read = () => tab.evaluate(() => document.querySelector("output").textContent);
        for (let left = 600; left > 0 && errors.length === 0 && (await read()) === ""; left -= 1) await tab.waitForTimeout(200);
        if (errors.length > 0) throw new Error(errors.join("\n"));
        return await read();
      } finally {
        await context.close();
      }
    },
    /** `inPage` in a fresh module worker. */
    inWorker(run, argument, how) {
      return this.inPage(askWorker, { code: run.toString(), argument }, how);
    },
    async stop() {
      await browser.close();
      server.close();
      server.closeAllConnections();
    },
  };
}
