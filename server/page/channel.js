// The packages of a channel, by name and by what they bring to import. Runs in the worker.
import { normalised } from "./format.js";
import { Tree } from "./tree.js";

/** Of more packages than this none is listed, and modules are looked up one by one. */
const MOST_LISTED = 2000;

/** A channel as of its last reading. */
export class Channel {
  #repodata;
  #serial;
  /** What the page lists: name, version, size in bytes before any encoding, import names; sorted by name. */
  packages = [];
  #byModule = new Map();
  /** Where modules are looked up if there are too many packages to list. */
  #modules;

  /** @param {string} repodata address of the repodata directory, with a slash at its end */
  constructor(repodata) {
    this.#repodata = repodata;
  }

  /** Reads the channel; true if it has changed. A channel that nothing was published to has no packages. */
  async refresh() {
    const head = await readHead(this.#repodata);
    if (head?.serial === this.#serial) return false;
    const repodata = new Tree(head?.repodata, this.#repodata);
    if (repodata.size > MOST_LISTED) {
      this.#modules = new Tree(head.modules, this.#repodata);
      this.#take([]);
    } else {
      this.#modules = undefined;
      this.#take(await repodata.entries());
    }
    this.#serial = head?.serial;
    return true;
  }

  #take(packages) {
    packages.sort(([one], [other]) => (one < other ? -1 : 1));
    this.packages = packages.map(([name, releases]) => {
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

  /** Names of the modules that listed packages bring. */
  get modules() {
    return [...this.#byModule.keys()];
  }

  /** The packages that bring these modules; modules that none brings are passed over. */
  async packagesFor(modules) {
    if (modules.length === 0) return [];
    let found = await this.#bringing(modules);
    // Something may have been published since. If that cannot be told, what is known has to do.
    if (!found.every(Boolean) && (await this.refresh().catch(() => false))) found = await this.#bringing(modules);
    return [...new Set(found.filter(Boolean))];
  }

  #bringing(modules) {
    const find = async (module) => {
      if (this.#modules === undefined) return this.#byModule.get(module);
      const packages = (await this.#modules.get(module)) ?? [];
      return packages.find((name) => name === normalised(module)) ?? packages[0];
    };
    return Promise.all(modules.map(find));
  }
}

/** Undefined if nothing was published. */
async function readHead(repodata) {
  const url = new URL("head.json", repodata);
  const response = await fetch(url, { cache: "no-cache" });
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`${url} answered ${response.status}, expected 200`);
  return response.json();
}

/** The module that a package is named after, then the others, private ones last. */
function mainFirst(modules, name) {
  const rank = (module) => (normalised(module) === name ? 0 : module.startsWith("_") ? 2 : 1);
  return [...modules].sort((a, b) => rank(a) - rank(b));
}
