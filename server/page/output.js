// What programs write, on its way from the worker to the page: at once while it is little, in larger parts when it is
// much, and past a limit counted only, so that an endless loop of print() fills no memory.

const PART = 8 << 10;
const LIMIT = 256 << 10;
/** This many messages go out at once in each span of time, in milliseconds; the rest is gathered. */
const MESSAGES = 50;
const SPAN = 50;

export class Output {
  #post;
  #stream = "stdout";
  #text = "";
  #sent = 0;
  #left = 0;
  #spanStart = 0;
  #inSpan = 0;

  /** @param {(stream: string, text: string) => void} post */
  constructor(post) {
    this.#post = post;
  }

  /** Takes text of one stream. */
  write(stream, text) {
    if (stream !== this.#stream) this.flush();
    this.#stream = stream;
    const room = Math.max(0, LIMIT - this.#sent);
    this.#left += Math.max(0, text.length - room);
    this.#sent += Math.min(text.length, room);
    this.#text += text.slice(0, room);
    const now = performance.now();
    if (now - this.#spanStart > SPAN) {
      this.#spanStart = now;
      this.#inSpan = 0;
    }
    if (this.#inSpan < MESSAGES || this.#text.length >= PART) this.flush();
  }

  /** Sends what is held back. */
  flush() {
    if (this.#text === "") return;
    this.#inSpan += 1;
    this.#post(this.#stream, this.#text);
    this.#text = "";
  }

  /** Ends what one program has written: says what was left out, and starts counting anew. */
  end() {
    this.flush();
    if (this.#left > 0) this.#post("stderr", `… ${this.#left.toLocaleString("en")} characters more were not kept\n`);
    this.#sent = 0;
    this.#left = 0;
  }
}
