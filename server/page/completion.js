// The list of completions above the editor. Focus stays in the editor, which names the chosen one.

const SHOWN = 200;

export class Completion {
  #list;
  #editor;
  #announce;
  #choose;
  #at = 0;

  /**
   * @param {HTMLElement} list the listbox
   * @param {HTMLTextAreaElement} editor
   * @param {(text: string) => void} announce says something to screen readers
   * @param {(name: string) => void} choose takes the chosen completion
   */
  constructor(list, editor, announce, choose) {
    this.#list = list;
    this.#editor = editor;
    this.#announce = announce;
    this.#choose = choose;
    // The editor must not lose the focus to a click.
    list.addEventListener("pointerdown", (event) => event.preventDefault());
    list.addEventListener("click", ({ target }) => {
      const option = target.closest("[role=option]");
      if (option) this.#take(option.textContent);
    });
  }

  get isOpen() {
    return !this.#list.hidden;
  }

  /** Shows names to choose from. */
  open(names, more) {
    this.#list.replaceChildren(...names.slice(0, SHOWN).map((name, at) => {
      const option = document.createElement("li");
      option.role = "option";
      option.id = `completion-${at}`;
      option.textContent = name;
      return option;
    }));
    this.#list.hidden = false;
    this.#announce(`${names.length}${more ? " or more" : ""} completions; arrows choose, Enter takes, Escape closes`);
    this.#select(0);
  }

  close() {
    this.#list.hidden = true;
    this.#editor.removeAttribute("aria-activedescendant");
  }

  /** Whether the key was one of the list's. */
  takesKey(event) {
    if (!this.isOpen) return false;
    const last = this.#list.children.length - 1;
    switch (event.key) {
      case "ArrowDown":
      case "Tab":
        this.#select(event.shiftKey ? this.#before(last) : this.#at === last ? 0 : this.#at + 1);
        return true;
      case "ArrowUp":
        this.#select(this.#before(last));
        return true;
      case "Enter":
        this.#take(this.#list.children[this.#at].textContent);
        return true;
      case "Escape":
        this.close();
        return true;
      default:
        return false;
    }
  }

  #before(last) {
    return this.#at === 0 ? last : this.#at - 1;
  }

  #select(at) {
    this.#list.children[this.#at]?.setAttribute("aria-selected", "false");
    this.#at = at;
    const option = this.#list.children[at];
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    this.#editor.setAttribute("aria-activedescendant", option.id);
  }

  #take(name) {
    this.close();
    this.#choose(name);
  }
}
