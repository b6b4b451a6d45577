import type { Asked, ForeignWheel } from "./addresses.js";
import { call, describeWheel, startCore } from "./core.js";
import { LoaderError } from "./errors.js";
import { digest, fetchBytes, fetchNamed, fetchVerified, type Expected, type Fetching } from "./fetching.js";
import { Modules, type NodeReference } from "./imports.js";
import type { Known } from "./installed.js";
import { Repodata, startResolver } from "./resolver.js";
import type { Settings } from "./settings.js";
import type { InstalledPackage } from "./types.js";

/** What the resolver says about a wheel to install; the line is none for a wheel that has come already. */
interface Selection extends Omit<InstalledPackage, "url"> {
  line: number | null;
  compiled?: { sha256: string; size: number };
}

/** A wheel to install. */
export interface Chosen {
  selected: InstalledPackage;
  /** The same with bytecode in the place of modules. */
  compiled?: Expected;
  /** Its bytes, if they have come already. */
  bytes?: Uint8Array<ArrayBuffer>;
  /** How it is fetched, if not as everything else. */
  fetching?: Fetching;
}

/** What the resolver says when it is asked for wheels. */
interface Resolution {
  selected?: Selection[];
  /** Nodes of the repodata that it lacks. */
  needs?: { line: number; sha256: string; size: number }[];
}

