import { HostLinker } from "./linking.js";
import type { EmscriptenModule } from "./runtime.js";
import type { InstalledPackage } from "./types.js";

/** What loaders have done to one interpreter; several may be attached to it. */
export interface State {
  linker: HostLinker;
  /** What was installed, by normalised name, dependencies first. */
  readonly packages: Map<string, InstalledPackage>;
  /** Paths of libraries that are linked though they were uninstalled, with the SHA-256 of the wheel that had them. */
  readonly leftLinked: Map<string, string | undefined>;
}

const states = new WeakMap<EmscriptenModule, State>();

/** The state of an interpreter, to be changed by whoever changes the interpreter. */
export function stateOf(module: EmscriptenModule): State {
  let state = states.get(module);
  if (state === undefined) {
    state = { linker: new HostLinker(module), packages: new Map(), leftLinked: new Map() };
    states.set(module, state);
  }
  return state;
}
