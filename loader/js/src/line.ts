import { call, Repodata, startCore } from "./core.js";
import { LoaderError } from "./errors.js";
import { digest, fetchBytes, fetchNamed, fetchVerified, type Expected, type Fetching } from "./fetching.js";
import type { Distribution } from "./installed.js";
import type { Settings } from "./settings.js";
import type { InstalledPackage } from "./types.js";

/** What the core says about a wheel to install. */
interface Selection extends Omit<InstalledPackage, "url"> {
  compiled?: { sha256: string; size: number };
}

/** A wheel to install. */
export interface Selected extends InstalledPackage {
  /** The same with bytecode in the place of modules. */
  compiled?: Expected;
}

/** What the core says when it is asked for wheels. */
interface Resolution {
  selected?: Selection[];
  /** Nodes of the repodata that it lacks. */
  needs?: { sha256: string; size: number }[];
}

/** The line of one ABI in a channel: its head, and of its repodata what was read so far. */
export class Line {
  readonly #settings: Settings;
  #known: Repodata | undefined;
  /** A head that was read ahead. */
  #ahead: Promise<Repodata> | undefined;
  /** Whether the server may have nodes for a request at once. */
  #bringsAtOnce = true;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Reads the head for the resolution that comes next. */
  readAhead(fetching: Fetching): Promise<Repodata> {
    return (this.#ahead ??= this.#readHead(fetching));
  }

  /** A head that was read ahead and not used: the next resolution reads it anew. */
  forgetAhead(): void {
    this.#ahead = undefined;
  }

  /** The wheels to install. Of the repodata only what that asks for is fetched, and kept for the next time. */
  async resolve(
    wanted: string[],
    { abi, installed }: { abi: string | undefined; installed: Distribution[] },
    fetching: Fetching,
  ): Promise<Selected[]> {
    const repodata = await this.readAhead(fetching).finally(() => this.forgetAhead());
    this.checkAbi(abi);
    const ask = (): Resolution =>
      JSON.parse(call(() => repodata.resolve(JSON.stringify(wanted), JSON.stringify(installed)))) as Resolution;
    let answer = ask();
    if (answer.needs !== undefined && (await this.#bringAtOnce(repodata, wanted, fetching))) answer = ask();
    while (answer.needs !== undefined) {
      const nodes = answer.needs.map(async (node) => {
        const url = `${this.#settings.repodata}${node.sha256}.json`;
        const bytes = await fetchVerified({ url, ...node }, fetching, () => {});
        call(() => repodata.add(node.sha256, bytes));
      });
      await Promise.all(nodes);
      answer = ask();
    }
    const blobs = new URL(this.blobs(), this.#settings.repodata).href;
    return (answer.selected ?? []).map(({ compiled, ...selection }) => {
      const url = (sha256: string): string => `${blobs}${sha256}/${selection.filename}`;
      const selected = { ...selection, url: url(selection.sha256) };
      return compiled === undefined ? selected : { ...selected, compiled: { ...compiled, url: url(compiled.sha256) } };
    });
  }

  /** Address of the blobs, relative to the head, once something was resolved. */
  blobs(): string {
    return this.#known?.blobs() ?? "";
  }

  /** Refuses an interpreter of another ABI, once the head is known. */
  checkAbi(found: string | undefined): void {
    const abi = this.#known?.abi();
    if (abi === undefined || found === undefined || abi === found) return;
    throw new LoaderError(
      "wrong_abi",
      `${this.#settings.repodata} is for the ABI ${abi}, but this interpreter has ${found}; use the repodata of ${found}`,
    );
  }

  /**
   * Asks for all nodes that a request leads to, where the repodata is large and the server can tell. A node is named by
   * its digest, so what comes needs no trust; what is missing is fetched one by one, as it is from a bucket.
   */
  async #bringAtOnce(repodata: Repodata, wanted: string[], fetching: Fetching): Promise<boolean> {
    const root = repodata.branchingRoot();
    if (root === undefined || !this.#bringsAtOnce) return false;
    const url = new URL(`${root}/nodes`, this.#settings.repodata);
    for (const requirement of wanted) url.searchParams.append("requirement", requirement);
    try {
      const text = new TextDecoder().decode(await fetchBytes(url.href, fetching, "default"));
      for (const node of text.split("\n").filter(Boolean)) {
        const bytes = new TextEncoder().encode(node);
        const sha256 = await digest(bytes);
        call(() => repodata.add(sha256, bytes));
        fetching.network.kept?.keep(sha256, bytes);
      }
      return true;
    } catch (error) {
      if (fetching.signal.aborted) throw error;
      this.#bringsAtOnce = false;
      this.#settings.log(`${url.href} gives no nodes, so they are fetched one by one`);
      return false;
    }
  }

  async #readHead(fetching: Fetching): Promise<Repodata> {
    const { repodata, verifier, network } = this.#settings;
    const url = `${repodata}head.json`;
    const signed = (sha256: string): string => `${repodata}${sha256}.sig.json`;
    const signatures = (sha256: string) => fetchNamed(signed(sha256), fetching, "default");
    const old = verifier && (await network.kept?.named(url));
    const oldSignatures = old && (await network.kept?.named(signed(await digest(old))));
    if (oldSignatures) await verifier.remember(old, oldSignatures);
    const head = await fetchNamed(url, fetching, "no-cache", (bytes, from) => verifier?.check(bytes, signatures, from));
    await startCore();
    if (this.#known !== undefined) {
      const known = this.#known;
      call(() => known.setHead(head));
    }
    return (this.#known ??= call(() => Repodata.read(head)));
  }
}
