import { LoaderError } from "./errors.js";
import { digest } from "./fetching.js";

/** What stands before the bytes where they are signed: a signature of one kind is none of another. */
const DOMAINS = { head: "pkgsrv head 1\n", files: "pkgsrv files 1\n" };
/** Format of the documents with signatures. */
const FORMAT = 1;
const KEY_BYTES = 32;

type Kind = keyof typeof DOMAINS;

/** What is read of a head or a list when its signature is right. */
interface Signed {
  serial?: unknown;
  expires?: unknown;
}

/** A document with signatures, as it should be. */
interface Signatures {
  format?: unknown;
  signatures?: { key?: unknown; signature?: unknown }[];
}

/** Checks a line's heads, and its lists of what interpreters start from, against the keys that a page trusts. */
export class Verifier {
  /** By the name that signatures call them. */
  readonly #keys: ReadonlyMap<string, CryptoKey>;
  /** The newest serials that were accepted, now or in an earlier visit. */
  readonly #serials: Record<Kind, number> = { head: 0, files: 0 };

  private constructor(keys: ReadonlyMap<string, CryptoKey>) {
    this.#keys = keys;
  }

  /**
   * @param publicKeys each the 32 bytes of an Ed25519 key as base64
   * @throws {LoaderError} `invalid_argument` or `signature_unsupported`
   */
  static async create(publicKeys: readonly string[]): Promise<Verifier> {
    if (!Array.isArray(publicKeys) || publicKeys.length === 0) {
      throw new LoaderError("invalid_argument", "the option `publicKeys` has no key; leave it out to check no signatures");
    }
    const raw = publicKeys.map(decodedKey);
    const subtle = subtleCrypto();
    const keys = new Map<string, CryptoKey>();
    for (const bytes of raw) {
      keys.set((await digest(bytes)).slice(0, 16), await imported(subtle, bytes));
    }
    return new Verifier(keys);
  }

  /**
   * Refuses a head that no key has signed, that has expired, or that is older than one that was accepted.
   *
   * @param fetchSignatures fetches the document with the signatures of the head with this SHA-256
   * @param from the head's address, for messages
   */
  async check(
    head: Uint8Array<ArrayBuffer>,
    fetchSignatures: (sha256: string) => Promise<Uint8Array>,
    from: string,
  ): Promise<void> {
    await this.#accept("head", head, await this.#signatures(head, fetchSignatures, from), from);
  }

  /**
   * The same of a document that holds a list and its signatures; returns the list.
   *
   * @param from the document's address, for messages
   */
  async checkFiles(document: Uint8Array<ArrayBuffer>, from: string): Promise<unknown> {
    const { files, signatures } = filesOf(document, from);
    await this.#accept("files", files, signatures, from);
    return parsed(files, from);
  }

  async #accept(kind: Kind, bytes: Uint8Array<ArrayBuffer>, document: Signatures, from: string): Promise<void> {
    if (!(await this.#isSigned(kind, bytes, document, from))) {
      throw new LoaderError("bad_signature", `no key of \`publicKeys\` has signed ${from}; nothing of it is used`);
    }
    const { serial, expires } = parsed(bytes, from) as Signed;
    const end = typeof expires === "string" ? Date.parse(expires.replace(/(\.\d{3})\d*Z$/, "$1Z")) : Number.NaN;
    if (Number.isNaN(end)) {
      throw new LoaderError("expired_head", `${from} does not say when it expires, expected a time; nothing of it is used`);
    }
    if (Date.now() >= end) {
      const message = `${from} has expired at ${String(expires)}; the server must renew it, or this machine's clock is wrong`;
      throw new LoaderError("expired_head", message);
    }
    const newest = this.#serials[kind];
    if (typeof serial !== "number" || serial < newest) {
      const message = `${from} has serial ${String(serial)}, but ${newest} was there before; nothing of it is used`;
      throw new LoaderError("older_head", message);
    }
    this.#serials[kind] = serial;
  }

  /** Learns the serial of a head that an earlier visit has kept, if that is signed. What is damaged tells nothing. */
  remember(head: Uint8Array<ArrayBuffer>, signatures: Uint8Array): Promise<void> {
    return this.#remember("head", () => ({ bytes: head, signatures: parsed(signatures, "") as Signatures }));
  }

