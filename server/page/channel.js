// The packages of a channel, by name and by what they bring to import. Runs in the worker.
import { normalised } from "./format.js";

/** A channel as of its last reading. */
export class Channel {
  #repodata;
  #digest;
  /** What the page lists: name, version, size in bytes before any encoding, import names; sorted by name. */
  packages = [];
  #byModule = new Map();

  /** @param {string} repodata address of the repodata directory, with a slash at its end */
  constructor(repodata) {
    this.#repodata = repodata;
  }

  /** Reads the channel; true if it has changed. A channel that nothing was published to has no packages. */
  async refresh() {
    const head = await get(new URL("head.json", this.#repodata), "no-cache");
    const digest = head?.repodata.sha256;
    if (digest === this.#digest) return false;
    const repodata = digest === undefined ? undefined : await get(new URL(`${digest}.json`, this.#repodata), "default");
    this.#take(repodata?.packages ?? {});
    this.#digest = digest;
    return true;
  }

  #take(packages) {
    this.packages = Object.keys(packages).sort().map((name) => {
      const releases = packages[name];
      const { version, size, imports } = releases.find(({ yanked }) => yanked === undefined) ?? releases[0];
      return { name, version, size, imports: mainFirst(imports, name) };
    });
    this.#byModule.clear();
    for (const { name, imports } of this.packages) {
      for (const module of imports) {
        // Several may bring the same module: the one of that name, else the first.
        if (!this.#byModule.has(module) || name === normalised(module)) this.#byModule.set(module, name);
      }
    }
  }

  /** Names of all modules that packages bring. */
  get modules() {
    return [...this.#byModule.keys()];
  }

  /** The packages that bring these modules; modules that none brings are passed over. */
  async packagesFor(modules) {
    if (modules.length === 0) return [];
    const find = (module) => this.#byModule.get(module);
    // Something may have been published since. If that cannot be told, what is known has to do.
    if (!modules.every(find)) await this.refresh().catch(() => {});
    return [...new Set(modules.map(find).filter(Boolean))];
  }
}

/** The module that a package is named after, then the others, private ones last. */
function mainFirst(modules, name) {
  const rank = (module) => (normalised(module) === name ? 0 : module.startsWith("_") ? 2 : 1);
  return [...modules].sort((a, b) => rank(a) - rank(b));
}

async function get(url, cache) {
  const response = await fetch(url, { cache });
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`${url} answered ${response.status}, expected 200`);
  return response.json();
}
