import { LoaderError } from "./errors.js";
import { isVersion, normalised, type Distribution } from "./installed.js";
import type { InstalledPackage, Lock, LockedPackage } from "./types.js";

/** The format of locks, that of `GET /resolve` too. */
const FORMAT = 1;

/** A lock for what was installed; addresses below the directory of blobs are written relative to the repodata. */
export function lockOf(
  packages: Iterable<InstalledPackage>,
  { abi, runtime, repodata }: { abi: string; runtime: Lock["runtime"]; repodata: string },
): Lock {
  const all = [...packages];
  const names = new Set(all.map(({ name }) => name));
  const locked = all.map(({ name, version, filename, url, sha256, size, depends, imports, requested }) => ({
    name,
    version,
    filename,
    url: relative(url, repodata, `${sha256}/${filename}`),
    sha256,
    size,
    depends: (depends ?? []).filter((needed) => names.has(needed)),
    imports: [...imports],
    requested,
  }));
  return { format: FORMAT, abi, runtime, packages: locked };
}

/** Relative if it is a blob of the channel, which lies two directories above its repodata. */
function relative(url: string, repodata: string, blob: string): string {
  const channel = new URL("../../", repodata).href;
  return url.startsWith(channel) && url.endsWith(`/${blob}`) ? `../../${url.slice(channel.length)}` : url;
}

/** Whether something to install is a lock. */
export function isLock(wanted: unknown): wanted is Lock {
  return typeof wanted === "object" && wanted !== null && !Array.isArray(wanted);
}

/** Refuses an interpreter of another ABI than the lock's. */
export function checkLockAbi({ abi }: Lock, found: string | undefined): void {
  if (found === undefined || abi === found) return;
  throw new LoaderError("wrong_abi", `the lock is for the ABI ${abi}, but this interpreter has ${found}; lock for ${found}`);
}

/** What of a lock is to be installed: what is not there. Another version that is there is a conflict. */
export function missingOf(lock: Lock, installed: readonly Distribution[], repodata: string): InstalledPackage[] {
  check(lock);
  const known = new Map(installed.map((distribution) => [normalised(distribution.name), distribution]));
  return lock.packages.flatMap((locked) => {
    const there = known.get(locked.name);
    if (there !== undefined && isVersion(there, locked)) return [];
    if (there !== undefined) {
      const message = `${locked.name} ${there.version} is installed, the lock has ${locked.version}; uninstall it, or restart the interpreter`;
      throw new LoaderError("installed_conflict", message);
    }
    return [{ ...picked(locked), url: new URL(locked.url, repodata).href }];
  });
}

function picked({ name, version, filename, sha256, size, depends, imports, requested }: LockedPackage): Omit<InstalledPackage, "url"> {
  return { name, version, filename, sha256, size, depends, imports, requested };
}

const isText = (value: unknown): boolean => typeof value === "string" && value !== "";
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every((text) => typeof text === "string");

/** What each field of a package has to be, in words and as a check. */
const FIELDS: [keyof LockedPackage, string, (value: unknown) => boolean][] = [
  ["name", "a normalised name", (value) => isText(value) && normalised(value as string) === value],
  ["version", "a version", isText],
  ["filename", "the name of a wheel", (value) => typeof value === "string" && /^[\w.!+-]+\.whl$/.test(value)],
  ["url", "an address", (value) => isText(value) && URL.canParse(value as string, "https://packages.example/repodata/abi/")],
  ["sha256", "64 hexadecimal digits", (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value)],
  ["size", "a number of bytes", (value) => Number.isSafeInteger(value) && (value as number) >= 0],
  ["depends", "a list of names", isTexts],
  ["imports", "a list of names", isTexts],
  ["requested", "true or false", (value) => typeof value === "boolean"],
];

function check(lock: Lock): void {
  const bad = (problem: string): LoaderError => new LoaderError("bad_lock", `this lock cannot be used: ${problem}`);
  const { format, abi, packages } = lock;
  if (format !== FORMAT) throw bad(`it has the format ${JSON.stringify(format)}, this loader reads ${FORMAT}`);
  if (!isText(abi)) throw bad("it does not say its ABI");
  if (!Array.isArray(packages)) throw bad("it has no list of packages");
  const names = new Set<string>();
  for (const [index, locked] of (packages as Partial<LockedPackage>[]).entries()) {
    for (const [field, expected, fits] of FIELDS) {
      const value = locked?.[field];
      if (fits(value)) continue;
      const which = locked?.name ?? `package ${index}`;
      throw bad(`\`${field}\` of ${which} is ${JSON.stringify(value)?.slice(0, 100)}, expected ${expected}`);
    }
    if (names.has(locked.name!)) throw bad(`it has ${locked.name} twice`);
    names.add(locked.name!);
  }
}
