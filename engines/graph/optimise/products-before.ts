/**
 * Products out of loops, to before them: what a loop computes of the rows of a tensor by a product with what no turn changes, and does
 * not depend on its state, is one product of all rows. What is computed on the way there moves too, where it makes zeros of zeros, as
 * below the rows of a list there are zeros.
 *
 *     while(l = unstack(x); w …): …, matmul(pop(l), w)          →      while(m = unstack(matmul(x, w)) …): …, pop(m)
 */
import type { MatmulParams } from "../../../core/primitives/linalg.ts";
import { primitives as p } from "../../../core/primitives/table.ts";
import { apply } from "../../../core/tensor/apply.ts";
import { valueOps } from "../../../core/tensor/values.ts";
import { addState, pop, setNext, unstack, type While } from "../control.ts";
import { type Graph, inside, type Node, type OpOf, type Output } from "../graph.ts";
import { from } from "../origin.ts";
import { inOrder } from "../walk.ts";
import { changeGraphs, invariantIn, once, replaceIn, usersIn } from "./loops.ts";
import { batched } from "./products-after.ts";

export function productsBefore(graph: Graph): Graph {
  return changeGraphs(graph, (g) => {
    let isChanged = false;
    for (const n of inOrder(g.results)) if (n.op === "while") isChanged = changeLoop(n as While) || isChanged;
    return isChanged;
  });
}

function changeLoop(loop: While): boolean {
  const rows = rowsOf(loop);
  if (rows.size === 0) return false;
  const { body } = loop.operation;
  /** By values of the body, all that they are in the turns: one row a turn. */
  const all = new Map<Output, () => Output>();
  const moved = new Set<Output>();
  const order = new Map<Output, boolean>();
  for (const [v, { x, reversed }] of rows) {
    all.set(v, () => x);
    order.set(v, reversed);
  }
  const nodes = inOrder(body.results);
  for (const n of nodes) {
    const [v] = n.outputs as [Output];
    const given = n.inputs.filter((x) => all.has(x));
    if (n.op !== "apply" || given.length === 0 || new Set(given.map((x) => order.get(x))).size > 1) continue;
    const made = atOnce(loop, n as Node<OpOf<"apply">>, all);
    if (made === undefined) continue;
    all.set(
      v,
      once(() => from(n.origin, made)),
    );
    order.set(v, order.get(given[0] as Output) as boolean);
    if ((n as Node<OpOf<"apply">>).operation.primitive === p.matmul || given.some((x) => moved.has(x))) moved.add(v);
  }
  const users = usersIn(body);
  const by = new Map<Output, Output>();
  for (const v of moved) {
    if (users.get(v)?.every((n) => n !== undefined && moved.has(n.outputs[0] as Output))) continue;
    from(v.node.origin, () => {
      const list = addState(loop, unstack((all.get(v) as () => Output)(), order.get(v) as boolean));
      inside(body, () => {
        const [rest, row] = pop(list);
        setNext(loop, list, rest);
        by.set(v, row);
      });
    });
  }
  replaceIn(body, nodes, by);
  return by.size > 0;
}

/** The rows of tensors that a loop takes one by one, a row each turn. */
function rowsOf(loop: While): ReadonlyMap<Output, { readonly x: Output; readonly reversed: boolean }> {
  const { body } = loop.operation;
  const found = new Map<Output, { readonly x: Output; readonly reversed: boolean }>();
  for (const n of inOrder(body.results)) {
    if (n.op !== "pop") continue;
    const [list, row] = n.outputs as [Output, Output];
    const at = body.parameters.indexOf(n.inputs[0] as Output);
    const initial = loop.inputs[at]?.node;
    if (at < 0 || body.results[at] !== list || initial?.op !== "unstack") continue;
    found.set(row, { x: initial.inputs[0] as Output, reversed: (initial as Node<OpOf<"unstack">>).operation.reversed });
  }
  return found;
}

/** What makes the values of a node in all turns of those of its operands; undefined where that is not known to be the same. */
function atOnce(loop: While, n: Node<OpOf<"apply">>, all: ReadonlyMap<Output, () => Output>): (() => Output) | undefined {
  const { primitive, params } = n.operation;
  const [v] = n.outputs as [Output];
  if (v.type.kind !== "tensor") return undefined;
  const fixed = n.inputs.map((x) => (all.has(x) ? undefined : invariantIn(loop, x)));
  if (n.inputs.some((x, i) => !all.has(x) && fixed[i] === undefined)) return undefined;
  const [x, y] = n.inputs as [Output, Output];
  if (primitive === p.matmul) {
    const isRowsByMatrix = all.has(x) && x.shape?.length === 2 && y.shape?.length === 2 && !(params as MatmulParams).transposeA;
    return isRowsByMatrix && fixed[1] !== undefined
      ? () => batched((all.get(x) as () => Output)(), fixed[1] as Output, params as MatmulParams)
      : undefined;
  }
  const { shape } = v.aval;
  if (primitive === p.reshape)
    return () => {
      const whole = (all.get(x) as () => Output)();
      return valueOps.reshape(whole, [whole.aval.shape[0] as number, ...shape]) as Output;
    };
  if (params !== undefined || primitive.scalar === undefined) return undefined;
  if (primitive.scalar(...n.inputs.map((x) => (all.has(x) ? 0 : 0.7))) !== 0) return undefined;
  return () => {
    const args = n.inputs.map((x, i) => {
      if (fixed[i] !== undefined) return fixed[i];
      const whole = (all.get(x) as () => Output)();
      const [turns, ...own] = whole.aval.shape as [number, ...number[]];
      return valueOps.reshape(whole, [turns, ...Array.from({ length: shape.length - own.length }, () => 1), ...own]);
    });
    return apply(primitive, args, undefined) as Output;
  };
}