  /** The same of a list. */
  rememberFiles(document: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#remember("files", () => {
      const { files, signatures } = filesOf(document, "");
      return { bytes: files, signatures };
    });
  }

  async #remember(kind: Kind, read: () => { bytes: Uint8Array<ArrayBuffer>; signatures: Signatures }): Promise<void> {
    try {
      const { bytes, signatures } = read();
      if (!(await this.#isSigned(kind, bytes, signatures, ""))) return;
      this.#serials[kind] = Math.max(this.#serials[kind], Number((parsed(bytes, "") as Signed).serial) || 0);
    } catch (error) {
      if (!(error instanceof LoaderError)) throw error;
    }
  }

  async #signatures(
    head: Uint8Array<ArrayBuffer>,
    fetchSignatures: (sha256: string) => Promise<Uint8Array>,
    from: string,
  ): Promise<Signatures> {
    let bytes: Uint8Array;
    try {
      bytes = await fetchSignatures(await digest(head));
    } catch (error) {
      if (!(error instanceof LoaderError) || error.code !== "http_status") throw error;
      throw new LoaderError("bad_signature", `${from} is not signed: ${error.message}`, { cause: error });
    }
    return parsed(bytes, `the signatures of ${from}`) as Signatures;
  }

  async #isSigned(kind: Kind, bytes: Uint8Array<ArrayBuffer>, document: Signatures, from: string): Promise<boolean> {
    if (document?.format !== FORMAT || !Array.isArray(document.signatures)) {
      const message = `the signatures of ${from} have format ${String(document?.format)}, expected ${FORMAT}`;
      throw new LoaderError("bad_signature", message);
    }
    const domain = new TextEncoder().encode(DOMAINS[kind]);
    const message = new Uint8Array(domain.length + bytes.length);
    message.set(domain);
    message.set(bytes, domain.length);
    for (const { key, signature } of document.signatures) {
      const known = typeof key === "string" ? this.#keys.get(key) : undefined;
      const raw = typeof signature === "string" ? decoded(signature) : undefined;
      if (known === undefined || raw === undefined) continue;
      if (await subtleCrypto().verify("Ed25519", known, raw, message)) return true;
    }
    return false;
  }
}

/** The text of a list, of which nothing is read before its signature is right, and its signatures. */
function filesOf(document: Uint8Array, from: string): { files: Uint8Array<ArrayBuffer>; signatures: Signatures } {
  const { files = "", ...signatures } = parsed(document, from) as Signatures & { files?: unknown };
  return { files: new TextEncoder().encode(String(files)), signatures };
}

/** Signed or not, JSON that is none is not what was asked for. */
function parsed(bytes: Uint8Array, what: string): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return value ?? {};
  } catch (error) {
    throw new LoaderError("bad_signature", `${what} cannot be read: it is no JSON`, { cause: error });
  }
}

function decodedKey(text: unknown): Uint8Array<ArrayBuffer> {
  const bytes = typeof text === "string" ? decoded(text) : undefined;
  if (bytes?.length === KEY_BYTES) return bytes;
  const message = `the option \`publicKeys\` has ${String(text)}, expected ${KEY_BYTES} bytes as base64, as \`pkgsrv channel init\` prints them`;
  throw new LoaderError("invalid_argument", message);
}

function decoded(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function subtleCrypto(): SubtleCrypto {
  const subtle = globalThis.crypto?.subtle;
  if (subtle !== undefined) return subtle;
  throw unsupported("this page is no secure context, and has no crypto.subtle");
}

async function imported(subtle: SubtleCrypto, bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  try {
    return await subtle.importKey("raw", bytes, "Ed25519", false, ["verify"]);
  } catch (error) {
    throw unsupported("crypto.subtle takes no Ed25519 key", error);
  }
}

function unsupported(reason: string, cause?: unknown): LoaderError {
  const message = `signatures cannot be checked here: ${reason}; use HTTPS and a newer browser, or leave out \`publicKeys\``;
  return new LoaderError("signature_unsupported", message, { cause });
}
