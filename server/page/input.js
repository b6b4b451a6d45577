// Lines for input(), through memory that page and worker share: Python waits for them in the middle of its code.

const [WAITING, LINE, END, INTERRUPTED] = [0, 1, 2, 3];
const HEADER = 8;
const LONGEST = 1 << 20;

/** Memory for one line at a time. */
export function lineMemory() {
  return new SharedArrayBuffer(HEADER + LONGEST);
}

const parts = (memory) => ({ header: new Int32Array(memory, 0, 2), text: new Uint8Array(memory, HEADER) });

/** In the worker: waits for a line; `""` at the end of input, `undefined` after Ctrl-C. */
export function readLine(memory, ask) {
  const { header, text } = parts(memory);
  Atomics.store(header, 0, WAITING);
  ask();
  Atomics.wait(header, 0, WAITING);
  const state = Atomics.load(header, 0);
  if (state === INTERRUPTED) return undefined;
  // Decoders take no shared memory.
  return state === END ? "" : new TextDecoder().decode(text.slice(0, header[1]));
}

function answer(memory, state) {
  const { header } = parts(memory);
  Atomics.store(header, 0, state);
  Atomics.notify(header, 0);
}

/** In the page: hands over a line. What is past a megabyte is cut off. */
export function sendLine(memory, line) {
  const { header, text } = parts(memory);
  // Encoders write into no shared memory.
  const bytes = new TextEncoder().encode(`${line.slice(0, LONGEST / 4)}\n`);
  text.set(bytes);
  header[1] = bytes.length;
  answer(memory, LINE);
}

/** In the page: there are no more lines. */
export function sendEnd(memory) {
  answer(memory, END);
}

/** In the page: ends the waiting by Ctrl-C. */
export function interruptLine(memory) {
  answer(memory, INTERRUPTED);
}
