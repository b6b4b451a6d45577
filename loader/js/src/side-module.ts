/** Sections that say nothing to who links: elements, code, data. */
const OPAQUE = new Set([9, 10, 11]);
const [HEADER, MOST_DIGITS] = [8, 5];

/**
 * A side module without what the core would only skip, which is nearly all of it: what is copied into the core's memory
 * stays there. Of what is no module, all bytes, so that the core says what is wrong.
 */
export function withoutCode(module: Uint8Array): Uint8Array {
  const kept: Uint8Array[] = [module.subarray(0, HEADER)];
  let at = HEADER;
  while (at < module.length) {
    let [end, size, shift] = [at + 1, 0, 0];
    for (;;) {
      const byte = module[end];
      if (byte === undefined || shift >= MOST_DIGITS * 7) return module;
      size += (byte & 127) * 2 ** shift;
      end += 1;
      shift += 7;
      if (byte < 128) break;
    }
    if (end + size > module.length) return module;
    if (!OPAQUE.has(module[at] as number)) kept.push(module.subarray(at, end + size));
    at = end + size;
  }
  const short = new Uint8Array(kept.reduce((sum, part) => sum + part.length, 0));
  let filled = 0;
  for (const part of kept) {
    short.set(part, filled);
    filled += part.length;
  }
  return short;
}
