/** Emitted text as functions, and the plans that they call. */
import { BenchError } from "../../../core/base/errors.ts";
import type { Span } from "../../../core/base/span.ts";
import { compileProgram } from "../../../core/compile/executable.ts";
import { apply } from "../../../core/tensor/apply.ts";
import { liftNumber } from "../../../core/tensor/eager.ts";
import { Turns } from "../../../core/tensor/scope.ts";
import { createTensor, currentDevice, type Tensor } from "../../../core/tensor/tensor.ts";
import type { Graph, TensorConstant } from "../ir/graph.ts";
import { itemAt, Numbers } from "./arrays.ts";
import { emitJavaScript } from "./javascript.ts";
import { addAt, nothingOf, plusOf, popFrom, setAt, sumOf, zerosOf } from "./structures.ts";

function fail(message: string): never {
  throw new BenchError("runtime", message);
}

/** Runs a generator that yields the generators of the calls that it needs, and what they yield, on frames of its own. */
function deep(first: Generator<Generator, unknown>): unknown {
  const frames: Generator<Generator, unknown>[] = [first];
  let value: unknown;
  for (let top: (typeof frames)[number] | undefined = first; top !== undefined; top = frames.at(-1)) {
    const step = top.next(value as never);
    if (step.done) frames.pop();
    else frames.push(step.value as (typeof frames)[number]);
    value = step.done ? step.value : undefined;
  }
  return value;
}

/** A known tensor, on the current device, for the length of a run. */
function tensorOf({ aval, data }: TensorConstant): Tensor {
  return createTensor(data, aval.shape, aval.dtype);
}

const RUNTIME = {
  tensorOf,
  liftNumber,
  Numbers,
  Turns,
  itemAt,
  apply,
  fail,
  deep,
  addAt,
  nothingOf,
  plusOf,
  popFrom,
  setAt,
  sumOf,
  zerosOf,
};

/** A graph made ready for the device that was current. */
export interface Loaded {
  /** On values as compiled programs hold them: tuples are arrays, arrays of numbers `Numbers`. */
  run(...args: unknown[]): unknown;
  /** Gives back what the plans hold. */
  dispose(): void;
}

let loads = 0;
/** The lines that stand before the text: what `new Function` puts there, and "use strict". */
const LINES_BEFORE = 3;

/** The user's place of an error, by the first line of the emitted text that its stack names. */
function placeOf({ stack = "" }: Error, name: string, places: readonly (Span | undefined)[]): Span | undefined {
  const line = new RegExp(`\\b${name}:(\\d+):`).exec(stack)?.[1];
  return line === undefined ? undefined : places[Number(line) - LINES_BEFORE - 1];
}

export function load(graph: Graph): Loaded {
  const { text, constants, programs, places } = emitJavaScript(graph);
  const name = `program-transform-${++loads}`;
  const plans = programs.map((p) => compileProgram(p, currentDevice()));
  const make = new Function("k", "plan", ...Object.keys(RUNTIME), `"use strict";\n${text}\n//# sourceURL=${name}`);
  const run = make(constants, plans, ...Object.values(RUNTIME)) as Loaded["run"];
  return {
    run(...args) {
      try {
        return run(...args);
      } catch (error) {
        if (error instanceof BenchError) error.span ??= placeOf(error, name, places);
        throw error;
      }
    },
    dispose() {
      for (const plan of plans) plan.dispose();
    },
  };
}
