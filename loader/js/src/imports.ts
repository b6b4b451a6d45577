import { digest, fetchVerified, type Fetching } from "./fetching.js";
import { normalised } from "./installed.js";

/** What names a node of a tree. */
export interface NodeReference {
  sha256: string;
  size: number;
}

/** A node of the tree of modules: the packages that bring each, or the nodes by the next digit of the way to a key. */
interface ModuleNode {
  leaf?: Record<string, string[]>;
  branch?: Record<string, NodeReference>;
}

/** The projects that bring each importable module of a line, as far as that was read. */
export class Modules {
  readonly #directory: string;
  /** By digest. */
  readonly #nodes = new Map<string, Promise<ModuleNode>>();

  /** @param directory address of the repodata */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** The package to take for a module: that of its name, else the first; `undefined` if none brings it. */
  async packageFor(module: string, root: NodeReference | undefined, fetching: Fetching): Promise<string | undefined> {
    let reference = root;
    for (let depth = 0, way = ""; reference !== undefined; depth++) {
      const { leaf, branch } = await this.#node(reference, fetching);
      if (leaf !== undefined) {
        const packages = Object.hasOwn(leaf, module) ? (leaf[module] ?? []) : [];
        return packages.find((name) => name === normalised(module)) ?? packages[0];
      }
      way ||= await digest(new TextEncoder().encode(module));
      reference = branch?.[way[depth] ?? ""];
    }
    return undefined;
  }

  #node(reference: NodeReference, fetching: Fetching): Promise<ModuleNode> {
    const { sha256 } = reference;
    let node = this.#nodes.get(sha256);
    if (node === undefined) {
      node = fetchVerified({ ...reference, url: `${this.#directory}${sha256}.json` }, fetching, () => {}).then(
        (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as ModuleNode,
      );
      this.#nodes.set(sha256, node);
      node.catch(() => this.#nodes.delete(sha256));
    }
    return node;
  }
}
