/** Whether this is Node, and not a page or worker of a browser. */
export function isNode(): boolean {
  return typeof process === "object" && process.versions?.node !== undefined && typeof document === "undefined";
}
