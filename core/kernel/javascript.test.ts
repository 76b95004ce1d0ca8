import { describe, expect, it } from "vitest";
import { compilePoint, compileScalar } from "./javascript.ts";
import { binary, cast, compare, constant, type Expr, index, load, reduced, select, unary } from "./scalar-expr.ts";

const x = load(0, "f64");
const y = load(1, "f64");
const i = load(0, "i32");
const j = load(1, "i32");
const run = (e: Expr, ...args: number[]) => compileScalar(e, args.length)(...args);

describe("compileScalar", () => {
  it("shares equal subexpressions and evaluates them once", () => {
    const s = unary("sin", x);
    expect(run(binary("add", binary("mul", s, s), s), 2)).toBe(Math.sin(2) * Math.sin(2) + Math.sin(2));
  });

  it("rounds halves up, keeps NaN in sign, min and max", () => {
    expect([run(unary("round", x), 2.5), run(unary("round", x), -2.5)]).toEqual([3, -2]);
    expect(
      [run(unary("sign", x), Number.NaN), run(binary("max", x, y), 1, Number.NaN), run(binary("min", x, y), Number.NaN, 1)].every(
        Number.isNaN,
      ),
    ).toBe(true);
  });

  it("keeps the sign of a constant minus zero", () => {
    expect(run(binary("div", x, constant(-0, "f64")), 1)).toBe(-Infinity);
  });

  it("computes with 32-bit integers that wrap", () => {
    expect(run(binary("add", i, j), 2147483647, 1)).toBe(-2147483648);
    expect(run(binary("mul", i, j), 65537, 65537)).toBe(Math.imul(65537, 65537));
    expect([run(binary("div", i, j), 7, 0), run(binary("div", i, j), -7, 2), run(binary("div", i, j), -2147483648, -1)]).toEqual([
      0, -3, -2147483648,
    ]);
    expect([run(binary("rem", i, j), -7, 2), run(binary("rem", i, j), 7, 0)]).toEqual([-1, 0]);
    expect([run(unary("neg", i), -2147483648), run(unary("abs", i), -2147483648)]).toEqual([-2147483648, -2147483648]);
  });

  it("shifts 32-bit integers, zeros coming in, by the low five bits of the count", () => {
    expect([run(binary("shl", i, j), 3, 31), run(binary("shl", i, j), 1, 33)]).toEqual([-2147483648, 2]);
    expect([run(binary("shr", i, j), -1, 28), run(binary("shr", i, j), -1, 0), run(binary("shr", i, j), -8, 33)]).toEqual([
      15, -1, 2147483644,
    ]);
  });

  it("converts as C does, saturating", () => {
    const toInt = cast(x, "i32");
    expect([1.9, -1.9, 3e9, -3e9, Number.NaN, Infinity].map((v) => run(toInt, v))).toEqual([1, -1, 2147483647, -2147483648, 0, 2147483647]);
    expect([0, -0, 0.1, Number.NaN].map((v) => run(cast(x, "bool"), v))).toEqual([0, 0, 1, 1]);
    expect(run(cast(x, "f32"), 0.1)).toBe(Math.fround(0.1));
  });

  it("rounds each operation on f32 as IEEE 754 does, constants too", () => {
    const [a, b] = [load(0, "f32"), load(1, "f32")];
    const third = Math.fround(1 / 3);
    expect(run(binary("div", a, b), 1, 3)).toBe(third);
    expect(run(binary("sub", binary("mul", binary("div", a, b), b), a), 1, 3)).toBe(0);
    expect(run(binary("add", a, constant(0.1, "f32")), 0)).toBe(Math.fround(0.1));
    expect(run(unary("exp", a), 100)).toBe(Infinity);
    // Near halves of the last place of f32, where rounding twice could go wrong.
    const random = (i: number) => Math.fround(2 ** ((i % 40) - 20) * (1 + ((i * 7919) % 8388608) / 8388608));
    for (let i = 0; i < 2000; i++) {
      const [x, y] = [random(i), random(3 * i + 1)];
      // The product of two f32 is a float64, and the remainder of the sum below is one: each decides which neighbour is nearer.
      const product = run(binary("mul", a, b), x, y);
      expect(product).toBe(Float32Array.of(x * y)[0]);
      const sum = run(binary("add", a, b), x, y);
      const [high, low] = x > y ? [x, y] : [y, x];
      expect(Math.abs(high - sum + low)).toBeLessThanOrEqual(2 ** (Math.floor(Math.log2(sum)) - 24));
    }
  });

  it("selects without letting the other side through", () => {
    expect(run(select(compare("gt", x, constant(0, "f64")), unary("log", x), constant(0, "f64")), -1)).toBe(0);
  });

  it("knows the functions that Math lacks", () => {
    expect(run(unary("erf", x), 0.5)).toBeCloseTo(0.5204998778130465, 15);
    expect(run(binary("polygamma", constant(1, "f64"), x), 1)).toBeCloseTo(Math.PI ** 2 / 6, 14);
  });

  it("refuses leaves that a plain function does not have", () => {
    expect(() => compileScalar(index(0), 1)).toThrow("a leaf index");
  });
});

describe("compilePoint", () => {
  it("reads loads, indices and finished reductions", () => {
    const e = binary("add", binary("mul", load(2, "f64", index(1)), cast(index(0), "f64")), reduced(1, "f64"));
    const f = compilePoint(e);
    expect(f((operand, at) => operand * 100 + (at as number), [3, 7], [0, 0.5])).toBe(207 * 3 + 0.5);
  });
});
