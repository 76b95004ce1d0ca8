/** Matrix products. Leading axes are batches and broadcast; transposes are flags, so no rule ever copies a matrix to turn it. */
import { type Aval, aval, showAval } from "../base/aval.ts";
import { type FloatDType, isFloat } from "../base/dtype.ts";
import { mismatch } from "../base/errors.ts";
import { broadcastShapes, broadcastStrides, elementCount, type Shape } from "../base/shape.ts";
import type { Primitive } from "../primitive.ts";

export interface MatmulParams {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

function dimensions(inputs: readonly Aval[], { transposeA, transposeB }: MatmulParams) {
  const [a, b] = inputs as readonly [Aval, Aval];
  const flags = `${transposeA ? " (a transposed)" : ""}${transposeB ? " (b transposed)" : ""}`;
  const fail = (why: string) => mismatch(`matmul of ${showAval(a)} and ${showAval(b)}${flags}: ${why}`);
  if (a.dtype !== b.dtype || !isFloat(a.dtype)) throw fail("both must be f32 or both f64");
  if (a.shape.length < 2 || b.shape.length < 2) throw fail("both need at least two axes");
  const [a0, a1] = a.shape.slice(-2) as [number, number];
  const [b0, b1] = b.shape.slice(-2) as [number, number];
  const [m, k] = transposeA ? [a1, a0] : [a0, a1];
  const [kb, n] = transposeB ? [b1, b0] : [b0, b1];
  if (k !== kb) throw fail(`inner lengths are ${k} and ${kb}`);
  return { a, b, m, n, k, dtype: a.dtype as FloatDType, batch: broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2)) };
}

/** Start offsets of the matrices of a batch of shape `batch` in an operand whose own batch shape is `own`. */
function batchOffsets(own: Shape, batch: Shape, matrix: number): number[] {
  const strides = broadcastStrides(own, batch);
  return Array.from({ length: elementCount(batch) }, (_, flat) => {
    let rest = flat;
    let offset = 0;
    for (let i = batch.length - 1; i >= 0; i--) {
      const d = batch[i] as number;
      offset += (rest % d) * (strides[i] as number);
      rest = Math.floor(rest / d);
    }
    return offset * matrix;
  });
}

/** a[..., m, k] · b[..., k, n] → [..., m, n]; with flags the last two axes of an operand are swapped first. 2mnk flops a matrix. */
const matmul: Primitive<MatmulParams> = {
  name: "matmul",
  arity: 2,
  scalar: undefined,
  paramsKey: (p) => `${p.transposeA ? "T" : "N"}${p.transposeB ? "T" : "N"}`,
  inferAval(inputs, params) {
    const { m, n, batch, dtype } = dimensions(inputs, params);
    return aval([...batch, m, n], dtype);
  },
  lower(inputs, _out, params) {
    const { a, b, m, n, k, batch, dtype } = dimensions(inputs, params);
    const offsetsA = batchOffsets(a.shape.slice(0, -2), batch, m * k);
    const offsetsB = batchOffsets(b.shape.slice(0, -2), batch, k * n);
    return [
      {
        kind: "matmul",
        dtype,
        m,
        n,
        k,
        ...params,
        batch: offsetsA.map((offset, i) => ({ a: offset, b: offsetsB[i] as number, c: i * m * n })),
        inputs: [0, 1],
      },
    ];
  },
};

export const linalgPrimitives = { matmul };
