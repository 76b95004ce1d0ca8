/**
 * Passes: programs to equal programs, each by itself and switchable. None but `sums` changes a rounding, and none a NaN or an infinity;
 * adding 0 is left out, which may give -0 where +0 was.
 *
 *     fold         what depends on constants alone is computed now (up to 1024 elements)
 *     algebra      x·1, x/1, x+0, -(-x), movement that moves nothing, movement of movement
 *     pads         a sum of padded tensors that do not meet becomes their concatenation
 *     positions    one-hot becomes a comparison with 0, 1, 2, …, which fuses as any other
 *     transposes   a transposed operand of a matrix product becomes its flag
 *     sums         a sum of matrix products becomes one product, equal within rounding
 *     recompute    what is cheap is computed again where it is read much later, see `recompute.ts`; where that is asked for
 */
import type { TypedArray } from "../base/dtype.ts";
import { sizeOf } from "../base/dtype.ts";
import { sameShape } from "../base/shape.ts";
import type { Address } from "../device/device.ts";
import { createInterpreter } from "../device/interpreter/device.ts";
import type { AnyPrimitive, ParamsOf } from "../primitive.ts";
import type { MatmulParams } from "../primitives/linalg.ts";
import { primitives as p } from "../primitives/table.ts";
import { sumsOfPads } from "./pads.ts";
import { type Constant, type Node, nodesOf, type Program, type ProgramBuilder, rebuild, type Value } from "./program.ts";
import { recompute } from "./recompute.ts";
import { sumsOfProducts } from "./sums.ts";

export type PassName = "fold" | "algebra" | "pads" | "positions" | "transposes" | "sums" | "recompute";

export interface PassStatistics {
  readonly name: PassName;
  readonly nodesBefore: number;
  readonly nodesAfter: number;
  /** Bytes of the results of nodes that the pass removed. */
  readonly bytesRemoved: number;
}

type Rewrite = (build: ProgramBuilder, node: Node, args: readonly Value[]) => Value;

interface Pass {
  readonly rewrite: (program: Program) => Rewrite;
  /** A primitive without which there is nothing to do. */
  readonly needs?: AnyPrimitive;
}

const PASSES: Readonly<Record<PassName, Pass>> = {
  fold: { rewrite: () => fold },
  algebra: { rewrite: () => algebra },
  pads: { rewrite: sumsOfPads, needs: p.pad as AnyPrimitive },
  positions: { rewrite: () => positions, needs: p.oneHot as AnyPrimitive },
  transposes: { rewrite: () => transposes, needs: p.transpose as AnyPrimitive },
  sums: { rewrite: sumsOfProducts, needs: p.matmul as AnyPrimitive },
  recompute: { rewrite: recompute },
};

/** The program after a pass, and what it did. */
export function runPass(name: PassName, program: Program): { readonly program: Program; readonly statistics: PassStatistics } {
  const { rewrite, needs } = PASSES[name];
  const before = nodesOf(program);
  const isIdle = needs !== undefined && !before.some((n) => n.primitive === needs);
  const after = isIdle ? program : rebuild(program, rewrite(program));
  const left = nodesOf(after);
  const bytes = (nodes: readonly Node[]) => nodes.reduce((n, x) => n + x.aval.size * sizeOf(x.aval.dtype), 0);
  return {
    program: after,
    statistics: { name, nodesBefore: before.length, nodesAfter: left.length, bytesRemoved: Math.max(0, bytes(before) - bytes(left)) },
  };
}

export const passNames = Object.keys(PASSES) as readonly PassName[];

const MAX_FOLDED = 1024;

function fold(build: ProgramBuilder, node: Node, args: readonly Value[]): Value {
  const constants = args.filter((a): a is Constant => a.kind === "constant");
  if (constants.length !== args.length || node.aval.size > MAX_FOLDED || args.length === 0)
    return build.apply(node.primitive, args, node.params);
  if (node.primitive === p.reshape || node.primitive === p.stopGradient) return build.constant(node.aval, (constants[0] as Constant).data);
  return build.constant(node.aval, evaluate(node, constants));
}

