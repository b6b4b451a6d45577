// Numbers as people read them, names as indexes write them.

/** A number of bytes, such as `3.3 MB`. */
export function bytes(count) {
  if (count < 1000) return `${count} B`;
  const kilo = count / 1000;
  return kilo < 1000 ? `${kilo.toFixed(kilo < 10 ? 1 : 0)} kB` : `${(kilo / 1000).toFixed(1)} MB`;
}

/** How far something is, such as `1.2 of 3.3 MB` or `4 of 13 modules`. */
export function progress({ done, total, unit }) {
  if (unit !== "bytes") return `${done} of ${total} ${unit}`;
  const [reached, whole] = [bytes(done), bytes(total)];
  const [, suffix] = whole.split(" ");
  return `${reached.endsWith(` ${suffix}`) ? reached.slice(0, -suffix.length - 1) : reached} of ${whole}`;
}

/** A duration in milliseconds, such as `0.8 s`. */
export function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** The name of a project as indexes write it. */
export function normalised(name) {
  return name.toLowerCase().replace(/[-_.]+/g, "-");
}
