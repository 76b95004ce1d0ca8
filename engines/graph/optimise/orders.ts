/**
 * The order of axes in which each tensor of a graph is kept, so that few elements are moved: what the layout pass rests on. Elementwise
 * operations want their operands in one order, whichever it is, so the values that they tie together are a class and have one order. An
 * order costs the elements of each value that somebody needs in another: a convolution, a reshape or a loop needs its operands as they
 * were written; a product takes and gives matrices both ways; a fold takes its operand in any order. What is transposed is the value
 * below, wanted in another order. Each class takes the order that costs least while the others keep theirs, again while one finds a better.
 */
import type { AnyPrimitive } from "../../../core/primitive.ts";
import { primitives as p } from "../../../core/primitives/table.ts";
import type { Graph, Node, OpOf, Output } from "../graph.ts";
import { inOrder } from "../walk.ts";

/** Axis i of what is kept is axis order[i] of the value. */
export type Order = readonly number[];

const WRITTEN: Order[] = [];
const TURNED: Order[] = [];

/** The order of the axes as they are; one array for each rank, so that most work ends where it is seen. */
export const asWritten = (rank: number): Order => (WRITTEN[rank] ??= Array.from({ length: rank }, (_, i) => i));
/** The last two axes exchanged. */
export const turned = (rank: number): Order => (TURNED[rank] ??= [...asWritten(rank - 2), rank - 1, rank - 2]);

/** Of the order `outer` of what is already in the order `inner`. */
export function composed(inner: Order, outer: Order): Order {
  const rank = outer.length;
  return outer === asWritten(rank) ? inner : inner === asWritten(rank) ? outer : permuted(inner, outer);
}

/** Something of each axis, in this order. */
export const permuted = <T>(of: readonly T[], order: Order): T[] => order.map((i) => of[i] as T);

export const inverse = (order: Order): Order =>
  order === asWritten(order.length) ? order : asWritten(order.length).map((i) => order.indexOf(i));

const SEQUENCES = new WeakMap<readonly number[], string>();

/** Equal for orders that keep the elements in one sequence: axes of length one may be anywhere. */
export function sequence(order: Order, shape: readonly number[]): string {
  const isWritten = order === asWritten(order.length);
  let text = isWritten ? SEQUENCES.get(shape) : undefined;
  if (text !== undefined) return text;
  text = order.filter((i) => shape[i] !== 1).join();
  if (isWritten) SEQUENCES.set(shape, text);
  return text;
}

/** The axes that a fold keeps, in the order in which it meets them: where it takes x in `order`. */
export function keptOrder(order: Order, axes: readonly number[], keepdims: boolean): Order {
  if (keepdims) return order;
  const kept = [...order].sort((a, b) => a - b).filter((i) => !axes.includes(i));
  return order.filter((i) => !axes.includes(i)).map((i) => kept.indexOf(i));
}

const FOLDS: ReadonlySet<unknown> = new Set([p.sum, p.reduceMax, p.reduceMin, p.logsumexp]);
const MOVEMENTS: ReadonlySet<unknown> = new Set([p.pad, p.slice, p.flip, p.concat]);

type Role = "tied" | "product" | "fold" | "transpose" | "fixed";

/** What an operation asks of the order of its operands, and what the order of its result is. */
export function roleOf({ operation }: Node): Role {
  if (operation.op !== "apply") return "fixed";
  const primitive = operation.primitive as AnyPrimitive;
  if (primitive === p.transpose) return "transpose";
  if (primitive === p.matmul) return "product";
  if (FOLDS.has(primitive)) return "fold";
  const isTied = primitive.scalar !== undefined || primitive === p.cast || primitive === p.broadcastTo || MOVEMENTS.has(primitive);
  return isTied ? "tied" : "fixed";
}

export const permOf = (n: Node): Order => ((n as Node<OpOf<"apply">>).operation.params as { readonly perm: Order }).perm;
const foldOf = (n: Node) => (n as Node<OpOf<"apply">>).operation.params as { readonly axes: readonly number[]; readonly keepdims: boolean };
const shapeOf = (x: Output): readonly number[] => (x.type.kind === "tensor" ? x.type.aval.shape : []);

