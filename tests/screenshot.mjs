// The picture of the prompt on README's first screen: `cargo xtask screenshot`.
import { join } from "node:path";
import { startServer } from "./support/program.mjs";
import { startChromium } from "./support/prompt.mjs";
import { root } from "./support/settings.mjs";

const setUp = `
import struct, zlib
import numpy

def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

class Waves:
    def __repr__(self):
        return "waves"
    def _repr_png_(self):
        y, x = numpy.mgrid[0:120, 0:420] / 15
        height = (numpy.sin(x + numpy.sin(y)) * numpy.cos(y * 0.7) + 1) / 2
        colours = numpy.array([15, 92, 79]) * (1 - height[..., None]) + numpy.array([240, 185, 90]) * height[..., None]
        rows = numpy.pad(colours.astype("u1").reshape(120, -1), ((0, 0), (1, 0))).tobytes()
        size = struct.pack(">2I5B", 420, 120, 8, 2, 0, 0, 0)
        return b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
`;

const server = await startServer();
const chromium = await startChromium();
try {
  const prompt = await chromium.newPrompt(server.base, { viewport: { width: 1100, height: 800 } });
  await prompt.untilState("idle");
  await prompt.run("import numpy");
  await prompt.run("numpy.linalg.svd(numpy.arange(6.0).reshape(2, 3)).S");
  await prompt.run("def mean(values):\n    return sum(values) / len(values)\n\nmean([])");
  // What draws the picture is left out of it.
  await prompt.run(setUp);
  await prompt.evaluate(() => [...document.querySelectorAll(".entry")].at(-1).remove());
  await prompt.run("Waves()");
  await prompt.until("the picture is there", () => [...document.images].at(-1)?.complete);
  await prompt.type("numpy.linalg.");
  await prompt.page.screenshot({ path: join(root, "server/page/screenshot.png") });
} finally {
  await chromium.stop();
  await server.stop();
}
