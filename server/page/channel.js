// The packages of a channel, as the page lists them. Runs in the worker.
import { normalised } from "./format.js";
import { Tree } from "./tree.js";

/** Of more packages than this none is listed. */
const MOST_LISTED = 2000;

/** A channel as of its last reading. */
export class Channel {
  #repodata;
  #serial;
  /** What the page lists: name, version, size in bytes before any encoding, import names; sorted by name. */
  packages = [];

  /** @param {string} repodata address of the repodata directory, with a slash at its end */
  constructor(repodata) {
    this.#repodata = repodata;
  }

  /** Reads the channel; true if it has changed. A channel that nothing was published to has no packages. */
  async refresh() {
    const head = await readHead(this.#repodata);
    if (head?.serial === this.#serial) return false;
    const repodata = new Tree(head?.repodata, this.#repodata);
    this.#take(repodata.size > MOST_LISTED ? [] : await repodata.entries());
    this.#serial = head?.serial;
    return true;
  }

  #take(packages) {
    packages.sort(([one], [other]) => (one < other ? -1 : 1));
    this.packages = packages.map(([name, releases]) => {
      const { version, size, imports } = releases.find(({ yanked }) => yanked === undefined) ?? releases[0];
      return { name, version, size, imports: mainFirst(imports, name) };
    });
  }

  /** Names of the modules that listed packages bring. */
  get modules() {
    return [...new Set(this.packages.flatMap(({ imports }) => imports))];
  }
}

/** The environments at an address, by name; each has at least `name` and `requirements`. */
export async function readEnvironments(address) {
  const response = await fetch(address, { cache: "no-cache" });
  if (!response.ok) throw new Error(`${address} answered ${response.status}, expected 200`);
  return (await response.json()).environments;
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
