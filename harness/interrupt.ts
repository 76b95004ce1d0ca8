/**
 * Ctrl-C: the first one ends the running cell and lets the run close its files, the second one ends the program at once. Children
 * live in process groups of their own, so a terminal's Ctrl-C does not reach them directly.
 */

/** The reason of an interruption; the command line exits with 130. */
export class Interrupted extends Error {
  constructor() {
    super("interrupted");
    this.name = "Interrupted";
  }
}

export interface Interruption {
  readonly signal: AbortSignal;
  /** Stops listening. */
  dispose(): void;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export const INTERRUPTED_EXIT = 130;

export function onInterrupt(): Interruption {
  const controller = new AbortController();
  const listener = (): void => {
    if (controller.signal.aborted) process.exit(INTERRUPTED_EXIT);
    controller.abort(new Interrupted());
  };
  for (const name of SIGNALS) process.on(name, listener);
  return {
    signal: controller.signal,
    dispose: () => {
      for (const name of SIGNALS) process.removeListener(name, listener);
    },
  };
}
