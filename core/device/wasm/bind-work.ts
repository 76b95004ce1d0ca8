/**
 * Small work as one JavaScript function that makes its calls and nothing else. The function's text follows from which arguments come
 * from which base; it is made once for each such form, and numbers and functions are bound to it, since reading text takes longer than
 * most launches.
 */
import type { Address, Runnable } from "../device.ts";
import type { TaskHost } from "./task.ts";
import { FIRST_OPERAND, LAUNCH, THREAD, type Work, ZERO } from "./work.ts";

/** More calls than this are not worth text. */
const MOST_CALLS = 32;
const MOST_FORMS = 1000;

type Counter = { value: number };
type Scratch = () => Address;
type Form = (counter: Counter, thread: Scratch, launch: Scratch, runs: readonly Runnable[], offsets: readonly number[]) => Runnable;

const forms = new Map<string, Form>();

/** The work as a function; undefined where threads are to share it or it is long. */
export function bindWork(
  { phases, threadBytes = 0, launchBytes = 0 }: Work,
  operands: number,
  counter: Counter,
  { threadScratch, launchScratch }: Pick<TaskHost, "threadScratch" | "launchScratch">,
): Runnable | undefined {
  const calls = phases.flat(2);
  if (phases.some((chunks) => chunks.length > 1) || calls.length > MOST_CALLS) return undefined;
  const thread = () => threadScratch.atLeast(threadBytes);
  const launch = () => launchScratch.atLeast(launchBytes);
  // Asked for now, so that a launch does not fail for want of memory.
  thread();
  launch();
  const bases = calls.map(({ args }) => args.map((a) => a.base));
  const key = `${operands}:${bases.join(";")}`;
  let form = forms.get(key);
  if (form === undefined) {
    form = formOf(bases, operands);
    if (forms.size >= MOST_FORMS) forms.clear();
    forms.set(key, form);
  }
  return form(
    counter,
    thread,
    launch,
    calls.map((c) => c.fn.run),
    calls.flatMap((c) => c.args.map((a) => a.offset)),
  );
}

/** The form whose call `i` takes arguments from `bases[i]`. */
function formOf(bases: readonly (readonly number[])[], operands: number): Form {
  const list = (count: number, name: string) => Array.from({ length: count }, (_, i) => `${name}${i}`).join(", ");
  let offset = 0;
  const argument = (base: number) => {
    const own = `k${offset++}`;
    if (base === ZERO) return own;
    return `${base === THREAD ? "t" : base === LAUNCH ? "l" : `a${base - FIRST_OPERAND}`} + ${own}`;
  };
  const calls = bases.map((args, i) => `run${i}(${args.map(argument).join(", ")});`);
  const used = new Set(bases.flat());
  const text = [
    `const [${list(bases.length, "run")}] = runs, [${list(offset, "k")}] = offsets;`,
    `return (${list(operands, "a")}) => {`,
    "counter.value++;",
    ...(used.has(THREAD) ? ["const t = thread();"] : []),
    ...(used.has(LAUNCH) ? ["const l = launch();"] : []),
    ...calls,
    "};",
  ].join("\n");
  return new Function("counter", "thread", "launch", "runs", "offsets", text) as Form;
}
