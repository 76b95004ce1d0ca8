/** An emitted graph as a function, with the plans that it calls on the current device. */
import { BenchError } from "../../../core/base/errors.ts";
import { type CompileOptions, compileProgram, type Executable } from "../../../core/compile/executable.ts";
import { apply } from "../../../core/tensor/apply.ts";
import { liftNumber } from "../../../core/tensor/eager.ts";
import { createTensor, currentDevice, type Tensor } from "../../../core/tensor/tensor.ts";
import type { Value } from "../../../core/tensor/traced.ts";
import type { Graph, TensorConstant } from "../graph.ts";
import { emit } from "./emit.ts";
import { List } from "./lists.ts";

/** A constant on the current device, for the length of a run. */
function tensorOf({ aval, data }: TensorConstant): Tensor {
  return createTensor(data, aval.shape, aval.dtype);
}

function fail(message: string): never {
  throw new BenchError("runtime", message, { advice: "a check of the graph did not hold" });
}

const nothing = (): void => {};

export interface Executor {
  readonly plans: readonly Executable[];
  /** The graph's results for these parameters. Tensors belong to the current scope. */
  run(args: readonly Value[]): readonly Value[];
  /** Gives back what the plans hold. */
  dispose(): void;
}

/** `goOn` is asked in each turn of a loop, and throws where the run must end; `options` are those of the plans. */
export function load(graph: Graph, goOn: () => void = nothing, options: CompileOptions = {}): Executor {
  const { text, constants, programs } = emit(graph, goOn !== nothing);
  const plans = programs.map((p) => compileProgram(p, currentDevice(), options));
  const runtime = { tensorOf, liftNumber, apply, List, goOn, fail };
  const make = new Function("k", "plan", ...Object.keys(runtime), `"use strict";\nreturn ${text};`);
  return {
    plans,
    run: make(constants, plans, ...Object.values(runtime)) as Executor["run"],
    dispose() {
      for (const plan of plans) plan.dispose();
    },
  };
}
