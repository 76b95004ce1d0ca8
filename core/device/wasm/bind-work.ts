/**
 * Small work as one JavaScript function that makes its calls with everything known as constants in its text, so that a launch costs
 * what the calls cost.
 */
import type { Address, Runnable } from "../device.ts";
import type { TaskHost } from "./task.ts";
import { FIRST_OPERAND, type Place, THREAD, type Work, ZERO } from "./work.ts";

/** More calls than this are not worth text. */
const MOST_CALLS = 32;

/** The work as a function; undefined where threads are to share it or it is long. */
export function bindWork(
  { phases, threadBytes = 0, launchBytes = 0 }: Work,
  operands: number,
  counter: { value: number },
  { threadScratch, launchScratch }: Pick<TaskHost, "threadScratch" | "launchScratch">,
): Runnable | undefined {
  const calls = phases.flat(2);
  if (phases.some((chunks) => chunks.length > 1) || calls.length > MOST_CALLS) return undefined;
  // Asked for now, so that a launch does not fail for want of memory.
  const scratch = { thread: () => threadScratch.atLeast(threadBytes), launch: () => launchScratch.atLeast(launchBytes) };
  scratch.thread();
  scratch.launch();
  const name = (base: number) => (base >= FIRST_OPERAND ? `a${base - FIRST_OPERAND}` : base === THREAD ? "thread" : "launch");
  const value = ({ base, offset }: Place) => (base === ZERO ? `${offset}` : offset === 0 ? name(base) : `${name(base)} + ${offset}`);
  const body = [
    "counter.value++;",
    ...["thread", "launch"]
      .filter((b) => calls.some((c) => c.args.some((a) => a.base !== ZERO && name(a.base) === b)))
      .map((b) => `const ${b} = scratch.${b}();`),
    ...calls.map(({ args }, i) => `run${i}(${args.map(value).join(", ")});`),
  ].join("\n");
  const parameters = Array.from({ length: operands }, (_, i) => `a${i}`).join(", ");
  const names = calls.map((_, i) => `run${i}`);
  const make = new Function("counter", "scratch", ...names, `return (${parameters}) => {\n${body}\n};`) as (
    counter: { value: number },
    scratch: Readonly<Record<string, () => Address>>,
    ...runs: readonly Runnable[]
  ) => Runnable;
  return make(counter, scratch, ...calls.map((c) => c.fn.run));
}