/** A value that is no transpose, read by transposes: axis i of what is read is axis `through[i]` of the value. */
interface Reading {
  readonly root: Output;
  readonly through: Order;
}

/** That a node, or none for a result of the graph, reads a value through transposes. */
interface Use extends Reading {
  readonly node: Node | undefined;
  readonly role: Role;
  readonly operand: Output;
}

interface Class {
  readonly members: Output[];
  /** What its members are made of and want in its order. */
  readonly reads: Use[];
  order: Order;
}

/** The orders other than the written one of the values of one graph. O(nodes · candidates), a few times. */
export function chooseOrders(graph: Graph): ReadonlyMap<Output, Order> {
  const choice = new Choice(graph);
  choice.improve();
  return choice.orders();
}

class Choice {
  private readonly classes = new Map<Output, Class>();
  private readonly readings = new Map<Output, Reading>();
  private readonly uses = new Map<Output, Use[]>();
  /** By value, how many uses want which sequence of its elements; those that take two sequences want `one|other`. */
  private readonly demand = new Map<Output, Map<string, number>>();

  constructor(graph: Graph) {
    const nodes = inOrder(graph.results);
    for (const n of nodes) {
      const role = roleOf(n);
      const [v] = n.outputs;
      if (role === "transpose") {
        const { root, through } = this.read(n.inputs[0] as Output);
        this.readings.set(v as Output, { root, through: composed(through, permOf(n)) });
        continue;
      }
      if (v !== undefined && shapeOf(v).length > 1 && (role === "tied" || role === "product")) {
        this.classes.set(v, { members: [v], reads: [], order: asWritten(shapeOf(v).length) });
        if (role === "tied") for (const x of n.inputs) if (this.classes.has(x) && isWhole(n, x)) this.tie(v, x);
      }
      for (const x of n.needs) this.note(n, role, x);
    }
    for (const r of graph.results) this.note(undefined, "fixed", r);
  }

  /** Gives classes better orders while there are some; forth and back, as one that changes may help those around it. */
  improve(): void {
    const classes = [...new Set(this.classes.values())].map((c) => ({ c, touched: this.touched(c) }));
    for (let isBetter = true; isBetter; classes.reverse()) {
      isBetter = false;
      for (const { c, touched } of classes) {
        const candidates = this.candidates(c);
        if (candidates.length === 0) continue;
        let best = c.order;
        let least = this.cost(touched);
        for (const order of candidates) {
          this.turn(c, order);
          const cost = this.cost(touched);
          if (cost < least) [best, least, isBetter] = [order, cost, true];
        }
        this.turn(c, best);
      }
    }
  }

  orders(): ReadonlyMap<Output, Order> {
    return new Map([...this.classes].flatMap(([v, { order }]) => (order.every((a, i) => a === i) ? [] : [[v, order] as const])));
  }

  private read(x: Output): Reading {
    return this.readings.get(x) ?? { root: x, through: asWritten(shapeOf(x).length) };
  }

  private note(node: Node | undefined, role: Role, operand: Output): void {
    const { root, through } = this.read(operand);
    const use: Use = { root, through, node, role, operand };
    const known = this.uses.get(root);
    if (known === undefined) this.uses.set(root, [use]);
    else known.push(use);
    if (role === "tied") this.classes.get(node?.outputs[0] as Output)?.reads.push(use);
    this.count(use, 1);
  }

  private count(use: Use, by: number): void {
    const { root, role, through } = use;
    if (role === "fold") return;
    const shape = shapeOf(root);
    let key = sequence(this.wanted(use), shape);
    if (role === "product") key += `|${sequence(composed(through, turned(through.length)), shape)}`;
    const counts = this.demand.get(root) ?? new Map<string, number>();
    this.demand.set(root, counts);
    const count = (counts.get(key) ?? 0) + by;
    if (count === 0) counts.delete(key);
    else counts.set(key, count);
  }

