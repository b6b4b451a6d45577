// A whole JupyterLite, as its own command builds it, whose interpreter, kernel and packages come from a server of ours and
// from nowhere else.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startBrowser } from "../support/browser.mjs";
import { servePages } from "../support/npm-package.mjs";
import { builtPackages, ownData, run, startServer } from "../support/program.mjs";
import { abi, runtimeVersion } from "../support/settings.mjs";
import { temporaryDirectory } from "../support/upstream.mjs";

/** What builds the site. The kernel asks for a core that is not everywhere yet; it runs on this one. */
const [CORE, KERNEL] = ["jupyterlite-core==0.8.6", "jupyterlite-pyodide-kernel==0.8.7"];
/** What the kernel installs before the first cell. */
const KERNEL_NEEDS = ["micropip", "comm", "ipython", "jedi"];

let directory, server, pages, browser;
before(async () => {
  directory = temporaryDirectory();
  const data = ownData(directory.path);
  const { code, stderr } = await run(["up", ...KERNEL_NEEDS, ...builtPackages, "--no-serve", "--data", data]);
  assert.equal(code, 0, stderr);
  server = await startServer(["serve", "--prompt-listen", "off", "--data", data]);
  pages = await servePages(buildSite(join(directory.path, "site")));
  browser = await startBrowser();
});
after(async () => {
  await browser?.stop();
  pages?.stop();
  await server?.stop();
  directory.remove();
});

/** Builds a site whose kernel is told of the server; where it is. */
function buildSite(site) {
  const venv = join(directory.path, "venv");
  execFileSync("python3", ["-m", "venv", venv]);
  const pip = (...words) => execFileSync(join(venv, "bin/pip"), ["install", "--quiet", "--disable-pip-version-check", ...words]);
  pip(CORE, "pkginfo");
  pip("--no-deps", KERNEL);
  mkdirSync(site);
  const kernel = {
    pyodideUrl: `${server.base}/runtime/pyodide/${runtimeVersion}/pyodide.mjs`,
    loadPyodideOptions: { lockFileURL: `${server.base}/pyodide/${abi}/pyodide-lock.json` },
    pipliteUrls: [`${server.base}/${abi}/all.json`],
    disablePyPIFallback: true,
  };
  const settings = { litePluginSettings: { "@jupyterlite/pyodide-kernel-extension:kernel": kernel } };
  const document = { "jupyter-lite-schema-version": 0, "jupyter-config-data": settings };
  writeFileSync(join(site, "jupyter-lite.json"), JSON.stringify(document));
  execFileSync(join(venv, "bin/jupyter-lite"), ["build", "--output-dir", "out"], { cwd: site, stdio: "ignore" });
  return join(site, "out");
}

test("a cell imports numpy, installs a package and uses it, and no other host is asked", async () => {
  const context = await browser.newContext();
  const asked = new Set();
  context.on("request", (request) => request.url().startsWith("http") && asked.add(new URL(request.url()).origin));
  const tab = await context.newPage();
  const cell = [
    "import numpy",
    "%pip install -q pyyaml",
    "import yaml",
    "print('sum', numpy.arange(7).sum(), yaml.__with_libyaml__, yaml.load('[1]', yaml.CSafeLoader))",
  ];
  await tab.goto(`${pages.url}repl/index.html?kernel=python&code=${encodeURIComponent(cell.join("\n"))}`);
  const shown = () => tab.evaluate(() => document.body.innerText);
  let text = "";
  for (let left = 300; left > 0 && !/^sum 21|Error/m.test(text); left -= 1) {
    await tab.waitForTimeout(500);
    text = await shown();
  }
  await context.close();
  assert.match(text, /^sum 21 True \[1\]$/m, text);
  assert.deepEqual([...asked].sort(), [new URL(pages.url).origin, server.base].sort());
});
