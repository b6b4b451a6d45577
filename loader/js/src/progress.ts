import type { Progress, Stage } from "./types.js";

const UNITS: Record<Stage, Progress["unit"]> = {
  resolve: "packages",
  download: "bytes",
  unpack: "bytes",
  compile: "modules",
  write: "files",
};

/** Counts what is done and passes it on, until it is closed. */
export class Reporter {
  #onProgress: ((progress: Progress) => void) | undefined;
  readonly #done = new Map<Stage, number>();
  readonly #totals = new Map<Stage, number>();

  constructor(onProgress: ((progress: Progress) => void) | undefined) {
    this.#onProgress = onProgress;
  }

  /** Adds to what a stage has to do. */
  expect(stage: Stage, count: number): void {
    this.#totals.set(stage, (this.#totals.get(stage) ?? 0) + count);
  }

  /** Adds to what a stage has done. */
  advance(stage: Stage, count: number, name?: string): void {
    this.report(stage, (this.#done.get(stage) ?? 0) + count, name);
  }

  /** Sets what a stage has done. */
  report(stage: Stage, done: number, name?: string): void {
    this.#done.set(stage, done);
    const total = this.#totals.get(stage) ?? 0;
    const progress = { stage, done, total, unit: UNITS[stage] };
    this.#onProgress?.(name === undefined ? progress : { ...progress, package: name });
  }

  /** Ends reporting. */
  close(): void {
    this.#onProgress = undefined;
  }
}
