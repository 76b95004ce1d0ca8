/**
 * Products out of loops, to behind them (Theano's push-out of dot): where a loop only sums products, or only keeps products with what no
 * turn changes, it keeps their operands, and one product of all turns comes after it. In derivatives these are the sums of a weight's
 * cotangents.
 *
 *     while(s; …): add(s, matmul(aᵀ, b))                 →      l, m = while(l, m; …): push(l, a), push(m, b);  s + Σ lᵀ m
 *     stack(while(l; w …): push(l, matmul(a, w)))        →      matmul(stack(while(l; …): push(l, a)), w)
 */
import type { MatmulParams } from "../../../core/primitives/linalg.ts";
import { primitives as p } from "../../../core/primitives/table.ts";
import { valueOps } from "../../../core/tensor/values.ts";
import { stack, type While } from "../control.ts";
import { type Graph, inside, type Node, type OpOf, type Output } from "../graph.ts";
import { from } from "../origin.ts";
import { inOrder } from "../walk.ts";
import { changeGraphs, invariantIn, keptBy, once, replaceIn, usersIn } from "./loops.ts";

type Apply = Node<OpOf<"apply">>;
type Users = ReturnType<typeof usersIn>;

export function productsAfter(graph: Graph): Graph {
  return changeGraphs(graph, (g) => {
    const nodes = inOrder(g.results);
    const after: After = { users: once(() => usersIn(g)), by: new Map() };
    for (const n of nodes) if (n.op === "while") changeLoop(n as While, after);
    replaceIn(g, nodes, after.by);
    return after.by.size > 0;
  });
}

/** What is known of the graph around: users as they were, and what stands for values from now on. */
interface After {
  readonly users: () => Users;
  readonly by: Map<Output, Output>;
}

function changeLoop(loop: While, after: After): void {
  const { test, body } = loop.operation;
  const inner = usersIn(body);
  const asked = usersIn(test);
  for (const [i, state] of [...body.parameters].entries()) {
    if (asked.has(test.parameters[i] as Output) || inner.get(state)?.length !== 1) continue;
    if (state.type.kind === "tensor") sumAfter(loop, i, inner, after);
    else stacksAfter(loop, i, inner, after);
  }
}

/** An application to matrices, which is read once. */
function productAt(v: Output, users: Users): Apply | undefined {
  const { operation, inputs } = v.node;
  if (operation.op !== "apply" || operation.primitive !== p.matmul || users.get(v)?.length !== 1) return undefined;
  return inputs.every((x) => x.shape?.length === 2) ? (v.node as Apply) : undefined;
}

/** Where state i sums products among others, they are added after the loop, which sums the others alone from then on. */
function sumAfter(loop: While, i: number, users: Users, { by }: After): void {
  const { body } = loop.operation;
  const state = body.parameters[i] as Output;
  const products: Apply[] = [];
  const others: Output[] = [];
  let isSum = false;
  let isDerivative = true;
  const left = [body.results[i] as Output];
  for (let v = left.pop(); v !== undefined; v = left.pop()) {
    const { operation, inputs } = v.node;
    const product = productAt(v, users);
    if (v === state) isSum = true;
    else if (
      operation.op === "apply" &&
      operation.primitive === p.add &&
      users.get(v)?.length === 1 &&
      inputs.every((x) => x.aval === state.aval)
    ) {
      isDerivative &&= operation.isDerivative;
      left.push(...inputs);
    } else if (product?.inputs.every((x) => invariantIn(loop, x) === undefined)) products.push(product);
    else others.push(v);
  }
  if (!isSum || products.length === 0) return;
  const { graph } = loop;
  const initial = loop.inputs[i] as Output;
  let sum = others.length > 0 ? (loop.outputs[i] as Output) : isDerivative && isZero(initial) ? undefined : (by.get(initial) ?? initial);
  for (const { operation, inputs, origin } of products.reverse()) {
    const { transposeA, transposeB } = operation.params as MatmulParams;
    const [a, b] = inputs.map((x) => keptBy(loop, x)) as [Output, Output];
    from(origin, () => {
      const [added] = graph.add({ op: "sumProducts", transposeA, transposeB }, [a, b], [state.type]).outputs as [Output];
      sum = sum === undefined ? added : (valueOps.add(sum, added) as Output);
    });
  }
  body.results[i] = inside(body, () => others.reverse().reduce((s, x) => valueOps.add(s, x) as Output, state));
  by.set(loop.outputs[i] as Output, sum as Output);
}

function isZero({ node: { operation, inputs } }: Output): boolean {
  if (operation.op === "constant")
    return typeof operation.value === "number" ? operation.value === 0 : operation.value.data.every((x) => x === 0);
  return (
    operation.op === "apply" && (operation.primitive === p.broadcastTo || operation.primitive === p.lift) && isZero(inputs[0] as Output)
  );
}

/** Stacks of a list of products with a matrix that no turn changes, as one product each. */
function stacksAfter(loop: While, i: number, users: Users, after: After): void {
  const { body } = loop.operation;
  const next = (body.results[i] as Output).node;
  if (next.op !== "push" || next.inputs[0] !== body.parameters[i] || loop.inputs[i]?.node.op !== "emptyList") return;
  const product = productAt(next.inputs[1] as Output, users);
  if (product === undefined) return;
  const { transposeA } = product.operation.params as MatmulParams;
  const [rows, weight] = product.inputs as [Output, Output];
  if (transposeA || invariantIn(loop, rows) !== undefined) return;
  const right = invariantIn(loop, weight);
  const readers = after.users().get(loop.outputs[i] as Output) ?? [];
  if (right === undefined || readers.some((n) => n?.op !== "stack")) return;
  const list = keptBy(loop, rows);
  for (const n of new Set(readers as Node<OpOf<"stack">>[])) {
    const [stacked] = n.outputs as [Output];
    from(product.origin, () => {
      const all = stack(list, stacked.aval.shape[0] as number, n.operation.reversed);
      after.by.set(stacked, batched(all, after.by.get(right) ?? right, product.operation.params as MatmulParams));
    });
  }
}

/** Matrices [turns, rows, k] · [k, n] → [turns, rows, n] as one product. */
export function batched(all: Output, right: Output, params: MatmulParams): Output {
  const [turns, rows, inner] = all.aval.shape as [number, number, number];
  const product = valueOps.matmul(valueOps.reshape(all, [turns * rows, inner]), right, params) as Output;
  return valueOps.reshape(product, [turns, rows, product.aval.shape[1] as number]) as Output;
}
