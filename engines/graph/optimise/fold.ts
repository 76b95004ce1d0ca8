/**
 * Constant folding: numbers that are known are computed, a branch whose condition is known is taken, and a loop whose test is false at
 * the start is its first state.
 *
 *     mul(3, 4)                            →      12
 *     if(1; x): sin(x) | exp(x)            →      sin(x)
 */
import { primitives } from "../../../core/primitives/table.ts";
import { constantOf, type Graph, graphsIn, type Node, type Output } from "../graph.ts";
import { inOrder } from "../walk.ts";
import { capturedBy, type Place, rebuild } from "./rebuild.ts";

export function fold(graph: Graph): Graph {
  return rebuild(graph, (n, inputs, place) => {
    const { operation } = n;
    if (operation.op === "apply") {
      const [out] = n.outputs as [Output];
      const known = inputs.map(constantOf);
      if (operation.primitive === primitives.where && known[0] !== undefined && out.type.kind === "number")
        return [inputs[known[0] === 0 ? 2 : 1]];
      if (out.type.kind !== "number" || operation.params !== undefined || known.includes(undefined)) return undefined;
      const value = operation.primitive.scalar?.(...(known as number[]));
      return value === undefined ? undefined : [place.to.constant(Number(value))];
    }
    if (operation.op === "if") {
      const condition = constantOf(inputs[0] as Output);
      return condition === undefined ? undefined : taken(n, condition === 0 ? operation.otherwise : operation.consequent, place);
    }
    if (operation.op === "while") {
      const first = new Map(operation.test.parameters.map((p, i) => [p, constantOf(inputs[i])]));
      return evaluate(operation.test.results[0] as Output, (v) => first.get(v)) === 0 ? inputs : undefined;
    }
    return undefined;
  });
}

/** The results of one branch that are needed, in the graph around it. */
function taken(n: Node, branch: Graph, place: Place): readonly (Output | undefined)[] {
  const wanted = n.outputs.filter((o) => place.live.has(o));
  const results = wanted.map((o) => branch.results[o.index] as Output);
  const copies = place.copy(results, capturedBy(n, branch, place));
  return n.outputs.map((o) => copies[wanted.indexOf(o)]);
}

/** A number of a graph inside a node, where all that it depends on is known; undefined otherwise. */
export function evaluate(v: Output, known: (parameter: Output) => number | undefined): number | undefined {
  const values = new Map<Output, number>();
  for (const n of inOrder([v])) {
    const { operation } = n;
    const [out] = n.outputs as [Output];
    let value: number | undefined;
    if (operation.op === "constant") value = typeof operation.value === "number" ? operation.value : undefined;
    else if (operation.op === "parameter") value = known(out);
    else if (operation.op === "apply" && operation.params === undefined && out.type.kind === "number") {
      const args = n.inputs.map((x) => values.get(x));
      if (!args.includes(undefined)) value = operation.primitive.scalar?.(...(args as number[]));
    }
    if (value === undefined || graphsIn(n).length > 0) return undefined;
    values.set(out, Number(value));
  }
  return values.get(v);
}