/** The line of one ABI in a channel, or in several: their heads, and of their repodata what was read so far. */
export class Line {
  readonly #settings: Settings;
  /** The first one that has a project or a module is asked for it. */
  readonly #lines: { settings: Settings; modules: Modules; root?: NodeReference | undefined }[];
  #known: Repodata | undefined;
  /** Heads that were fetched ahead, and what the resolver knows by them. */
  #headsAhead: Promise<Uint8Array[]> | undefined;
  #ahead: Promise<Repodata> | undefined;
  /** Whether the server may have nodes for a request at once. */
  #bringsAtOnce = true;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#lines = [settings, ...settings.others].map((settings) => ({ settings, modules: new Modules(settings.repodata) }));
  }

  /** Reads the head for the resolution that comes next. */
  readAhead(fetching: Fetching): Promise<Repodata> {
    return (this.#ahead ??= this.#readHead(fetching));
  }

  /** Address of the directory with the runtime's files, relative to the first head; heads of format 1 do not say. */
  async runtime(fetching: Fetching): Promise<string | undefined> {
    const [head] = await this.#fetchAhead(fetching);
    let known: { blobs?: string; runtime?: { name?: string; version?: string } | null } | null;
    try {
      known = JSON.parse(new TextDecoder().decode(head)) as typeof known;
    } catch {
      // The resolver names what is wrong.
      await this.readAhead(fetching);
      return undefined;
    }
    const { name, version } = known?.runtime ?? {};
    return name === undefined || version === undefined ? undefined : `${known?.blobs ?? ""}../runtime/${name}/${version}/`;
  }

  /** A head that was read ahead and not used: the next resolution reads it anew. */
  forgetAhead(): void {
    this.#headsAhead = undefined;
    this.#ahead = undefined;
  }

  /** The wheels to install. Of the repodata only what that asks for is fetched, and kept for the next time. */
  async resolve(
    { requirements, wheels, constraints }: Asked & { constraints: readonly string[] },
    { abi, installed }: { abi: string | undefined; installed: readonly Known[] },
    fetching: Fetching,
  ): Promise<Chosen[]> {
    const repodata = await this.readAhead(fetching).finally(() => this.forgetAhead());
    this.checkAbi(abi);
    if (wheels.length > 0) await startCore();
    const described = wheels.map(({ filename, sha256, bytes }) => {
      const said = JSON.parse(call(() => describeWheel(filename, bytes))) as { metadata: string; imports: string[] };
      return { filename, sha256, size: bytes.length, ...said };
    });
    const request = JSON.stringify({ wanted: requirements, constraints, installed, wheels: described });
    const ask = (): Resolution => JSON.parse(call(() => repodata.resolve(request))) as Resolution;
    let answer = ask();
    if (answer.needs !== undefined && (await this.#bringAtOnce(repodata, requirements, fetching))) answer = ask();
    while (answer.needs !== undefined) {
      const nodes = answer.needs.map(async ({ line, sha256, size }) => {
        const url = `${this.#address(line)}${sha256}.json`;
        const bytes = await fetchVerified({ url, sha256, size }, this.#fetchingOf(line, fetching), () => {});
        call(() => repodata.add(sha256, bytes));
      });
      await Promise.all(nodes);
      answer = ask();
    }
    return (answer.selected ?? []).map(({ line, compiled, ...selection }) => {
      if (line === null) return brought(selection, wheels);
      const blobs = new URL(repodata.blobs(line) ?? "", this.#address(line)).href;
      const url = (sha256: string): string => `${blobs}${sha256}/${selection.filename}`;
      const chosen = { selected: { ...selection, url: url(selection.sha256) }, fetching: this.#fetchingOf(line, fetching) };
      return compiled === undefined ? chosen : { ...chosen, compiled: { ...compiled, url: url(compiled.sha256) } };
    });
  }

  /** The packages that bring modules; those that none brings are left out. */
  async packagesFor(modules: readonly string[], fetching: Fetching): Promise<string[]> {
    await this.readAhead(fetching).finally(() => this.forgetAhead());
    const roots = this.#lines.map(({ root }) => root);
    const find = async (module: string): Promise<string | undefined> => {
      for (const [line, { modules }] of this.#lines.entries()) {
        const found = await modules.packageFor(module, roots[line], this.#fetchingOf(line, fetching));
        if (found !== undefined) return found;
      }
      return undefined;
    };
    const found = await Promise.all(modules.map(find));
    return [...new Set(found.filter((name) => name !== undefined))];
  }

  #address(line: number): string {
    return (this.#lines[line]?.settings ?? this.#settings).repodata;
  }

  #fetchingOf(line: number, fetching: Fetching): Fetching {
    const other = line === 0 ? undefined : this.#lines[line]?.settings;
    return other === undefined ? fetching : { network: other.network, signal: fetching.signal };
  }

  /** Address of the blobs, relative to the first head, once something was resolved. */
  blobs(): string {
    return this.#known?.blobs(0) ?? "";
  }

  /** Its ABI, once the head is known. */
  abi(): string | undefined {
    return this.#known?.abi();
  }

  /** Refuses an interpreter of another ABI, once the head is known. */
  checkAbi(found: string | undefined): void {
    const abi = this.abi();
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
    const root = repodata.branchingRoot(0);
    if (root === undefined || !this.#bringsAtOnce) return false;
    const url = new URL(`${root}/nodes`, this.#settings.repodata);
    // What has a marker may ask for nothing; the resolver has decided that.
    const plain = wanted.filter((requirement) => !requirement.includes(";"));
    for (const requirement of plain) url.searchParams.append("requirement", requirement);
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

  #fetchAhead(fetching: Fetching): Promise<Uint8Array[]> {
    const fetch = () => this.#lines.map(({ settings }, line) => readHead(settings, this.#fetchingOf(line, fetching)));
    return (this.#headsAhead ??= Promise.all(fetch()));
  }

  async #readHead(fetching: Fetching): Promise<Repodata> {
    const [heads] = await Promise.all([this.#fetchAhead(fetching), startResolver()]);
    for (const [line, head] of heads.entries()) {
      const known = (this.#known ??= call(() => Repodata.read(head)));
      call(() => known.setHead(line, head));
      const { modules } = JSON.parse(new TextDecoder().decode(head)) as { modules?: NodeReference };
      this.#lines[line]!.root = modules;
    }
    return this.#known!;
  }
}

/** Fetches a head, and checks its signature where there are keys. */
async function readHead({ repodata, verifier, network: { kept } }: Settings, fetching: Fetching): Promise<Uint8Array> {
  const url = `${repodata}head.json`;
  const signed = (sha256: string): string => `${repodata}${sha256}.sig.json`;
  const signatures = (sha256: string) => fetchNamed(signed(sha256), fetching, "default");
  const old = verifier && (await kept?.named(url));
  const oldSignatures = old && (await kept?.named(signed(await digest(old))));
  if (oldSignatures) await verifier.remember(old, oldSignatures);
  const check = (bytes: Uint8Array<ArrayBuffer>, from: string) => verifier?.check(bytes, signatures, from);
  return fetchNamed(url, fetching, "no-cache", check);
}

function brought(selection: Omit<InstalledPackage, "url">, wheels: readonly ForeignWheel[]): Chosen {
  const wheel = wheels.find(({ sha256, filename }) => sha256 === selection.sha256 && filename === selection.filename);
  if (wheel === undefined) throw new LoaderError("internal", `${selection.filename} came from nowhere`);
  return { selected: { ...selection, url: wheel.url }, bytes: wheel.bytes };
}
