/**
 * Sums of padded tensors: where each is zero at the elements of all others, the sum is their concatenation. So the gradients of the
 * slices of a tensor (queries, keys and values of one product, the gates of a cell) are written once, side by side.
 *
 *     pad(a, 0, n) + pad(b, m, 0)   →   concat(a, b)
 */
import type { ParamsOf } from "../primitive.ts";
import { primitives as p } from "../primitives/table.ts";
import type { Node, ProgramBuilder, Value } from "./program.ts";

/** Longer sums are looked at in parts. */
const MOST_PIECES = 64;

interface Strip {
  readonly value: Value;
  readonly axis: number;
  readonly from: number;
  readonly to: number;
}

/** The sum as a concatenation, with zeros where no piece is; undefined where it is no such sum. */
export function sumOfPads(build: ProgramBuilder, node: Node, args: readonly Value[]): Value | undefined {
  const strips = stripsOf(node, args)?.sort((a, b) => a.from - b.from);
  const [first] = strips ?? [];
  if (strips === undefined || first === undefined) return undefined;
  const { axis } = first;
  const isApart = strips.every((s, i) => s.axis === axis && (i === 0 || (strips[i - 1] as Strip).to <= s.from));
  if (!isApart) return undefined;
  const length = node.aval.shape[axis] as number;
  const pieces = strips.map((s, i) => {
    const low = i === 0 ? s.from : 0;
    const end = strips[i + 1]?.from ?? length;
    return low === 0 && end === s.to ? s.value : padded(build, s.value, axis, low, end - s.to);
  });
  return build.apply(p.concat, pieces, { axis });
}

function padded(build: ProgramBuilder, value: Value, axis: number, low: number, high: number): Value {
  const along = (n: number) => value.aval.shape.map((_, i) => (i === axis ? n : 0));
  return build.apply(p.pad, [value], { low: along(low), high: along(high), interior: along(0), value: 0 });
}

/** The strips that a sum, or a sum of such sums, adds up; undefined where it adds anything else. */
function stripsOf(node: Node, args: readonly Value[]): Strip[] | undefined {
  const strips: Strip[] = [];
  const stack = [...args];
  for (let v = stack.pop(); v !== undefined; v = stack.pop()) {
    if (v.kind !== "node" || v.aval !== node.aval || strips.length >= MOST_PIECES) return undefined;
    if (v.primitive === p.add) stack.push(...v.args);
    else if (v.primitive === p.concat) {
      const found = stripsOfConcat(v);
      strips.push(...found);
    } else {
      const strip = v.primitive === p.pad ? stripOfPad(v) : undefined;
      if (strip === undefined) return undefined;
      strips.push(strip);
    }
  }
  return strips.some((s) => s.value.aval.size === 0) ? undefined : strips;
}

/** A tensor with zeros before and after it along one axis. */
function stripOfPad({ args: [value], params }: Node): Strip | undefined {
  const { low, high, interior, value: fill } = params as ParamsOf<typeof p.pad>;
  const axes = low.flatMap((l, i) => (l > 0 || (high[i] as number) > 0 ? [i] : []));
  const [axis] = axes;
  if (fill !== 0 || axis === undefined || axes.length > 1 || interior.some((n) => n > 0)) return undefined;
  const from = low[axis] as number;
  return { value: value as Value, axis, from, to: from + ((value as Value).aval.shape[axis] as number) };
}

/** The pieces of a concatenation, those without what is zero in them. */
function stripsOfConcat({ args, params }: Node): Strip[] {
  const { axis } = params as ParamsOf<typeof p.concat>;
  let at = 0;
  return args.map((value) => {
    const start = at;
    at += value.aval.shape[axis] as number;
    const inner = value.kind === "node" && value.primitive === p.pad ? stripOfPad(value) : undefined;
    if (inner?.axis === axis) return { ...inner, from: start + inner.from, to: start + inner.to };
    return { value, axis, from: start, to: at };
  });
}
