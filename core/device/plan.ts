/**
 * Plans: a straight line of launches whose buffers are known places in a few blocks of memory (an arena, the arguments of a
 * program), so that a step of a compiled program is one call with no allocation. A device that can do no better runs the
 * launches one after the other, as here.
 */
import type { Launch } from "../kernel/launch.ts";
import type { Address, Device, Runnable } from "./device.ts";

/** A place: `offset` bytes into block number `block` of those that a plan is run with. */
export interface Slot {
  readonly block: number;
  readonly offset: number;
}

export interface PlanStep {
  readonly launch: Launch;
  /** The launch's outputs, then the inputs that its operand numbers refer to. */
  readonly operands: readonly Slot[];
}

/** Runs all steps in order; `blocks` are the start addresses. */
export type RunnablePlan = (blocks: readonly Address[]) => void;

/** A prepared launch and where its operands lie. */
export interface PlanCall {
  readonly run: Runnable;
  readonly operands: readonly Slot[];
}

/** A plan of prepared launches, run one after the other. */
export function sequentialPlan(device: Device, steps: readonly PlanStep[]): RunnablePlan {
  return joinCalls(steps.map(({ launch, operands }) => ({ run: device.prepare(launch), operands })));
}

/** Calls in one function: a long body is cut, since the compiler of the host gives up on very large functions. */
const MAX_BODY = 500;

/**
 * One JavaScript function that makes all calls, with offsets as constants: nothing is looked up or collected between two
 * launches. The text holds numbers only; the launches are its arguments.
 */
export function joinCalls(calls: readonly PlanCall[]): RunnablePlan {
  const parts: RunnablePlan[] = [];
  for (let from = 0; from < calls.length; from += MAX_BODY) parts.push(joinPart(calls.slice(from, from + MAX_BODY)));
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  return (blocks) => {
    for (const part of parts) part(blocks);
  };
}

function joinPart(calls: readonly PlanCall[]): RunnablePlan {
  const blocks = [...new Set(calls.flatMap((c) => c.operands.map((o) => o.block)))];
  const address = ({ block, offset }: Slot) => (offset === 0 ? `b${block}` : `b${block} + ${offset}`);
  const body = [
    ...blocks.map((b) => `const b${b} = blocks[${b}];`),
    ...calls.map((c, i) => `run${i}(${c.operands.map(address).join(", ")});`),
  ].join("\n");
  const names = calls.map((_, i) => `run${i}`);
  const make = new Function(...names, `return (blocks) => {\n${body}\n};`) as (...runs: Runnable[]) => RunnablePlan;
  return make(...calls.map((c) => c.run));
}
