/** Primitives applied to values of graphs: what node that is, and what a number beside a tensor becomes. */
import { aval } from "../../core/base/aval.ts";
import type { DType } from "../../core/base/dtype.ts";
import { mismatch } from "../../core/base/errors.ts";
import type { AnyPrimitive } from "../../core/primitive.ts";
import { primitives } from "../../core/primitives/table.ts";
import { weakDType } from "../../core/tensor/eager.ts";
import type { Value } from "../../core/tensor/traced.ts";
import { constantOf, type Graph, isDifferentiating, Output, typeOf } from "./graph.ts";
import { NUMBER_TYPE, tensorType } from "./type.ts";

/** A primitive applied to values of which one is in a graph. Numbers beside tensors become tensors of their dtype. */
export function applied(graph: Graph, primitive: AnyPrimitive, inputs: readonly Value[], params: unknown): Value {
  const types = inputs.map(typeOf);
  const isDerivative = isDifferentiating();
  if (primitive === primitives.lift) {
    const node = graph.add(
      { op: "apply", primitive, params, isDerivative },
      [graph.bring(inputs[0] as Value)],
      [tensorType(aval([], (params as { dtype: DType }).dtype))],
    );
    return node.outputs[0] as Output;
  }
  const tensors = types.filter((t) => t.kind === "tensor");
  if (tensors.length === 0) {
    if (primitive === primitives.item) return inputs[0] as Value;
    if (primitive.scalar === undefined && primitive !== primitives.where && primitive !== primitives.cast)
      throw mismatch(
        `${primitive.name} works on tensors, and was given ${inputs.length === 1 ? "a number" : "numbers"}`,
        "make a tensor with createTensor(values, shape, dtype)",
      );
    return graph.add(
      { op: "apply", primitive, params, isDerivative },
      inputs.map((x) => graph.bring(x)),
      [NUMBER_TYPE],
    ).outputs[0] as Output;
  }
  // The condition of `where` says nothing about the dtype of a number beside it.
  const sides = primitive === primitives.where ? types.slice(1).filter((t) => t.kind === "tensor") : tensors;
  if (sides.length === 0)
    throw mismatch("where(mask, number, number) leaves the dtype open", "write cast(mask, dtype), or make one side a tensor");
  const lifted = inputs.map((x, i): Output => {
    if (types[i]?.kind === "tensor") return graph.bring(x);
    const isCondition = primitive === primitives.where && i === 0;
    const known = typeof x === "number" ? x : constantOf(x as Output);
    // Of a number that is not known it is not known whether it is whole.
    const dtype = isCondition ? "bool" : weakDType(known ?? 0.5, sides);
    return applied(graph, primitives.lift, [x instanceof Output ? x : graph.constant(x as number)], { dtype }) as Output;
  });
  const out = primitive.inferAval(
    lifted.map((x) => x.aval),
    params,
  );
  const type = primitive === primitives.item ? NUMBER_TYPE : tensorType(out);
  return graph.add({ op: "apply", primitive, params, isDerivative }, lifted, [type]).outputs[0] as Output;
}
