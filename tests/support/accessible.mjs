// Whether everyone can use a page.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** By the rules of axe, all of them. */
export async function assertAccessible(prompt) {
  // In a world of its own: the page's policy lets no other script in.
  const session = await prompt.page.context().newCDPSession(prompt.page);
  const { frameTree } = await session.send("Page.getFrameTree");
  const { executionContextId } = await session.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id });
  const expression = `${axe}; axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html, failureSummary }) => html + " " + failureSummary).join("; ")))`;
  const { result, exceptionDetails } = await session.send("Runtime.evaluate", { expression, contextId: executionContextId, awaitPromise: true, returnByValue: true });
  await session.detach();
  assert.equal(exceptionDetails, undefined, exceptionDetails?.exception?.description);
  assert.deepEqual(result.value, []);
}
