import assert from "node:assert/strict";

import { LoaderError } from "./runtime.mjs";

/** Awaits a refusal; its code and message, with the address of the test's server left out. */
export async function refused(promise, address = "") {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof LoaderError, String(error?.stack ?? error));
    return { code: error.code, message: error.message.replaceAll(address || "\0", "") };
  }
  return assert.fail("nothing was refused");
}
