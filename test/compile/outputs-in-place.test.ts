/** An output that is a part of an input is copied for the caller; who reads it in the program reads the input, at any place in the order. */
import { expect, test } from "vitest";
import { compile } from "../../core/compile/compile.ts";
import { createInterpreter } from "../../core/device/interpreter/device.ts";
import * as ops from "../../core/ops.ts";
import { type Tensor, useDevice } from "../../core/tensor/tensor.ts";

const { add, matmul, mul, reshape, slice, square, sub, tanh, transpose } = ops;
const filled = (...shape: number[]): Tensor =>
  ops.createTensor(
    Array.from({ length: shape.reduce((a, d) => a * d, 1) }, (_, i) => Math.sin(3 * i + shape.length)),
    shape,
    "f64",
  );

test("a product of rows that are given back too waits for nothing", () => {
  // Memory that nobody wrote is NaN there.
  useDevice(createInterpreter());
  const f = (x: Tensor, a: Tensor, b: Tensor, y: Tensor, c: Tensor, d: Tensor): Tensor[] => {
    const rowOf = (t: Tensor) => reshape(slice(t, [3, 0, 0], [4, 2, 3]), [2, 3]);
    const weight = matmul(transpose(a), b);
    const t = tanh(matmul(rowOf(x), weight)) as Tensor;
    const other = add(matmul(transpose(c), b), matmul(transpose(a), d)) as Tensor;
    const z = add(matmul(rowOf(y), weight), matmul(rowOf(x), other));
    return [rowOf(y), mul(z, sub(1, square(t))) as Tensor];
  };
  const args = [filled(4, 2, 3), filled(2, 3), filled(2, 3), filled(4, 2, 3), filled(2, 3), filled(2, 3)] as const;
  const want = f(...args).map((t) => [...t.toArray()]);
  const got = compile(f)(...args).map((t) => [...t.toArray()]);
  for (const [i, row] of want.entries()) for (const [k, v] of row.entries()) expect(got[i]?.[k]).toBeCloseTo(v, 12);
});
