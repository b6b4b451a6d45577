// Reads the trees that a line of a channel is stored as: leaves with entries, and branches. Nodes are
// named by their digests, so the browser's cache keeps them.

/** One tree of a line; of a line that nothing was published to there is none. */
export class Tree {
  #root;
  #directory;

  /**
   * @param {{ sha256: string, entries: number } | undefined} root what the head says of it
   * @param {string} directory address that its nodes lie at
   */
  constructor(root, directory) {
    this.#root = root;
    this.#directory = directory;
  }

  /** How many entries it has. */
  get size() {
    return this.#root?.entries ?? 0;
  }

  /** All entries, as `[key, value]`. */
  async entries() {
    const below = async (reference) => {
      const node = await this.#node(reference);
      if (node.leaf) return Object.entries(node.leaf);
      return (await Promise.all(Object.values(node.branch).map(below))).flat();
    };
    return this.#root === undefined ? [] : below(this.#root);
  }

  async #node({ sha256 }) {
    const url = new URL(`${sha256}.json`, this.#directory);
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url} answered ${response.status}, expected 200`);
    const node = await response.json();
    // A line of an earlier version has one document.
    return node.format === 1 ? { leaf: node.packages } : node;
  }
}