  private tie(a: Output, b: Output): void {
    let [to, from] = [this.classes.get(a) as Class, this.classes.get(b) as Class];
    if (to === from) return;
    if (to.members.length < from.members.length) [to, from] = [from, to];
    for (const v of from.members) this.classes.set(v, to);
    for (const v of from.members) to.members.push(v);
    for (const use of from.reads) to.reads.push(use);
  }

  private turn(c: Class, order: Order): void {
    for (const use of c.reads) this.count(use, -1);
    c.order = order;
    for (const use of c.reads) this.count(use, 1);
  }

  /** The values whose cost depends on the order of a class: its own, what folds make of them, and what they are made of. */
  private touched({ members }: Class): ReadonlySet<Output> {
    const found = new Set<Output>(members);
    for (const v of found) for (const { node, role } of this.uses.get(v) ?? []) if (role === "fold") found.add(node?.outputs[0] as Output);
    for (const v of members) for (const x of v.node.inputs) found.add(this.read(x).root);
    return found;
  }

  private cost(values: Iterable<Output>): number {
    let cost = 0;
    for (const v of values) cost += this.moved(v);
    return cost;
  }

  /** How many elements of a value are moved for those who need it in another order than that in which it is kept. */
  private moved(v: Output): number {
    const shape = shapeOf(v);
    if (shape.length < 2) return 0;
    const kept = sequence(this.keptIn(v), shape);
    const others = new Set<string>();
    for (const key of this.demand.get(v)?.keys() ?? []) {
      const wanted = key.split("|");
      if (!wanted.includes(kept)) others.add(wanted[0] as string);
    }
    const isMoved = roleOf(v.node) === "product" && ![asWritten, turned].some((order) => sequence(order(shape.length), shape) === kept);
    return (others.size + Number(isMoved)) * shape.reduce((n, d) => n * d, 1);
  }

  private keptIn(v: Output): Order {
    const own = this.classes.get(v);
    if (own !== undefined) return own.order;
    if (roleOf(v.node) !== "fold") return asWritten(shapeOf(v).length);
    const { axes, keepdims } = foldOf(v.node);
    return keptOrder(this.foundIn(this.read(v.node.inputs[0] as Output)), axes, keepdims);
  }

  /** The order of the axes of what is read, in which that is kept. */
  private foundIn({ root, through }: Reading): Order {
    return composed(inverse(through), this.keptIn(root));
  }

  /** The order in which a use needs its value; a fold takes others too, and a product that with the last two axes exchanged. */
  private wanted({ node, role, operand, through }: Use): Order {
    const order = role === "tied" ? this.classes.get(node?.outputs[0] as Output)?.order : undefined;
    return order === undefined ? through : composed(through, partOf(order, shapeOf(operand).length));
  }

  /** Orders other than its own in which something around a class is, or is wanted. */
  private candidates(c: Class): readonly Order[] {
    const rank = c.order.length;
    const found = new Map<string, Order>();
    const note = (order: Order) => {
      if (order !== c.order && order.length === rank) found.set(order.join(), order);
    };
    note(asWritten(rank));
    for (const v of c.members) for (const use of this.uses.get(v) ?? []) if (use.role !== "fold") note(this.wanted(use));
    for (const use of c.reads) note(this.foundIn(use));
    return [...found.values()];
  }
}

/** Whether an operand of a tied operation has the axes of the result, and is not repeated along one. */
function isWhole(n: Node, x: Output): boolean {
  const [own, given] = [shapeOf(n.outputs[0] as Output), shapeOf(x)];
  if (MOVEMENTS.has((n as Node<OpOf<"apply">>).operation.primitive)) return true;
  return own.length === given.length && own.every((d, i) => d === given[i]);
}

/** The order of an operand that lacks the first axes of the result. */
export function partOf(order: Order, rank: number): Order {
  const lacking = order.length - rank;
  if (lacking === 0) return order;
  return order.filter((a) => a >= lacking).map((a) => a - lacking);
}
