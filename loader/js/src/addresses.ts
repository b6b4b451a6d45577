import { LoaderError } from "./errors.js";
import { digest, fetchNamed, type Fetching } from "./fetching.js";
import { isVersion, normalised, type Known } from "./installed.js";

/** A wheel that was asked for by its address. */
export interface ForeignWheel {
  url: string;
  filename: string;
  sha256: string;
  bytes: Uint8Array<ArrayBuffer>;
}

/** What was asked for: requirements, and the wheels that some of them stand for. */
export interface Asked {
  requirements: string[];
  wheels: ForeignWheel[];
}

/** `name[extra] @ address ; marker` of PEP 508. */
const DIRECT = /^\s*([\w.-]+)\s*(\[[^\]]*\])?\s*@\s*(\S+)\s*(;.*)?$/;
const EXAMPLE = "https://packages.example/foo-1.0-py3-none-any.whl";
const FILENAME = /^[^-]+-[^-]+(?:-\d[^-]*)?-[^-]+-[^-]+-[^-]+\.whl$/;
const ADDRESS = /^\s*(?:[a-z][a-z\d+.-]*:\/\/\S+|\S+\.whl(?:#\S*)?)\s*$/i;

/** Fetches the wheels whose addresses were given, but for those that are installed. */
export async function fetchWheels(wanted: readonly string[], installed: readonly Known[], fetching: Fetching): Promise<Asked> {
  const asked = await Promise.all(
    wanted.map(async (text): Promise<{ requirement: string; wheel?: ForeignWheel }> => {
      const [, name, extras = "", address, marker = ""] = DIRECT.exec(text) ?? [];
      if (address === undefined && !ADDRESS.test(text)) return { requirement: text };
      const url = parsed(address ?? text.trim());
      const filename = decoded(url.pathname.slice(url.pathname.lastIndexOf("/") + 1));
      if (!FILENAME.test(filename)) {
        throw new LoaderError("invalid_requirement", `${url.href} is no wheel, expected an address such as ${EXAMPLE}`);
      }
      const [own = "", version = ""] = filename.split("-");
      if (name !== undefined && normalised(name) !== normalised(own)) {
        throw new LoaderError("invalid_requirement", `${url.href} is a wheel of ${own}, but ${name} is asked for`);
      }
      // This version and no other, be it that of the wheel or one that is installed.
      const requirement = `${own}${extras}==${version}${marker}`;
      const there = installed.find((distribution) => normalised(distribution.name) === normalised(own));
      if (extras === "" && there !== undefined && isVersion(there, { version, filename })) return { requirement };
      return { requirement, wheel: await fetchWheel(url, filename, fetching) };
    }),
  );
  return {
    requirements: asked.map(({ requirement }) => requirement),
    wheels: asked.flatMap(({ wheel }) => wheel ?? []),
  };
}

async function fetchWheel(url: URL, filename: string, fetching: Fetching): Promise<ForeignWheel> {
  const expected = new URLSearchParams(url.hash.slice(1)).get("sha256")?.toLowerCase();
  if (expected !== undefined && !/^[0-9a-f]{64}$/.test(expected)) {
    throw new LoaderError("invalid_requirement", `${url.href} has \`sha256=${expected}\`, expected 64 hexadecimal digits`);
  }
  url.hash = "";
  const { kept } = fetching.network;
  const bytes = (expected && (await kept?.bytes(expected))) || (await fetchNamed(url.href, fetching, "default"));
  const sha256 = await digest(bytes);
  if (expected !== undefined && sha256 !== expected) {
    throw new LoaderError("hash_mismatch", `${url.href} has SHA-256 ${sha256}, expected ${expected}; nothing of it is used`);
  }
  kept?.keep(sha256, bytes);
  return { url: url.href, filename, sha256, bytes };
}

function parsed(address: string): URL {
  try {
    return new URL(address, globalThis.location?.href);
  } catch (error) {
    const message = `${address} is no address, expected one such as ${EXAMPLE}`;
    throw new LoaderError("invalid_requirement", message, { cause: error });
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
