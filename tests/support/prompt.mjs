// Driving the prompt as a person does, by keys, in Chromium and in Firefox.
import { setTimeout as sleep } from "node:timers/promises";
import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";

/** Starts Chromium; `newPrompt(base, options)` opens the prompt of a server in a fresh profile. */
export async function startChromium(flags = []) {
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", ...flags] });
  return {
    async newPrompt(address, options = {}) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
      const prompt = new PromptPage(await context.newPage());
      await prompt.open(address);
      return prompt;
    },
    stop: () => browser.close(),
  };
}

/** The same with Debian's Firefox ESR. */
export async function startFirefox() {
  const browser = await puppeteer.launch({ browser: "firefox", executablePath: "/usr/bin/firefox-esr", headless: true });
  return {
    async newPrompt(address) {
      const context = await browser.createBrowserContext();
      const prompt = new PromptPage(await context.newPage());
      await prompt.open(address);
      return prompt;
    },
    stop: () => browser.close(),
  };
}

/** A page with the prompt. Uses only what Playwright's pages and Puppeteer's have in common. */
export class PromptPage {
  constructor(page) {
    this.page = page;
    /** Errors that nobody caught. */
    this.errors = [];
    page.on("pageerror", (error) => this.errors.push(String(error)));
  }

  async open(address) {
    await this.page.goto(address, { waitUntil: "load" });
  }

  close() {
    return this.page.close();
  }

  evaluate(run, argument) {
    return this.page.evaluate(run, argument);
  }

  /** Waits until a function in the page returns something true, and returns that. */
  async until(what, run, argument) {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const value = await this.evaluate(run, argument);
      if (value) return value;
      if (Date.now() > deadline) throw new Error(`waited in vain until ${what}; the page shows:\n${await this.text("body")}`);
      await sleep(50);
    }
  }

  untilState(state) {
    return this.until(`the state is ${state}`, (state) => document.body.dataset.state === state, state);
  }

  text(selector) {
    return this.evaluate((selector) => document.querySelector(selector)?.innerText, selector);
  }

  /** Presses a key or several at once, such as `Control+c`. */
  async press(keys) {
    const held = keys.split("+");
    const key = held.pop();
    for (const modifier of held) await this.page.keyboard.down(modifier);
    await this.page.keyboard.press(key);
    for (const modifier of held.reverse()) await this.page.keyboard.up(modifier);
  }

  type(text) {
    return this.page.keyboard.type(text);
  }

  /** Inserts text as pasting does. */
  async paste(text) {
    await this.evaluate((text) => {
      document.getElementById("code").focus();
      document.execCommand("insertText", false, text);
    }, text);
  }

  code() {
    return this.evaluate(() => document.getElementById("code").value);
  }

  /** Waits until the editor holds this: keys that follow an Enter wait for Python to answer it. */
  untilCode(expected) {
    return this.until(`the editor holds ${JSON.stringify(expected)}`, (expected) => document.getElementById("code").value === expected, expected);
  }

  /** How many entries there are. */
  entries() {
    return this.evaluate(() => document.querySelectorAll(".entry").length);
  }

  /** The entry at a place, once it is done. */
  async entry(at) {
    await this.until(`entry ${at} is done`, (at) => {
      const status = document.querySelectorAll(".entry")[at]?.dataset.status;
      return status && status !== "waiting" && status !== "running";
    }, at);
    return this.evaluate((at) => {
      const entry = document.querySelectorAll(".entry")[at];
      const texts = (selector) => [...entry.querySelectorAll(selector)].map((output) => output.textContent);
      const all = (stream) => texts(`.output[data-stream=${stream}]`).join("");
      return {
        status: entry.dataset.status,
        code: texts(".code").join(""),
        stdout: all("stdout"),
        stderr: all("stderr"),
        result: all("result"),
        error: all("error"),
        notes: texts(".note, .failure"),
        pictures: [...entry.querySelectorAll("img")].map(({ alt, naturalWidth, naturalHeight }) => ({ alt, naturalWidth, naturalHeight })),
      };
    }, at);
  }

  /** Runs code to its end: what came of it. */
  async run(code) {
    return this.entry(await this.begin(code));
  }

  /** Has code run: which entry it is. */
  async begin(code) {
    const at = await this.entries();
    await this.paste(code);
    await this.press("Control+Enter");
    return at;
  }
}
