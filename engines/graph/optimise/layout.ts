/**
 * Layout: tensors are kept in the order of axes in which the fewest elements are moved (`orders.ts`), and transposes go where they cost
 * nothing: through operations that know no order, into products and folds, and into the inverse that they meet. Sums are of the same
 * terms in another order.
 *
 *     transpose(relu(add(transpose(x), b)))      →      relu(add(x, reshape(b)))
 *     transpose(matmul(a, b))                    →      matmul(bᵀ, aᵀ), by its flags
 *     sum(transpose(x), axes)                    →      sum(x, axes of x)
 */
import { aval } from "../../../core/base/aval.ts";
import { sameShape } from "../../../core/base/shape.ts";
import type { ParamsOf } from "../../../core/primitive.ts";
import type { MatmulParams } from "../../../core/primitives/linalg.ts";
import type { ReduceParams } from "../../../core/primitives/reduce.ts";
import { primitives as p } from "../../../core/primitives/table.ts";
import { valueOps } from "../../../core/tensor/values.ts";
import type { Graph, Node, OpOf, Output } from "../graph.ts";
import { tensorType } from "../type.ts";
import { allGraphs, inOrder } from "../walk.ts";
import {
  asWritten,
  chooseOrders,
  composed,
  inverse,
  keptOrder,
  type Order,
  partOf,
  permOf,
  permuted,
  roleOf,
  sequence,
  turned,
} from "./orders.ts";
import { rebuild } from "./rebuild.ts";

export function layout(graph: Graph): Graph {
  const graphs = allGraphs(graph);
  const orders = new Map(graphs.flatMap((g) => [...chooseOrders(g)]));
  if (orders.size === 0 && !graphs.some((g) => inOrder(g.results).some(meetsTranspose))) return graph;
  return rebuild(graph, (n, inputs, { to }) => {
    const role = roleOf(n);
    const [v] = n.outputs as [Output];
    const order = orders.get(v);
    const { operation } = n as Node<OpOf<"apply">>;
    const [x, y] = inputs as [Output, Output];
    const made = (params: unknown, args: readonly Output[], keptIn: Order) => {
      const { shape, dtype } = v.aval;
      const kept = aval(permuted(shape, keptIn), dtype);
      return [reordered(to.add({ ...operation, params }, args, [tensorType(kept)]).outputs[0] as Output, inverse(keptIn))];
    };
    if (role === "transpose") return [reordered(x, permOf(n))];
    if (role === "fold" && roleOf(x.node) === "transpose") {
      const { axes, keepdims } = operation.params as ReduceParams;
      const perm = permOf(x.node);
      const own = axes.map((a) => perm[a] as number).sort((a, b) => a - b);
      return made({ axes: own, keepdims }, [x.node.inputs[0] as Output], keptOrder(inverse(perm), axes, keepdims));
    }
    if (order === undefined) return undefined;
    if (role === "tied") {
      const operands = inputs.map((i) => operandIn(i, order));
      return made(reorderedParams(operation, order), operands, order);
    }
    const isTurned = sequence(order, v.aval.shape) === sequence(turned(order.length), v.aval.shape);
    if (role !== "product" || !isTurned) return undefined;
    const { transposeA, transposeB } = operation.params as MatmulParams;
    return made({ transposeA: !transposeB, transposeB: !transposeA }, [y, x], turned(order.length));
  });
}

/** Whether a node is a transpose or a fold of a transpose, or a transpose that moves nothing. */
function meetsTranspose(n: Node): boolean {
  const role = roleOf(n);
  if (role !== "transpose" && role !== "fold") return false;
  const x = n.inputs[0] as Output;
  return roleOf(x.node) === "transpose" || (role === "transpose" && movesNothing(permOf(n), x));
}

function movesNothing(order: Order, { aval: { shape } }: Output): boolean {
  return sequence(order, shape) === sequence(asWritten(shape.length), shape);
}

/** The axes of x in this order: of what it is the transpose of, if it is one. */
function reordered(x: Output, order: Order): Output {
  if (roleOf(x.node) === "transpose") return reordered(x.node.inputs[0] as Output, composed(permOf(x.node), order));
  if (movesNothing(order, x)) return reshaped(x, permuted(x.aval.shape, order));
  return valueOps.transpose(x, order) as Output;
}

function reshaped(x: Output, shape: readonly number[]): Output {
  if (sameShape(x.aval.shape, shape)) return x;
  const { operation, inputs } = x.node;
  if (operation.op === "apply" && operation.primitive === p.reshape) return reshaped(inputs[0] as Output, shape);
  return valueOps.reshape(x, shape) as Output;
}

/** An operand for a result that is kept in this order. */
function operandIn(x: Output, order: Order): Output {
  const { shape } = x.aval;
  const lacking = order.length - shape.length;
  const moved = reordered(x, partOf(order, shape.length));
  if (lacking === 0 || shape.length === 0) return moved;
  const whole = order.map((a) => (a < lacking ? 1 : (shape[a - lacking] as number)));
  return reshaped(moved, whole);
}

/** Parameters that speak of axes, of the same axes where they are now. */
function reorderedParams({ primitive, params }: OpOf<"apply">, order: Order): unknown {
  switch (primitive) {
    case p.broadcastTo:
      return { shape: permuted((params as ParamsOf<typeof p.broadcastTo>).shape, order) };
    case p.slice: {
      const { start, stop, step } = params as ParamsOf<typeof p.slice>;
      return { start: permuted(start, order), stop: permuted(stop, order), step: permuted(step, order) };
    }
    case p.pad: {
      const { low, high, interior, value } = params as ParamsOf<typeof p.pad>;
      return { low: permuted(low, order), high: permuted(high, order), interior: permuted(interior, order), value };
    }
    case p.flip:
      return { axes: (params as ParamsOf<typeof p.flip>).axes.map((a) => order.indexOf(a)).sort((a, b) => a - b) };
    case p.concat:
      return { axis: order.indexOf((params as ParamsOf<typeof p.concat>).axis) };
    default:
      return params;
  }
}
