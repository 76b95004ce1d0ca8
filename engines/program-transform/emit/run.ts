/** Emitted text as functions. */
import { BenchError } from "../../../core/base/errors.ts";
import { apply } from "../../../core/tensor/apply.ts";
import { createTensor, type Tensor } from "../../../core/tensor/tensor.ts";
import type { Graph, TensorConstant } from "../ir/graph.ts";
import { itemAt, Numbers } from "./arrays.ts";
import { emitJavaScript } from "./javascript.ts";
import { addAt, plusOf, popFrom, pushTo, setAt, sumOf, zerosOf } from "./structures.ts";

function fail(message: string): never {
  throw new BenchError("runtime", message);
}

/** A known tensor, on the current device, for the length of a run. */
function tensorOf({ aval, data }: TensorConstant): Tensor {
  return createTensor(data, aval.shape, aval.dtype);
}

const RUNTIME = { tensorOf, Numbers, itemAt, apply, fail, addAt, plusOf, popFrom, pushTo, setAt, sumOf, zerosOf };

/** The function that a graph computes, on values as compiled programs hold them: tuples are arrays, arrays of numbers `Numbers`. */
export function load(graph: Graph): (...args: unknown[]) => unknown {
  const { text, constants } = emitJavaScript(graph);
  const make = new Function("k", ...Object.keys(RUNTIME), `"use strict";\n${text}`);
  return make(constants, ...Object.values(RUNTIME)) as (...args: unknown[]) => unknown;
}
