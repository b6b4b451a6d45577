// A build of the project `demo` from an upstream of our own, in a directory of its own.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { demo, goodSource, recipes, sdist, sha256, startUpstream, temporaryDirectory, unique } from "./upstream.mjs";

/** The wheel's name. */
export const wheel = "demo-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl";

/** Sources that no cache has, and the arguments of `pkgsrv build demo` that build them. Our upstream has nothing else:
 * the build tools come from the cache, where building the test channel has put them. */
export async function demoBuild({ source = goodSource, files = demo(unique(source)), page } = {}) {
  const directory = temporaryDirectory();
  const bytes = sdist("demo-1.0", files);
  let answer = (response) => response.end(bytes);
  let answered = 0;
  const server = await startUpstream(
    sha256(bytes),
    (response) => {
      answered += 1;
      answer(response);
    },
    (response) => page?.(response),
  );
  const folder = recipes(directory.path, sha256(bytes));
  const out = join(directory.path, "dist");
  const from = ["--recipes", folder, "--upstream", server.url];
  return {
    path: directory.path,
    bytes,
    hash: sha256(bytes),
    out,
    from,
    args: ["build", "demo", ...from, "--out", out],
    /** Where the wheel is. */
    wheel: join(out, wheel),
    /** How often the sdist was asked for. */
    answered: () => answered,
    answerWith: (next) => (answer = next),
    stop() {
      server.stop();
      rmSync(directory.path, { recursive: true, force: true });
    },
  };
}
