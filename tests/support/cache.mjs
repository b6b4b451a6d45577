// Caches for a test of its own. The toolchain is the one of the user's cache, since making it takes minutes, and so are
// the build tools, since they come from the index that the machine is set up with.
import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "./program.mjs";
import { root } from "./settings.mjs";

/** What a cache at `cache` has from the user's: pairs of what a link leads to and where it lies. */
export async function links(cache) {
  const { stdout } = await run(["toolchain", "list", "--json"]);
  const installed = JSON.parse(stdout).toolchains.find(({ name }) => name.startsWith("debian-"));
  const users = dirname(dirname(installed.directory));
  const locked = readFileSync(join(root, "recipes/build-requirements.toml"), "utf8");
  const tools = [...locked.matchAll(/\b[0-9a-f]{64}\b/g)].map(([hash]) => join("sources", hash));
  return ["toolchains", ...tools].filter((path) => existsSync(join(users, path))).map((path) => [join(users, path), join(cache, path)]);
}

/** A cache below `directory` with nothing but that. */
export async function freshCache(directory, name = "cache") {
  const cache = join(directory, name);
  mkdirSync(join(cache, "sources"), { recursive: true });
  for (const [target, link] of await links(cache)) symlinkSync(target, link);
  return cache;
}
