// What was run and what came of it.
import { bytes, progress as amount, seconds } from "./format.js";

/** Older entries are dropped. */
const MOST_ENTRIES = 300;

/** Types that a picture may have. An SVG in an <img> runs no script. */
const PICTURES = new Set(["image/png", "image/jpeg", "image/svg+xml"]);

const STAGES = {
  resolve: "choosing versions",
  download: "downloading",
  unpack: "unpacking",
  compile: "compiling",
  write: "writing",
};

export class Transcript {
  #log;

  constructor(log) {
    this.#log = log;
  }

  /** Begins an entry; `mark` stands before it. */
  add(mark, code, kind) {
    const entry = new Entry(mark, code, kind);
    this.#log.append(entry.element);
    while (this.#log.children.length > MOST_ENTRIES) this.#drop(this.#log.firstElementChild);
    return entry;
  }

  /** An entry without an input. */
  addOutput() {
    const entry = this.add("", "", "run");
    entry.setStatus("ok");
    return entry;
  }

  clear() {
    [...this.#log.children].forEach((element) => this.#drop(element));
  }

  #drop(element) {
    for (const picture of element.querySelectorAll("img")) URL.revokeObjectURL(picture.src);
    element.remove();
  }
}

/** One input and its outputs. */
export class Entry {
  element = document.createElement("article");
  #outputs = document.createElement("div");
  #progress;

  constructor(mark, code, kind) {
    this.element.className = `entry ${kind}`;
    this.element.setAttribute("aria-label", code === "" ? "Note" : kind === "run" ? `Input ${mark}` : "Installation");
    const gutter = create("span", "mark", mark);
    gutter.setAttribute("aria-hidden", "true");
    const input = create("pre", "code");
    input.append(create("code", "", code));
    this.#outputs.className = "outputs";
    this.element.append(gutter, input, this.#outputs);
    this.setStatus("waiting");
  }

  /** `waiting`, `running`, `ok`, `error`, `syntax`, `interrupted` or `ended`. */
  setStatus(status) {
    this.element.dataset.status = status;
  }

  /** Appends text to the last output if it is of the same stream. A carriage return goes back in the last line. */
  write(stream, text) {
    let output = this.#outputs.lastElementChild;
    if (output?.dataset.stream !== stream) {
      output = create("pre", "output");
      output.dataset.stream = stream;
      this.#outputs.append(output);
    }
    const plain = text.replaceAll("\r\n", "\n");
    if (!plain.includes("\r") && !output.dataset.returns) {
      output.append(plain);
      return;
    }
    const lines = `${output.textContent}${output.dataset.returns ?? ""}${plain}`.split("\n");
    // One at the end takes effect with what follows it.
    const returns = lines.at(-1).endsWith("\r") ? "\r" : "";
    output.dataset.returns = returns;
    output.textContent = lines.map((line) => line.replace(/\r+$/, "").split("\r").at(-1)).join("\n");
  }

  /** A sentence of the page's own. */
  note(text, kind = "note") {
    this.#outputs.append(create("p", kind, text));
  }

  picture(mediaType, data, label) {
    if (!PICTURES.has(mediaType) || !(data instanceof Uint8Array)) return;
    const image = create("img", "picture");
    image.alt = String(label);
    image.src = URL.createObjectURL(new Blob([data], { type: mediaType }));
    image.addEventListener("error", () => image.replaceWith(create("p", "failure", `This picture cannot be shown: ${label}`)));
    this.#outputs.append(image);
  }

  /** How far an installation is. Not read aloud at every step: its end is. */
  progress({ stage, done, total, unit, package: name }) {
    if (!this.#progress) {
      const element = create("div", "progress");
      element.setAttribute("aria-live", "off");
      const bar = create("progress");
      bar.setAttribute("aria-label", "Installation");
      const text = create("span");
      element.append(bar, text);
      this.#progress = { element, bar, text };
      this.#outputs.append(element);
    }
    const { bar, text } = this.#progress;
    if (total > 0) {
      bar.max = total;
      bar.value = done;
    } else {
      bar.removeAttribute("value");
    }
    const about = name === undefined ? "" : `${name}: `;
    text.textContent = `${about}${STAGES[stage] ?? stage}${total > 0 ? ` · ${amount({ done, total, unit })}` : ""}`;
  }

  endProgress() {
    this.#progress?.element.remove();
    this.#progress = undefined;
  }

  installed({ requirements, packages, milliseconds }) {
    this.endProgress();
    if (packages.length === 0) {
      this.note(`${requirements.join(", ")}: there already`);
      return;
    }
    const size = packages.reduce((sum, { size }) => sum + size, 0);
    const names = packages.map(({ name, version }) => `${name} ${version}`).join(", ");
    this.note(`Installed ${names} · ${bytes(size)} in ${seconds(milliseconds)}`);
  }

  /** A button that does something about what is above it. */
  offer(text, action) {
    const button = create("button", "offer", text);
    button.type = "button";
    button.addEventListener("click", () => {
      button.remove();
      action();
    });
    this.#outputs.append(button);
  }
}

/** An element with a class and a text. */
export function create(name, className = "", text = "") {
  const element = document.createElement(name);
  if (className !== "") element.className = className;
  if (text !== "") element.textContent = text;
  return element;
}
