/**
 * Donated inputs: tensors that a run may overwrite with its outputs and frees in any case, so that a step of an optimiser
 * updates its parameters where they are. An output takes the memory of a donated input that the step which stores it reads at the
 * same elements, and that nobody reads later.
 */

import { sizeOf } from "../base/dtype.ts";
import { mismatch } from "../base/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Input, Program, Value } from "./program.ts";
import type { Step } from "./steps.ts";

export class Donations {
  private readonly positions: readonly number[];
  private readonly hosts = new Map<Value, Input>();

  /** `outputOf`: the values that are returned. Throws where a position is not one of an input. */
  constructor(program: Program, positions: readonly number[], outputOf: readonly Value[], steps: readonly Step[]) {
    this.positions = [...new Set(positions)];
    for (const p of this.positions)
      if (program.inputs[p] === undefined) throw mismatch(`input ${p} is donated by a program of ${program.inputs.length} inputs`);
    const lastUse = new Map<Value, number>();
    for (const [i, s] of steps.entries()) for (const { value } of s.inputs) lastUse.set(value, i);
    const bytesOf = ({ aval }: Value) => aval.size * sizeOf(aval.dtype);
    // An input that is returned as it is stays as it is.
    const returned = new Set<Value>(outputOf);
    const donated = new Set(this.positions);
    const taken = new Set<Value>(outputOf);
    for (const [i, { inPlace }] of steps.entries()) {
      for (const { output, input } of inPlace) {
        if (input.kind !== "input" || !donated.has(input.index) || taken.has(input)) continue;
        if (!returned.has(output) || this.hosts.has(output) || lastUse.get(input) !== i || bytesOf(input) !== bytesOf(output)) continue;
        taken.add(input);
        this.hosts.set(output, input);
      }
    }
  }

  /** The input whose memory a value takes. */
  hostOf(value: Value): Input | undefined {
    return this.hosts.get(value);
  }

  /** Throws where a donated tensor has other holders, who would see it overwritten. */
  check(inputs: readonly Tensor[]): void {
    for (const p of this.positions) {
      const t = inputs[p] as Tensor;
      if (t.references === 1 && t.storage.holders === 1 && t.storage.whole === undefined && inputs.indexOf(t) === inputs.lastIndexOf(t))
        continue;
      throw mismatch(
        `input ${p} is donated, so its memory is used up by the run, but it is held or given elsewhere too`,
        "give a tensor of its own, or leave the position out of donate",
      );
    }
  }

  /** Frees the donated tensors; the memory that outputs took lives on in them. */
  use(inputs: readonly Tensor[]): void {
    for (const p of this.positions) inputs[p]?.dispose();
  }
}
