// The numbers that numpy must give, and what gives them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { reference } from "./settings.mjs";

/** Python code whose last expression is JSON. */
export const numpyCode = `
import json
import numpy as np
a = np.arange(6.0).reshape(2, 3)
u, s, vt = np.linalg.svd(a)
json.dumps({
    "version": np.__version__,
    "product": (a @ a.T).tolist(),
    "outer": (a.T @ a).tolist(),
    "singular values": s.tolist(),
    "svd": (u @ np.diag(s) @ vt[:2]).tolist(),
    "random": np.random.default_rng(0).random(2).tolist(),
})
`;

/** What CPython with PyPI's numpy gives on this machine. */
export function expectedNumpy() {
  const lines = numpyCode.trim().split("\n");
  const last = lines.findIndex((line) => line.startsWith("json.dumps"));
  const code = [...lines.slice(0, last), `print(${lines.slice(last).join("\n")})`].join("\n");
  const env = { ...process.env, PYTHONPATH: reference };
  return JSON.parse(execFileSync("python3", ["-c", code], { encoding: "utf8", env }));
}

/** Products and random numbers to the last bit; the decomposition, which another LAPACK may round otherwise, nearly. */
export function assertNumpy(json, expected) {
  const found = JSON.parse(json);
  for (const key of ["version", "product", "outer", "random"]) assert.deepEqual(found[key], expected[key], key);
  for (const key of ["singular values", "svd"]) {
    const [a, b] = [found[key].flat(), expected[key].flat()];
    assert.equal(a.length, b.length, key);
    a.forEach((value, at) => assert.ok(Math.abs(value - b[at]) < 1e-12, `${key}: ${value} is not ${b[at]}`));
  }
}
