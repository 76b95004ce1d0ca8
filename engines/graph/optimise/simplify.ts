/**
 * Simplification that keeps every bit: operations that change nothing, and lists whose elements are in sight. A zero is added for
 * nothing only to derivatives, where the sign of a zero is nobody's.
 *
 *     mul(x, 1), div(x, 1), sub(x, 0), neg(neg(x)), identity(x)      →      x
 *     add(x, 0) of derivatives                                       →      x
 *     pop(push(list, x))                                             →      list, x
 *     stack(push(push(empty, a), b))                                 →      concat(a, b)
 */
import { primitives as p } from "../../../core/primitives/table.ts";
import { valueOps } from "../../../core/tensor/values.ts";
import { push } from "../control.ts";
import { zero } from "../differentiate/reverse.ts";
import { constantOf, type Graph, type Node, type OpOf, type Output } from "../graph.ts";
import { type Place, rebuild } from "./rebuild.ts";

export function simplify(graph: Graph): Graph {
  /** Rows of tensors that are popped outside of loops, as lists made by pushing. */
  const rows = new Map<Output, Output>();
  return rebuild(graph, (n, inputs, place) => {
    const { operation } = n;
    switch (operation.op) {
      case "identity":
        return inputs;
      case "apply":
        return n.outputs[0]?.type.kind === "number" ? simpler(operation, inputs) : undefined;
      case "pop": {
        const [list] = inputs as [Output];
        const given = list.node.op === "unstack" ? pushed(list, rows) : list;
        if (given.node.op === "push") return given.node.inputs;
        if (given.node.op === "emptyList") return [given, place.to.bring(zero((n.outputs[1] as Output).type))];
        return undefined;
      }
      case "stack":
        return stacked(n as Node<OpOf<"stack">>, inputs[0] as Output, place);
      case "addLists": {
        const [a, b] = inputs as [Output, Output];
        return a.node.op === "emptyList" ? [b] : b.node.op === "emptyList" ? [a] : undefined;
      }
      default:
        return undefined;
    }
  });
}

function simpler({ primitive, isDerivative }: OpOf<"apply">, inputs: readonly Output[]): readonly Output[] | undefined {
  const [x, y] = inputs as [Output, Output];
  const [a, b] = inputs.map(constantOf);
  switch (primitive) {
    case p.add:
      return !isDerivative ? undefined : b === 0 ? [x] : a === 0 ? [y] : undefined;
    case p.mul:
      return b === 1 ? [x] : a === 1 ? [y] : undefined;
    case p.div:
      return b === 1 ? [x] : undefined;
    case p.sub:
      return Object.is(b, 0) ? [x] : undefined;
    case p.neg: {
      const { operation, inputs: inner } = x.node;
      return operation.op === "apply" && operation.primitive === p.neg ? [inner[0] as Output] : undefined;
    }
    default:
      return undefined;
  }
}

/** A list of rows as pushes of slices, of which those that nobody reads go away. */
function pushed(list: Output, rows: Map<Output, Output>): Output {
  let made = rows.get(list);
  if (made === undefined) {
    const { operation, inputs, graph } = list.node;
    const [x] = inputs as [Output];
    const [count, ...rest] = x.aval.shape as [number, ...number[]];
    made = graph.add({ op: "emptyList" }, [], [list.type]).outputs[0] as Output;
    for (let i = 0; i < count; i++) {
      const at = (operation as OpOf<"unstack">).reversed ? count - 1 - i : i;
      const zeros = rest.map(() => 0);
      const ones = rest.map(() => 1);
      made = push(made, valueOps.reshape(valueOps.slice(x, [at, ...zeros], [at + 1, ...rest], [1, ...ones]), rest));
    }
    rows.set(list, made);
  }
  return made;
}

/** A list that is built in sight of the node that makes a tensor of it. */
function stacked(n: Node<OpOf<"stack">>, list: Output, { to }: Place): readonly Output[] | undefined {
  const count = (n.outputs[0] as Output).aval.shape[0] as number;
  const elements: Output[] = [];
  let at = list;
  for (; at.node.op === "push"; at = at.node.inputs[0] as Output) elements.push(at.node.inputs[1] as Output);
  if (at.node.op !== "emptyList" || elements.length !== count || count === 0) return undefined;
  if (!n.operation.reversed) elements.reverse();
  const parts = elements.map((e) =>
    e.type.kind === "number" ? valueOps.reshape(valueOps.lift(e, "f64"), [1]) : valueOps.reshape(e, [1, ...e.aval.shape]),
  );
  return [to.bring(valueOps.concat(parts, 0))];
}
