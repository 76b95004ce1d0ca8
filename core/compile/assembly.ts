/**
 * Assembly: concatenation and padding as pieces of a result, each a lazy value that is computed where it is stored. So what is only
 * joined or padded (a slice, a transpose, an activation) is never stored by itself, and all pieces of a concatenation are one launch.
 */
import { stridesOf } from "../base/shape.ts";
import type { Launch, Member } from "../kernel/launch.ts";
import { dense, describeFused } from "../kernel/lower.ts";
import { cast, constant } from "../kernel/scalar-expr.ts";
import type { AnyPrimitive, ParamsOf } from "../primitive.ts";
import { primitives as p } from "../primitives/table.ts";
import type { Lazy } from "./lazy.ts";
import type { Node, Value } from "./program.ts";

export const ASSEMBLED: ReadonlySet<AnyPrimitive> = new Set([p.concat, p.pad] as AnyPrimitive[]);

interface Piece {
  readonly value: Lazy;
  /** Where it is stored: strides along the axes of `value`, and the place of its first element. */
  readonly strides: readonly number[];
  readonly offset: number;
}

export interface Assembly {
  /** What is stored everywhere before the pieces; undefined where they cover the result. */
  readonly fill: number | undefined;
  readonly pieces: readonly Piece[];
}

/** The pieces of a concatenation or a padded tensor; `lazyOf` gives the operands. */
export function assemblyOf(node: Node, lazyOf: (v: Value) => Lazy): Assembly {
  const own = stridesOf(node.aval.shape);
  if (node.primitive === p.pad) {
    const { low, interior, value } = node.params as ParamsOf<typeof p.pad>;
    const strides = own.map((s, i) => s * ((interior[i] as number) + 1));
    const offset = own.reduce((o, s, i) => o + s * (low[i] as number), 0);
    return { fill: value, pieces: [{ value: lazyOf(node.args[0] as Value), strides, offset }] };
  }
  const { axis } = node.params as ParamsOf<typeof p.concat>;
  let position = 0;
  const pieces = node.args.map((arg): Piece => {
    const offset = position * (own[axis] as number);
    position += arg.aval.shape[axis] as number;
    return { value: lazyOf(arg), strides: own, offset };
  });
  return { fill: undefined, pieces };
}

/** The launches of an assembly, and the buffers that they number. */
export function assemblyLaunches(node: Node, { fill, pieces }: Assembly): { launches: Launch[]; inputs: Value[] } {
  const { dtype, shape } = node.aval;
  const inputs: Value[] = [];
  const stores = pieces.flatMap(({ value, strides, offset }): Member[] => {
    if (value.shape.includes(0)) return [];
    const operands = value.loads.map((l, input) => ({ dtype: l.dtype, strides: l.strides, offset: l.offset, input }));
    const launch = describeFused({
      extents: value.shape,
      operands,
      outputs: [{ dtype, strides, offset, result: cast(value.expr, dtype) }],
    });
    return [{ launch, operands: [0, ...value.loads.map((l) => inputs.push(l.source))] }];
  });
  const joined: Launch[] = stores.length > 1 ? [{ kind: "together", members: stores }] : stores.map((s) => s.launch);
  if (fill === undefined) return { launches: joined, inputs };
  const filled = describeFused({ extents: shape, operands: [], outputs: [{ ...dense(dtype, shape), result: constant(fill, dtype) }] });
  return { launches: [filled, ...joined], inputs };
}
