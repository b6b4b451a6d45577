// Where code is typed: keys, history, completion, and lines for input().
import { Completion } from "./completion.js";
import { History } from "./history.js";

const INDENT = "    ";

/** While Python is busy: an open bracket, colon or backslash at the end, or a last line that is indented. */
const LOOKS_UNFINISHED = /[:\\([{,]\s*$|\n[ \t]+\S[^\n]*$/;

/**
 * Handlers: `check(code)` resolves to whether Enter should run it, `complete(code)` to `{ names, more, length }`,
 * `run(code)`, `answer(line)`, `interrupt()`, `clear()`, `announce(text)`; `isBusy()` while Python cannot be asked.
 */
export class Editor {
  #area;
  #label;
  #handlers;
  #history = new History();
  #completion;
  /** What is typed while an Enter waits for Python's answer, as functions, in order. */
  #typedAhead = [];
  #isWaiting = false;
  #isInserting = false;
  /** How many characters before the caret a completion replaces. */
  #wordLength = 0;
  /** After Escape, the next Tab moves on. */
  #tabLeaves = false;
  /** The draft that a question of input() has pushed aside. */
  #setAside;

  constructor(area, label, list, handlers) {
    this.#area = area;
    this.#label = label;
    this.#handlers = handlers;
    this.#completion = new Completion(list, area, handlers.announce, (name) => this.#replaceWord(name));
    area.addEventListener("keydown", (event) => this.#key(event));
    area.addEventListener("beforeinput", (event) => this.#typed(event));
    area.addEventListener("input", () => this.#resize());
    area.addEventListener("blur", () => this.#completion.close());
  }

  /** Whether a line for input() is typed, and not code. */
  get isAnswering() {
    return this.#setAside !== undefined;
  }

  get value() {
    return this.#area.value;
  }

  /** Replaces the text; the caret goes to its end. */
  set(text) {
    this.#area.value = text;
    this.#area.setSelectionRange(text.length, text.length);
    this.#resize();
  }

  focus() {
    this.#area.focus();
  }

  /** Runs what is there, finished or not. */
  submit() {
    if (this.#setAside !== undefined) return this.#send();
    this.#completion.close();
    const code = this.value.replace(/\s+$/, "");
    if (code === "") return;
    this.#history.add(code);
    this.set("");
    this.#handlers.run(code);
  }

  /** Asks for a line in place of code. */
  askForLine() {
    this.#setAside = this.value;
    this.#label.textContent = "Answer to input()";
    this.#area.form.classList.add("answering");
    this.set("");
    this.focus();
    this.#handlers.announce("The program asks for a line of input");
  }

  /** Back to code. */
  endQuestion() {
    if (this.#setAside === undefined) return;
    this.set(this.#setAside);
    this.#setAside = undefined;
    this.#label.textContent = "Python code";
    this.#area.form.classList.remove("answering");
  }

  #send(end = false) {
    const line = this.value.replaceAll("\n", " ");
    this.endQuestion();
    this.#handlers.answer(end ? undefined : line);
  }

  #key(event) {
    if (event.isComposing) return;
    const leaves = this.#tabLeaves;
    if (!["Shift", "Control", "Alt", "Meta"].includes(event.key)) this.#tabLeaves = event.key === "Escape";
    if (this.#completion.takesKey(event)) {
      event.preventDefault();
      return;
    }
    const action = this.#action(event, leaves);
    if (action) {
      event.preventDefault();
      void this.#inTurn(action);
    } else if (this.#completion.isOpen && event.key.length > 1) {
      this.#completion.close();
    }
  }

  /** What a key does, `undefined` if it is the browser's. */
  #action(event, tabLeaves) {
    const { key, shiftKey: shift, ctrlKey: control, altKey: alt, metaKey: meta } = event;
    if (alt) return undefined;
    if (key === "Enter" && (control || meta)) return () => this.submit();
    if (control && !shift && key === "c" && !this.#hasSelection()) return () => this.#cancel();
    if (control && !shift && key === "l") return () => this.#handlers.clear();
    if (control && !shift && key === "d" && this.#setAside !== undefined && this.value === "") {
      return () => this.#send(true);
    }
    if (control || meta) return undefined;
    if (this.#setAside !== undefined) return key === "Enter" ? () => this.#send() : undefined;
    if (key === "Enter" && !shift) return () => this.#enter();
    if (key === "Tab" && !shift && !tabLeaves) return () => this.#tab();
    if (key === "Backspace" && (this.#isWaiting || this.#isIndented())) return () => this.#erase();
    if (key === "ArrowUp" && !shift && this.#isAtEdge(0, this.#area.selectionStart)) return () => this.#recall(-1);
    if (key === "ArrowDown" && !shift && this.#isAtEdge(this.#area.selectionEnd)) return () => this.#recall(1);
    return undefined;
  }

  #hasSelection() {
    return this.#area.selectionStart !== this.#area.selectionEnd || String(getSelection()) !== "";
  }

  /** Whether no line break lies in this part of the text. */
  #isAtEdge(from, to) {
    return !this.value.slice(from, to).includes("\n");
  }

  /** As at other prompts: with something running that ends, else the line is given up, and Up brings it back. */
  #cancel() {
    if (this.#handlers.isBusy()) return this.#handlers.interrupt();
    this.#history.add(this.value);
    this.set("");
  }

  #recall(step) {
    const entry = this.#history.move(step, this.value);
    if (entry === undefined) return;
    this.set(entry);
    // Up again goes on from the first line, Down from the last one.
    const end = step < 0 && entry.includes("\n") ? entry.indexOf("\n") : entry.length;
    this.#area.setSelectionRange(end, end);
  }

  /** Runs what is complete, else begins a line. Only Python knows, so what is typed meanwhile is held back. */
  async #enter() {
    const { selectionEnd, value } = this.#area;
    if (value.trim() === "") return this.set("");
    if (value.slice(selectionEnd).trim() !== "" && value.includes("\n")) return this.#newLine();
    const isComplete = this.#handlers.isBusy() ? !LOOKS_UNFINISHED.test(value) : await this.#handlers.check(value);
    if (isComplete) this.submit();
    else this.#newLine();
  }

  /** Does what a key asks for, after what the keys before it asked for. */
  async #inTurn(act) {
    this.#typedAhead.push(act);
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    try {
      for (let next = this.#typedAhead.shift(); next; next = this.#typedAhead.shift()) await next();
    } finally {
      this.#isWaiting = false;
    }
  }

  #typed(event) {
    // Keyboards on a screen may tell of no key.
    if (event.inputType === "insertLineBreak" && this.#setAside !== undefined) {
      event.preventDefault();
      this.#send();
      return;
    }
    // What we insert ourselves is no typing.
    if (!this.#isWaiting || this.#isInserting || event.inputType !== "insertText") return;
    event.preventDefault();
    void this.#inTurn(() => this.#insert(event.data ?? ""));
  }

  /** A line that is indented as the one before it, or deeper after a colon. */
  #newLine() {
    const { selectionStart, value } = this.#area;
    const line = value.slice(value.lastIndexOf("\n", selectionStart - 1) + 1, selectionStart);
    const [indent] = /^[ \t]*/.exec(line);
    this.#insert(`\n${indent}${/:\s*(#.*)?$/.test(line) ? INDENT : ""}`);
  }

  /** Whether only whole levels of indentation stand before the caret. */
  #isIndented() {
    const { selectionStart: at, selectionEnd, value } = this.#area;
    return at === selectionEnd && /(^|\n)(?: {4})+$/.test(value.slice(0, at));
  }

  /** Backspace: a level of indentation, else what the browser would erase. */
  #erase() {
    const { selectionStart: at, selectionEnd } = this.#area;
    if (this.#isIndented()) this.#area.setSelectionRange(at - INDENT.length, at);
    else if (at === selectionEnd) this.#area.setSelectionRange(Math.max(0, at - 1), at);
    this.#insert("");
  }

  async #tab() {
    const { selectionStart, value } = this.#area;
    const before = value.slice(0, selectionStart);
    if (/(^|\n)[ \t]*$/.test(before)) return this.#insert(INDENT);
    if (this.#handlers.isBusy()) return this.#handlers.announce("No completions while Python is busy");
    const { names = [], more, length } = await this.#handlers.complete(before);
    if (this.value !== value || this.#area.selectionStart !== selectionStart) return;
    this.#wordLength = length;
    if (names.length === 0) return this.#handlers.announce("No completions");
    const shared = commonPrefix(names);
    if (names.length === 1) return this.#replaceWord(names[0]);
    if (shared.length > length) {
      this.#replaceWord(shared);
      this.#wordLength = shared.length;
    }
    this.#completion.open(names, more);
  }

  #replaceWord(name) {
    const at = this.#area.selectionStart;
    this.#area.setSelectionRange(at - this.#wordLength, at);
    this.#insert(name);
  }

  /** In place of the selection, so that the browser's undo knows of it. */
  #insert(text) {
    this.focus();
    this.#isInserting = true;
    const done = text === "" ? document.execCommand("delete") : document.execCommand("insertText", false, text);
    if (!done) {
      this.#area.setRangeText(text, this.#area.selectionStart, this.#area.selectionEnd, "end");
    }
    this.#isInserting = false;
    this.#resize();
  }

  #resize() {
    this.#area.rows = Math.min(this.value.split("\n").length, 16);
  }
}

function commonPrefix(names) {
  let [prefix] = names;
  for (const name of names) while (!name.startsWith(prefix)) prefix = prefix.slice(0, -1);
  return prefix;
}
