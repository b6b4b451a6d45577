// The loader's npm package as npm packs it, and its examples with it installed.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { basename, dirname, extname, join } from "node:path";
import { root, runtimeDirectory } from "./settings.mjs";

const source = join(root, "loader/js");
/** The server that examples name. */
const NAMED = "http://127.0.0.1:8417";

/** Packs it, unpacks that as an installation would, and copies the examples, each with it, for the server at `base`. */
export function installPackage(base) {
  const directory = mkdtempSync(join(tmpdir(), "pkgsrv-npm-package-"));
  const packed = execFileSync("npm", ["pack", "--json", "--pack-destination", directory], { cwd: source, encoding: "utf8" });
  const [{ filename, files }] = JSON.parse(packed);
  const installed = join(directory, "node_modules/pkgsrv-loader");
  mkdirSync(installed, { recursive: true });
  execFileSync("tar", ["--extract", "--file", join(directory, filename), "--strip-components=1", "--directory", installed]);
  for (const path of readdirSync(join(source, "examples"), { recursive: true })) {
    const [from, to] = [join(source, "examples", path), join(directory, path)];
    if (statSync(from).isDirectory()) mkdirSync(to);
    else writeFileSync(to, readFileSync(from, "utf8").replaceAll(NAMED, base));
    // Each has its own, as by `npm install`: Vite's development server serves nothing from above.
    if (basename(path) === "package.json") cpSync(join(directory, "node_modules"), join(dirname(to), "node_modules"), { recursive: true });
  }
  symlinkSync(runtimeDirectory, join(directory, "node/node_modules/pyodide"));
  return {
    directory,
    installed,
    files: files.map(({ path }) => path).sort(),
    example: (name) => join(directory, name),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

const TYPES = {
  ".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".json": "application/json", ".wasm": "application/wasm",
};

/** Serves a directory, with this policy for its documents and workers if there is to be one. */
export async function servePages(directory, policy) {
  const secured = policy === undefined ? {} : { "Content-Security-Policy": policy };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const path = pathname === "/" ? "/index.html" : pathname;
    try {
      const contents = readFileSync(join(directory, path));
      const type = TYPES[extname(path)] ?? "application/octet-stream";
      response.writeHead(200, { "Content-Type": type, ...secured }).end(contents);
    } catch {
      response.writeHead(404).end();
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
