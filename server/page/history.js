// What was typed before, kept in this browser.

const KEY = "pkgsrv.history";
const MOST = 500;
const LONGEST = 20_000;

export class History {
  #entries = [];
  /** Where Up and Down are; the number of entries while at the draft. */
  #at = 0;
  #draft = "";

  constructor() {
    try {
      const kept = JSON.parse(localStorage.getItem(KEY) ?? "[]");
      this.#entries = Array.isArray(kept) ? kept.filter((entry) => typeof entry === "string") : [];
    } catch {
      // Damaged, or the browser keeps nothing: an empty history then.
    }
    this.#at = this.#entries.length;
  }

  /** Remembers code that was run. */
  add(code) {
    if (code.trim() !== "" && code.length <= LONGEST && code !== this.#entries.at(-1)) {
      this.#entries.push(code);
      this.#entries.splice(0, this.#entries.length - MOST);
      try {
        localStorage.setItem(KEY, JSON.stringify(this.#entries));
      } catch {
        // Full or forbidden: it lasts as long as the page.
      }
    }
    this.#at = this.#entries.length;
  }

  /** The entry `step` before (-1) or after (1) the one that is shown, `undefined` at either end. */
  move(step, shown) {
    const to = this.#at + step;
    if (to < 0 || to > this.#entries.length) return undefined;
    if (this.#at === this.#entries.length) this.#draft = shown;
    this.#at = to;
    return to === this.#entries.length ? this.#draft : this.#entries[to];
  }
}
