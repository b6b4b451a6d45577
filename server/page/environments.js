// The channel's environments: a choice of what Python starts with, and what came of it.
import { create } from "./transcript.js";

/** A choice that is there when there is something to choose. */
export class EnvironmentChoice {
  #form;
  #select;

  /**
   * @param {{form: HTMLFormElement, select: HTMLSelectElement}} parts
   * @param {(name: string) => void} open gets the name of an environment, or nothing for Python alone
   */
  constructor({ form, select }, open) {
    this.#form = form;
    this.#select = select;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      open(select.value);
    });
  }

  /** What the channel has, and the name that the address asks for, if it asks for one. */
  set(environments, asked) {
    const named = environments.map(({ name, requirements }) => option(name, labelled(name, requirements)));
    this.#select.replaceChildren(option("", "Python alone"), ...named);
    this.#select.value = environments.some(({ name }) => name === asked) ? asked : "";
    // One that is not there can be left.
    this.#form.hidden = environments.length === 0 && asked === undefined;
  }
}

/** The address of the prompt with an environment, or with Python alone. */
export function addressOf(name) {
  const address = new URL(location.pathname, location);
  if (name !== "") address.searchParams.set("environment", name);
  return address;
}

/** The environment that the page's address asks for. */
export function askedFor() {
  return new URLSearchParams(location.search).get("environment") || undefined;
}

/** How Python has started with an environment, as a sentence. */
export function startedWith({ name, restored, reason, packages }) {
  const versions = packages.map(({ name, version }) => `${name} ${version}`).join(", ");
  if (restored) return `Restored the environment ${name}: ${versions}`;
  return `The environment ${name} could not be restored (${reason}), so its packages were installed: ${versions}`;
}

function labelled(name, requirements) {
  const all = requirements.join(", ");
  return all === name ? name : `${name} (${all})`;
}

function option(value, text) {
  const element = create("option", "", text);
  element.value = value;
  return element;
}
