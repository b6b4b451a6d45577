import { startWasm } from "./core.js";
import init from "./pkgsrv_resolver.js";

/** The resolver's functions and classes; usable after {@link startResolver}. */
export { neededProjects, Repodata } from "./pkgsrv_resolver.js";

/** Fetches, compiles and instantiates the resolver once, whoever asks: who resolves nothing does without. */
export const startResolver = startWasm(init, new URL("./pkgsrv_resolver_bg.wasm", import.meta.url));
