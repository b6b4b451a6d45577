// One running Python, as the page sees it: a worker, what it was asked, and what it says.
import { interruptLine, lineMemory, sendEnd, sendLine } from "./input.js";

/** After this long, in milliseconds, a Ctrl-C that changed nothing is said to be without effect. */
const PATIENCE = 3000;

/** For so long, in milliseconds, after it was said to have started, a Ctrl-C may meet code that is still being prepared. */
const BEGINNING = 1000;

/** After this long, in milliseconds, a Ctrl-C at the beginning is told once more. */
const AGAIN = 300;

/**
 * States are `starting`, `idle`, `busy`, `stuck` (Ctrl-C has no effect) and `failed`. Handlers: `onState(state)`, and
 * `onMessage(message)` for everything that belongs to nothing that was asked.
 */
export class Session {
  state = "starting";
  /** Whether Python can be interrupted and can wait for lines. */
  isIsolated = globalThis.crossOriginIsolated === true && typeof SharedArrayBuffer === "function";
  #config;
  #handlers;
  #worker;
  #memory;
  #patience;
  #again;
  /** When what runs was said to have started. */
  #started;
  #next = 0;
  /** What was asked and is not done: `{ resolve, onMessage }` by number, the oldest first. */
  #asked = new Map();

  constructor(config, handlers) {
    this.#config = config;
    this.#handlers = handlers;
  }

  /** Starts Python; a running one ends, and what it was doing with it. */
  start() {
    this.#worker?.terminate();
    clearTimeout(this.#patience);
    clearTimeout(this.#again);
    this.#started = undefined;
    for (const { resolve } of this.#asked.values()) resolve({ status: "ended" });
    this.#asked.clear();
    this.#memory = this.isIsolated
      ? { interrupt: new Uint8Array(new SharedArrayBuffer(1)), upTo: new Int32Array(new SharedArrayBuffer(4)), line: lineMemory() }
      : undefined;
    this.#worker = new Worker("/worker.js", { type: "module", name: "python" });
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#receive({ type: "failed", message: event.message ?? "its script cannot be loaded" });
    };
    this.#worker.postMessage({ type: "start", config: this.#config, memory: this.#memory });
    this.#enter("starting");
  }

  /** Asks for something; `onMessage` gets all that is said meanwhile. Resolves to the result. */
  ask(message, onMessage = () => {}) {
    const id = ++this.#next;
    const answered = new Promise((resolve) => this.#asked.set(id, { resolve, onMessage }));
    this.#worker.postMessage({ ...message, id });
    if (this.state === "idle") this.#enter("busy");
    return answered;
  }

  /** Ctrl-C: ends what runs, and takes back what waits for its turn. */
  interrupt() {
    if (this.#asked.size === 0) return;
    if (this.#memory && this.state !== "starting") {
      // What has not begun yet looks here; code that computes, which no message reaches, reads the interrupt.
      Atomics.store(this.#memory.upTo, 0, this.#next);
      this.#memory.interrupt[0] = 2;
      interruptLine(this.#memory.line);
      this.#interruptAgain(this.#next);
    }
    this.#worker.postMessage({ type: "interrupt", upTo: this.#next });
    clearTimeout(this.#patience);
    if (this.state === "busy") this.#patience = setTimeout(() => this.#enter("stuck"), PATIENCE);
  }

  /** The event loop's own code may take what is told at the beginning. Later it is not told again, since code may catch a
   * Ctrl-C and go on. */
  #interruptAgain(upTo) {
    clearTimeout(this.#again);
    if (performance.now() - (this.#started ?? performance.now()) > BEGINNING) return;
    const { interrupt } = this.#memory;
    this.#again = setTimeout(() => {
      const isAsked = [...this.#asked.keys()].some((id) => id <= upTo);
      if (!isAsked) return;
      if (interrupt[0] === 0) interrupt[0] = 2;
      this.#interruptAgain(upTo);
    }, AGAIN);
  }

  /** Answers input(); without a text that is the end of input. */
  answer(line) {
    if (line === undefined) sendEnd(this.#memory.line);
    else sendLine(this.#memory.line, line);
  }

  #receive(message) {
    const asked = this.#asked.get(message.id);
    if (message.type === "done") {
      this.#asked.delete(message.id);
      clearTimeout(this.#patience);
      this.#started = undefined;
      this.#enter(this.#asked.size > 0 ? "busy" : "idle");
      asked?.resolve(message.result);
    } else if (asked) {
      if (message.type === "started") this.#started = performance.now();
      asked.onMessage(message);
    } else {
      if (message.type === "ready") this.#enter(this.#asked.size > 0 ? "busy" : "idle");
      if (message.type === "failed") this.#enter("failed");
      this.#handlers.onMessage(message);
    }
  }

  #enter(state) {
    if (state === this.state && state !== "starting") return;
    this.state = state;
    this.#handlers.onState(state);
  }
}
