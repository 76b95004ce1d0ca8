/**
 * Common subexpressions: equal operations on the same values are one node, constants of the same value too. Nodes that hold graphs
 * stay apart.
 *
 *     add(sin(x), cos(sin(x)))       with one sin(x)
 */
import { primitives } from "../../../core/primitives/table.ts";
import type { Graph, Output } from "../graph.ts";
import { rebuild } from "./rebuild.ts";

export function mergeCommonSubexpressions(graph: Graph): Graph {
  const numbers = new Map<unknown, number>();
  const numberOf = (x: unknown) => {
    const n = numbers.get(x) ?? numbers.size;
    numbers.set(x, n);
    return n;
  };
  const made = new Map<string, readonly Output[]>();
  return rebuild(graph, (n, inputs, { to }) => {
    const { operation } = n;
    let what: string;
    switch (operation.op) {
      case "constant":
        what =
          typeof operation.value === "number"
            ? `n${Object.is(operation.value, -0) ? "-0" : operation.value}`
            : `t${numberOf(operation.value)}`;
        break;
      case "apply":
        what = `${operation.primitive.name}${operation.isDerivative && operation.primitive === primitives.add ? "′" : ""}:${operation.params === undefined ? "" : operation.primitive.paramsKey(operation.params)}`;
        break;
      case "if":
      case "while":
      case "check":
      case "call":
        return undefined;
      case "stack":
      case "unstack":
        what = `${operation.op}${operation.reversed}${n.outputs[0]?.type.kind === "tensor" ? n.outputs[0].aval.id : ""}`;
        break;
      case "emptyList":
      case "unset":
        what = `${operation.op}${typeKey(n.outputs[0] as Output, numberOf)}`;
        break;
      default:
        what = operation.op;
    }
    const key = `${numberOf(to)}|${what}|${inputs.map(numberOf).join(",")}`;
    let found = made.get(key);
    if (found === undefined) {
      found = to.add(
        operation,
        inputs,
        n.outputs.map((o) => o.type),
      ).outputs;
      made.set(key, found);
    }
    return found;
  });
}

function typeKey({ type }: Output, numberOf: (x: unknown) => number): string {
  let key = "";
  let t = type;
  for (; t.kind === "list"; t = t.of) key += "[";
  if (t.kind === "frame") return `${key}f${numberOf(t.fields)}`;
  return key + (t.kind === "tensor" ? t.aval.id : "n");
}
