// The clients of a channel, each with numpy from it in a browser's page.
import assert from "node:assert/strict";
import { withBoot, withEnvironment, withLoader, withLoadPackage, withMicropip } from "./clients.mjs";
import { assertNumpy, expectedNumpy, numpyCode } from "./numpy.mjs";
import { abi, runtimeVersion } from "./settings.mjs";

/** For each client, what asserts that numpy from the channel at an address gives the numbers that it must. */
export function numpyClients(browser) {
  const expected = expectedNumpy();
  const installs = async (client, base) => {
    const argument = { base, abi, runtime: runtimeVersion, packages: ["numpy"], environment: "numpy", code: numpyCode };
    assertNumpy(await browser.inPage(client, argument), expected);
  };
  return {
    boot: (base) => installs(withBoot, base),
    environment: (base) => installs(withEnvironment, base),
    loader: (base) => installs(withLoader, base),
    loadPackage: (base) => installs(withLoadPackage, base),
    /** From the index; micropip would go on with the lockfile if it were not answered as it likes. */
    async micropip(base) {
      const page = await fetch(`${base}/simple/numpy/`, { headers: { Accept: "application/vnd.pypi.simple.v1+json, */*;q=0.01" } });
      assert.deepEqual([page.status, page.headers.get("content-type")], [200, "application/vnd.pypi.simple.v1+json"]);
      await installs(withMicropip, base);
    },
  };
}
