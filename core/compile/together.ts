/**
 * Steps together: launches of which none needs another become one. Products that share an operand (queries, keys and values of
 * attention, gates written apart, the gradients of several weights to one input), products of one shape, and kernels of one program
 * over many tensors (the update of every parameter, the norm of every gradient) cost one fork and join instead of one each.
 * Operands stay where they are: nothing is packed side by side, so nothing is copied, and every number keeps its bits.
 */
import { sizeOf } from "../base/dtype.ts";
import { effortOf } from "../kernel/effort.ts";
import { type KernelLaunch, kernelsOf, type Launch, type MatmulLaunch, type Member, outputsOf } from "../kernel/launch.ts";
import type { Value } from "./program.ts";
import type { Source, Step } from "./steps.ts";
import { type Ordered, UnitOrder } from "./unit-order.ts";

/** A launch beyond this effort keeps the threads busy by itself; a few milliseconds of one core. */
const MOST_EFFORT = 2 ** 27;
/** Of one company: bytes of intermediates that may come to live at one time for it. */
const MOST_BYTES = 2 ** 25;
/** Of one launch: bytes that a company may wait for, since what its members read lives until they run. */
const MOST_WAITING = 2 ** 21;
/** How many companies of a kind are asked whether a launch may join. */
const ASKED = 4;

/** Steps that run as one. */
interface Company extends Ordered<Company> {
  readonly steps: Step[];
  bytes: number;
}

/** The steps with those together that may be, in an order in which they can run. */
export function together(steps: readonly Step[]): Step[] {
  const order = new UnitOrder<Company>();
  const home = new Map<Value, Company>();
  const homeOf = new Map<Step, Company>();
  const open = new Map<string, Company[]>();
  const readers = new Map<Value, Set<Company>>();
  const lastUse = new Map(steps.flatMap((s) => s.inputs.map(({ value }) => [value, s] as const)));
  for (const step of steps) {
    const own: Company = { place: -1, deps: new Set(), steps: [step], bytes: bytesOf(step) };
    for (const { value } of step.inputs) {
      const from = home.get(value);
      if (from !== undefined) own.deps.add(from);
    }
    for (const earlier of step.after ?? []) own.deps.add(homeOf.get(earlier) as Company);
    // Who may overwrite what it reads stays the last to read it.
    for (const { input } of step.inPlace) {
      if (lastUse.get(input) === step) for (const earlier of readers.get(input) ?? []) own.deps.add(earlier);
    }
    order.add(own);
    const kinds = kindsOf(step);
    const host = kinds
      .flatMap(({ name, waits }) => (open.get(name) ?? []).map((company) => ({ company, waits })))
      .find(
        ({ company: c, waits }) =>
          c.bytes + own.bytes <= MOST_BYTES && ((waits && own.bytes <= MOST_WAITING) || isReady(own, c)) && !order.depends(own, c),
      )?.company;
    if (host !== undefined) {
      order.replace(own, host);
      host.steps.push(step);
      host.bytes += own.bytes;
    }
    const at = host ?? own;
    homeOf.set(step, at);
    for (const o of step.outputs) home.set(o, at);
    for (const { value } of step.inputs) readers.set(value, (readers.get(value) ?? new Set()).add(at));
    for (const { name } of kinds) {
      const list = open.get(name) ?? [];
      if (!list.includes(at)) open.set(name, [...list.slice(1 - ASKED), at]);
    }
  }
  return order.list.map(({ steps: members }) => joined(members));
}

/** True where all that a step needs comes before the company. */
function isReady(step: Company, company: Company): boolean {
  return [...step.deps].every((d) => d.place < company.place);
}

interface Kind {
  readonly name: string;
  /** Whether a company of this kind waits for what a newcomer needs: what it makes then lives longer. */
  readonly waits: boolean;
}

/** The kinds of company that a step seeks: none where it is long, checks indices or must keep an order. */
function kindsOf({ launches, inputs }: Step): Kind[] {
  const [launch, ...more] = launches;
  if (launch === undefined || more.length > 0 || !isMember(launch) || effortOf(launch) > MOST_EFFORT) return [];
  const isPlain = ({ kernel }: KernelLaunch) => [...kernel.operands, ...kernel.outputs].every((o) => !o.indirect);
  if (!kernelsOf(launch).every(isPlain)) return [];
  if (launch.kind === "kernel") return [{ name: launch.kernel.key, waits: true }];
  const { dtype, m, n, k, transposeA, transposeB, batch } = launch;
  const [a, b] = launch.inputs.map((i) => inputs[i]) as [Source, Source];
  return [
    { name: `${dtype} a ${a.value.id}+${a.offset} ${transposeA}`, waits: true },
    { name: `${dtype} b ${b.value.id}+${b.offset} ${transposeB}`, waits: true },
    { name: `${dtype} ${batch.length} ${m} ${n} ${k} ${transposeA} ${transposeB}`, waits: false },
  ];
}

function isMember(launch: Launch): launch is KernelLaunch | MatmulLaunch {
  return launch.kind === "kernel" || launch.kind === "matmul";
}

/** Bytes of the intermediates of a step. */
function bytesOf({ inputs, outputs }: Step): number {
  const values = new Set([...outputs, ...inputs.flatMap(({ value }) => (value.kind === "node" ? [value] : []))]);
  return [...values].reduce((n, { aval }) => n + aval.size * sizeOf(aval.dtype), 0);
}

/** Steps of one launch each as one step. */
function joined(steps: readonly Step[]): Step {
  const [only] = steps;
  if (only !== undefined && steps.length === 1) return only;
  const outputs = steps.flatMap((s) => s.outputs);
  const inputs = steps.flatMap((s) => s.inputs);
  let [output, input] = [0, outputs.length];
  const members = steps.map((s): Member => {
    const launch = s.launches[0] as KernelLaunch | MatmulLaunch;
    const stored = outputsOf(launch);
    const operands = [...s.outputs.map((_, i) => output + i), ...s.inputs.map((_, i) => input + i)];
    output += stored;
    input += s.inputs.length;
    return { launch, operands };
  });
  // What another member reads may not be overwritten.
  const readers = new Map<Value, number>();
  for (const s of steps) for (const value of new Set(s.inputs.map((i) => i.value))) readers.set(value, (readers.get(value) ?? 0) + 1);
  const inPlace = steps.flatMap((s) => s.inPlace).filter((pair) => readers.get(pair.input) === 1);
  return { launches: [{ kind: "together", members }], outputs, inputs, inPlace };
}
