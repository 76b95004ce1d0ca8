/**
 * What is known of an application when it is made: constants fold, neutral elements vanish, signs and double negations cancel.
 * Only on numbers; tensor programs have passes of their own in the compile service. Results stay exact, NaN and infinities
 * included; the one liberty is the sign of a zero where a zero is added.
 */
import type { DType } from "../../../core/base/dtype.ts";
import { broadcastShapes, sameShape } from "../../../core/base/shape.ts";
import type { AnyPrimitive } from "../../../core/primitive.ts";
import { primitives as p } from "../../../core/primitives/table.ts";
import type { Builder } from "./build.ts";
import type { Node } from "./graph.ts";

const constantOf = (n: Node): number | undefined =>
  n.op !== "const" ? undefined : typeof n.value === "number" ? n.value : typeof n.value === "boolean" ? Number(n.value) : undefined;
const isApply = (n: Node, primitive: AnyPrimitive): n is Extract<Node, { op: "apply" }> => n.op === "apply" && n.primitive === primitive;

/** An existing or simpler node that equals the application, if there is one. */
export function simplifyApply(build: Builder, primitive: AnyPrimitive, args: readonly Node[], params: unknown): Node | undefined {
  if (args.some((a) => a.type.kind === "tensor")) return primitive === (p.where as AnyPrimitive) ? chosen(build, args as never) : undefined;
  const known = args.map(constantOf);
  if (primitive.scalar !== undefined && primitive !== (p.lift as AnyPrimitive) && known.every((k) => k !== undefined)) {
    const value = primitive.scalar(...(known as number[]));
    return build.constant(build.isTruth(primitive) ? Boolean(value) : value);
  }
  const [a, b] = args as [Node, Node];
  const [x, y] = known;
  const isNegated = (n: Node) => isApply(n, p.neg as AnyPrimitive);
  const apply = (primitive: AnyPrimitive, ...of: readonly Node[]) => build.apply(primitive, of, undefined);
  switch (primitive) {
    case p.item as AnyPrimitive:
      return a;
    case p.cast as AnyPrimitive:
      return (params as { dtype: string }).dtype === "f64" && a.type.kind === "num" ? a : undefined;
    case p.add as AnyPrimitive:
      if (x === 0) return b;
      if (y === 0) return a;
      if (isNegated(b)) return apply(p.sub as AnyPrimitive, a, b.args[0] as Node);
      if (isNegated(a)) return apply(p.sub as AnyPrimitive, b, a.args[0] as Node);
      return undefined;
    case p.sub as AnyPrimitive:
      if (y === 0) return a;
      if (isNegated(b)) return apply(p.add as AnyPrimitive, a, b.args[0] as Node);
      return undefined;
    case p.mul as AnyPrimitive:
      if (x === 1) return b;
      if (y === 1) return a;
      if (x === -1) return apply(p.neg as AnyPrimitive, b);
      if (y === -1) return apply(p.neg as AnyPrimitive, a);
      // Signs move outward, where a sum takes them in.
      if (isNegated(a)) return apply(p.neg as AnyPrimitive, apply(primitive, a.args[0] as Node, b));
      if (isNegated(b)) return apply(p.neg as AnyPrimitive, apply(primitive, a, b.args[0] as Node));
      return undefined;
    case p.div as AnyPrimitive:
      if (y === 1) return a;
      return isNegated(a) ? apply(p.neg as AnyPrimitive, apply(primitive, a.args[0] as Node, b)) : undefined;
    case p.neg as AnyPrimitive:
      return isNegated(a) ? a.args[0] : undefined;
    case p.pow as AnyPrimitive:
      if (y === 1) return a;
      if (y === 2) return apply(p.mul as AnyPrimitive, a, a);
      return undefined;
    case p.square as AnyPrimitive:
      return apply(p.mul as AnyPrimitive, a, a);
    case p.where as AnyPrimitive:
      if (x !== undefined) return args[x !== 0 ? 1 : 2];
      return args[1] === args[2] ? args[1] : undefined;
    default:
      return undefined;
  }
}

/** `where` on a condition that is a truth value: one side, spread to the shape of both; by a tensor where it is not known. */
function chosen(build: Builder, [c, x, y]: readonly [Node, Node, Node]): Node | undefined {
  if (c.type.kind === "tensor") return undefined;
  const { ops } = build;
  const known = constantOf(c);
  const typed = [x, y].flatMap((n) => (n.type.kind === "tensor" ? [n.type.aval] : []));
  const { dtype } = typed[0] as { dtype: DType };
  const asTensor = (n: Node) => (n.type.kind === "tensor" ? n : ops.lift(n, dtype));
  if (known === undefined) return ops.where(ops.ne(ops.lift(ops.cast(c, "f64"), dtype), 0), asTensor(x), asTensor(y));
  const shape = typed.map((a) => a.shape).reduce((a, b) => broadcastShapes(a, b));
  const side = asTensor(known !== 0 ? x : y);
  return side.type.kind === "tensor" && sameShape(side.type.aval.shape, shape) ? side : ops.broadcastTo(side, shape);
}