function evaluate(node: Node, args: readonly Constant[]): TypedArray {
  const device = createInterpreter();
  const put = (data: TypedArray): Address => {
    const address = device.alloc(data.byteLength);
    device.upload(address, data);
    return address;
  };
  const inputs = args.map((a) => put(a.data));
  const out = device.alloc(node.aval.size * sizeOf(node.aval.dtype));
  const launches = node.primitive.lower(
    args.map((a) => a.aval),
    node.aval,
    node.params,
  );
  for (const launch of launches) device.prepare(launch)(out, ...inputs);
  return device.download(out, node.aval.dtype, node.aval.size);
}

function algebra(build: ProgramBuilder, node: Node, args: readonly Value[]): Value {
  const [x, y] = args as [Value, Value];
  const keeps = (v: Value) => v.aval === node.aval;
  const same = () => build.apply(node.primitive, args, node.params);
  switch (node.primitive) {
    case p.mul:
      if (isAll(y, 1) && keeps(x)) return x;
      return isAll(x, 1) && keeps(y) ? y : same();
    case p.add:
      if (isAll(y, 0) && keeps(x)) return x;
      return isAll(x, 0) && keeps(y) ? y : same();
    case p.sub:
      return isAll(y, 0) && keeps(x) ? x : same();
    case p.div:
      return isAll(y, 1) && keeps(x) ? x : same();
    case p.neg:
    case p.logicalNot:
      return x.kind === "node" && x.primitive === node.primitive ? (x.args[0] as Value) : same();
    case p.cast:
      return keeps(x) ? x : same();
    case p.stopGradient:
      return x;
    case p.broadcastTo:
    case p.slice:
      return keeps(x) ? x : same();
    case p.reshape:
      if (keeps(x)) return x;
      if (x.kind === "node" && x.primitive === p.reshape) return algebra(build, { ...node, args: x.args }, x.args);
      return same();
    case p.transpose: {
      const { perm } = node.params as { readonly perm: readonly number[] };
      if (perm.every((a, i) => a === i)) return x;
      if (x.kind !== "node" || x.primitive !== p.transpose) return same();
      const inner = (x.params as { readonly perm: readonly number[] }).perm;
      const joined = perm.map((i) => inner[i] as number);
      const [source] = x.args as [Value];
      return joined.every((a, i) => a === i) ? source : build.apply(p.transpose, [source], { perm: joined });
    }
    default:
      return same();
  }
}

/** True for a constant whose every element is `value` (and no -0 where 0 is meant to be added). */
function isAll(v: Value, value: number): boolean {
  if (v.kind === "node" && v.primitive === p.broadcastTo) return isAll(v.args[0] as Value, value);
  return v.kind === "constant" && v.aval.size <= MAX_FOLDED && v.data.every((d) => d === value);
}

function positions(build: ProgramBuilder, node: Node, args: readonly Value[]): Value {
  if (node.primitive !== p.oneHot) return build.apply(node.primitive, args, node.params);
  const { depth, dtype } = node.params as ParamsOf<typeof p.oneHot>;
  const [ids] = args as [Value];
  const column = build.apply(p.reshape, [ids], { shape: [...ids.aval.shape, 1] });
  return build.apply(p.cast, [build.apply(p.eq, [column, build.iota(depth)], undefined)], { dtype });
}

function transposes(build: ProgramBuilder, node: Node, args: readonly Value[]): Value {
  if (node.primitive !== p.matmul) return build.apply(node.primitive, args, node.params);
  const params = node.params as MatmulParams;
  const [a, b] = args.map((arg) => swapped(arg));
  return build.apply(p.matmul, [a ?? (args[0] as Value), b ?? (args[1] as Value)], {
    transposeA: params.transposeA !== (a !== undefined),
    transposeB: params.transposeB !== (b !== undefined),
  });
}

/** What a value is the transpose of, where only its last two axes are exchanged. */
function swapped(v: Value): Value | undefined {
  if (v.kind !== "node" || v.primitive !== p.transpose) return undefined;
  const { perm } = v.params as { readonly perm: readonly number[] };
  const n = perm.length;
  const wanted = perm.map((_, i) => (i === n - 1 ? n - 2 : i === n - 2 ? n - 1 : i));
  return sameShape(perm, wanted) ? v.args[0] : undefined;
}
