/**
 * Plans: a straight line of launches whose buffers are known places in a few blocks of memory (an arena, the arguments of a
 * program), so that a step of a compiled program is one call with no allocation. A device that can do no better runs the
 * launches one after the other, as here.
 */
import type { Launch } from "../kernel/launch.ts";
import type { Address, Device } from "./device.ts";

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

/** A plan as a loop over prepared launches. */
export function sequentialPlan(device: Device, steps: readonly PlanStep[]): RunnablePlan {
  const prepared = steps.map(({ launch, operands }) => ({ run: device.prepare(launch), operands }));
  return (blocks) => {
    for (const { run, operands } of prepared) run(...(operands.map((slot) => (blocks[slot.block] as Address) + slot.offset) as [Address]));
  };
}
