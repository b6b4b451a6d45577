// The channel's packages: a field that finds and installs, and a list to choose from.
import { bytes, normalised } from "./format.js";
import { create } from "./transcript.js";

/** More are found by typing. */
const SHOWN = 60;

export class PackageList {
  #field;
  #list;
  #count;
  #packages = [];
  #installed = new Map();
  #install;

  /**
   * @param {{form: HTMLFormElement, field: HTMLInputElement, list: HTMLElement, count: HTMLElement}} parts
   * @param {(requirement: string, found: object | undefined) => void} install
   */
  constructor({ form, field, list, count }, install) {
    this.#field = field;
    this.#list = list;
    this.#count = count;
    this.#install = install;
    field.addEventListener("input", () => this.#show());
    field.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" && this.#focus(0)) event.preventDefault();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const wanted = field.value.trim();
      if (wanted === "") return;
      field.value = "";
      this.#show();
      install(wanted, this.#named(wanted));
    });
    list.addEventListener("keydown", (event) => this.#key(event));
    list.addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      if (button) install(button.dataset.name, this.#named(button.dataset.name));
    });
  }

  /** What the channel has. */
  set(packages) {
    this.#packages = packages;
    this.#show();
  }

  /** Marks packages as there. */
  addInstalled(packages) {
    for (const { name, version } of packages) this.#installed.set(name, version);
    this.#show();
  }

  /** A new Python has none of them. */
  forgetInstalled() {
    this.#installed.clear();
    this.#show();
  }

  #named(name) {
    return this.#packages.find((known) => known.name === normalised(name));
  }

  #show() {
    const typed = normalised(this.#field.value.trim().replace(/[<>=!~[; ].*$/, ""));
    const found = this.#packages.filter(({ name, imports }) =>
      name.includes(typed) || imports.some((module) => normalised(module).includes(typed)));
    // What begins with the text comes before what only has it inside.
    found.sort((a, b) => b.name.startsWith(typed) - a.name.startsWith(typed));
    const had = this.#list.contains(document.activeElement) ? document.activeElement.dataset.name : undefined;
    this.#list.replaceChildren(...found.slice(0, SHOWN).map((known, at) => this.#item(known, at === 0)));
    if (had !== undefined) this.#buttons().find((button) => button.dataset.name === had)?.focus();
    this.#count.textContent = this.#summary(found.length, typed);
  }

  #summary(found, typed) {
    const all = this.#packages.length;
    if (all === 0) return "Nothing is published in this channel yet.";
    if (found === 0) return `None of ${all.toLocaleString("en")} has “${typed}” in its name.`;
    const many = (count) => `${count.toLocaleString("en")} ${count === 1 ? "package" : "packages"}`;
    if (found > SHOWN) return `${many(found)}, the first ${SHOWN} shown; type to find others.`;
    return found === all ? many(all) : `${found} of ${many(all)}`;
  }

  #item({ name, version, size }, isFirst) {
    const installed = this.#installed.get(name);
    const button = create("button", installed ? "installed" : "");
    button.type = "button";
    button.dataset.name = name;
    // One stop for Tab; arrows go on from there.
    button.tabIndex = isFirst ? 0 : -1;
    button.append(create("span", "name", name), " ", create("span", "version", installed ?? version), " ");
    button.append(create("span", "size", installed ? "installed" : bytes(size)));
    const item = document.createElement("li");
    item.append(button);
    return item;
  }

  #buttons() {
    return [...this.#list.querySelectorAll("button")];
  }

  #focus(at) {
    const buttons = this.#buttons();
    const button = buttons[at];
    if (!button) return false;
    buttons.forEach((other) => (other.tabIndex = other === button ? 0 : -1));
    button.focus();
    return true;
  }

  #key(event) {
    const buttons = this.#buttons();
    const at = buttons.indexOf(event.target.closest("button"));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to < 0) this.#field.focus();
    else this.#focus(to);
  }
}
