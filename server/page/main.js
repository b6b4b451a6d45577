// The page: wires the editor, the transcript and the list of packages to a running Python.
import { Editor } from "./editor.js";
import { EnvironmentChoice, addressOf, askedFor, startedWith } from "./environments.js";
import { progress as amount } from "./format.js";
import { PackageList } from "./packages.js";
import { Session } from "./session.js";
import { Transcript } from "./transcript.js";

const element = (id) => document.getElementById(id);

const STATES = {
  starting: "Starting",
  idle: "Ready",
  busy: "Running",
  stuck: "Does not react to Ctrl+C; Restart ends it",
  failed: "Python could not be started",
};

const BOOT = {
  fetch: "Fetching the interpreter",
  start: "Starting Python",
  install: "Installing the environment",
  prepare: "Attaching the loader",
};

let session, config;
let number = 1;
const transcript = new Transcript(element("log"));

const editor = new Editor(element("code"), element("code-label"), element("completions"), {
  isBusy: () => session?.state !== "idle",
  check: async (code) => (await session.ask({ type: "check", code })).complete,
  complete: (code) => session.ask({ type: "complete", code }),
  run,
  answer(line) {
    currentEntry?.write("input", `${line ?? ""}\n`);
    session.answer(line);
  },
  interrupt,
  clear: () => transcript.clear(),
  announce,
});
/** The entry that a question of input() belongs to. */
let currentEntry;

const packages = new PackageList(
  { form: element("install"), field: element("package"), list: element("list"), count: element("count") },
  async (requirement, known) => {
    const isThere = await install([requirement]);
    const module = known?.imports[0];
    if (isThere && module && editor.value.trim() === "") {
      editor.set(`import ${module}`);
      editor.focus();
    }
  },
);

const environments = new EnvironmentChoice(
  { form: element("environments"), select: element("environment") },
  (name) => location.assign(addressOf(name)),
);

/** Says something to screen readers, and shows it beside the name. */
function announce(text) {
  element("state").textContent = text;
}

function showState(state) {
  announce(STATES[state]);
  document.body.dataset.state = state;
  element("stop").hidden = state !== "busy";
  element("run").hidden = state === "busy" || state === "stuck";
  element("restart").hidden = state !== "stuck";
  element("boot").hidden = state !== "starting" && state !== "failed";
  element("boot-again").hidden = state !== "failed";
  element("boot-bar").hidden = state === "failed";
  if (state !== "busy") editor.endQuestion();
}

function receive(message) {
  switch (message.type) {
    case "boot": {
      const { stage, done, total, unit } = message;
      const bar = element("boot-bar");
      const isMeasured = (stage === "fetch" || stage === "install") && total > 0;
      if (isMeasured) {
        bar.max = total;
        bar.value = done;
      } else {
        bar.removeAttribute("value");
      }
      const text = isMeasured ? ` · ${amount({ done, total, unit })}` : "";
      element("boot-text").textContent = `${BOOT[stage]}${text}`;
      break;
    }
    case "packages":
      packages.set(message.packages);
      break;
    case "environments":
      environments.set(message.environments, config.environment);
      break;
    case "ready":
      if (message.environment === undefined) break;
      packages.addInstalled(message.environment.packages);
      transcript.addOutput().note(startedWith(message.environment));
      break;
    case "failed":
      element("boot-text").textContent = `Python could not be started: ${message.message}`;
      break;
    case "output":
      // Of something that was left running by an input before: tasks, timers.
      (currentEntry ??= transcript.addOutput()).write(message.stream, message.text);
      break;
  }
}

/** Shows in an entry what is said while it is being done. */
function show(entry) {
  return (message) => {
    switch (message.type) {
      case "started":
        currentEntry = entry;
        entry.setStatus("running");
        break;
      case "output":
        entry.write(message.stream, message.text);
        break;
      case "picture":
        entry.picture(message.mediaType, message.bytes, message.label);
        break;
      case "progress":
        entry.progress(message.progress);
        break;
      case "installed":
        entry.installed(message);
        packages.addInstalled(message.packages);
        break;
      case "input":
        editor.askForLine();
        break;
    }
  };
}

/** Keeps the end in view while that is where the reader is. */
let isAtEnd = true;
addEventListener("scroll", () => {
  isAtEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 80;
}, { passive: true });

function follow() {
  if (isAtEnd) scrollTo({ top: document.documentElement.scrollHeight });
}
// Pictures grow when they are decoded.
new ResizeObserver(follow).observe(element("log"));

async function perform(message, entry) {
  isAtEnd = true;
  follow();
  const { status, error, suggestion } = await session.ask(message, show(entry));
  entry.endProgress();
  entry.setStatus(status);
  if (error && status === "error") entry.note(error.code ? `${error.message} (${error.code})` : error.message, "failure");
  if (status === "interrupted" && (error || message.type === "install")) entry.note("Stopped.");
  if (status === "ended") entry.note("Python was restarted before this was done.");
  if (suggestion) entry.offer(`Install ${suggestion}`, () => install([suggestion]));
  return status === "ok";
}

function run(code) {
  if (session === undefined || session.state === "failed") {
    editor.set(code);
    return announce("Python is not running");
  }
  const at = number++;
  element("mark").textContent = number;
  void perform({ type: "run", code, number: at }, transcript.add(String(at), code, "run"));
}

function install(requirements) {
  return perform({ type: "install", requirements }, transcript.add("+", requirements.join(" "), "install"));
}

function interrupt() {
  session.interrupt();
  editor.endQuestion();
}

function restart() {
  packages.forgetInstalled();
  editor.endQuestion();
  session.start();
  transcript.addOutput().note("Python was restarted: its names and packages are gone.");
}

async function start() {
  showState("starting");
  element("boot-text").textContent = "Asking the server";
  try {
    if (config === undefined) {
      const response = await fetch("config.json");
      if (!response.ok) throw new Error(`config.json answered ${response.status}: ${await response.text()}`);
      config = { ...(await response.json()), environment: askedFor() };
    }
  } catch (error) {
    showState("failed");
    element("boot-text").textContent = `The server does not answer: ${error.message}`;
    return;
  }
  const { python, runtime, channel, environment } = config;
  const about = [`Python ${python}`, `${runtime.name} ${runtime.version}`, `channel ${channel}`];
  if (environment !== undefined) about.push(`environment ${environment}`);
  element("about").textContent = about.join(" · ");
  element("more").href = config.packages;
  session ??= new Session(config, { onState: showState, onMessage: receive });
  session.start();
  if (!session.isIsolated) {
    const reason = "This page is reached by plain HTTP, so the browser shares no memory: Ctrl+C cannot end code that computes (Restart can), and input() does not work.";
    transcript.addOutput().note(reason);
  }
}

element("prompt").addEventListener("submit", (event) => {
  event.preventDefault();
  editor.submit();
});
element("stop").addEventListener("click", () => {
  interrupt();
  editor.focus();
});
element("restart").addEventListener("click", restart);
element("boot-again").addEventListener("click", () => void start());

// Beside the transcript where there is room, folded away where there is none.
const wide = matchMedia("(min-width: 60rem)");
const fold = () => (element("packages").open = wide.matches);
wide.addEventListener("change", fold);
fold();
// Where a keyboard on the screen would cover half of it, the reader decides.
if (matchMedia("(hover: hover)").matches) editor.focus();
void start();
