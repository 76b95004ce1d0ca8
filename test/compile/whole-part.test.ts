/** The whole part of a number, by way of whole numbers: a zero has no sign there, whatever a compiler makes of the two conversions. */
import { expect, test } from "vitest";
import { compile } from "../../core/compile/compile.ts";
import { add, cast, createTensor, maximum, minimum, mul, type Tensor } from "../../core/ops.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import { everyDevice } from "../devices.ts";

const VALUES = [-0.5, -0, 0, 0.99, -0.99, 2.7, -2.7, Number.NaN, 1e300, -1e300, 2147483647.5, -2147483648.5, Infinity, -Infinity];

test.each(everyDevice)("on %s", { timeout: 120_000 }, (_, open) => {
  useDevice(open());
  const many = Array.from({ length: 41 }, (_, i) => VALUES[i % VALUES.length] as number);
  for (const dtype of ["f32", "f64"] as const) {
    const x = createTensor(many, [many.length], dtype);
    const whole = compile((t) => cast(cast(mul(t, 1), "i32"), dtype));
    const chosen = compile((t) => {
      const n = cast(mul(t, 1), "i32");
      return cast(minimum(maximum(n, n), n), dtype);
    });
    const want = [...createTensor([...cast(x, "i32").toArray()], [many.length], dtype).toArray()];
    for (const made of [whole, chosen]) {
      const got = [...(made(x) as Tensor).toArray()];
      for (const [i, w] of want.entries()) expect(Object.is(got[i], w), `${many[i]} in ${dtype} gives ${got[i]}, not ${w}`).toBe(true);
    }
    expect([...add(whole(x) as Tensor, 0).toArray()]).toEqual(want);
    whole.dispose();
    chosen.dispose();
  }
});
