/** What optimisation leaves of small gradients, pinned: a change of these texts is a change of what the optimiser does. */
import { describe, expect, test } from "vitest";
import { loadProgram } from "../../../loader/load.ts";
import type { Tree } from "../../engine.ts";
import { printGraph } from "../ir/print.ts";
import { Specialised } from "../specialised.ts";
import { optimise } from "./optimise.ts";

const specialised = (source: string, args: readonly Tree[], wrt: readonly number[] = args.map((_, i) => i)) =>
  new Specialised(loadProgram({ file: "golden.ts", source }), args, wrt, () => true);
const gradient = (...given: Parameters<typeof specialised>) => printGraph(optimise(specialised(...given).gradient()).graph);

describe("the derivatives of x ** 3", () => {
  const cube = specialised("export function f(x: number) { return x ** 3; }", [2]);
  test("are 3·x·x, 6·x, 6 and 0", () => {
    expect([1, 2, 3, 4].map((n) => printGraph(cube.order(n)))).toMatchInlineSnapshot(`
      [
        "f′(p0: num) → num
        v1: num = mul(p0, p0)
        v2: num = mul(3, v1)
        return v2",
        "f′′(p0: num) → num
        v1: num = mul(6, p0)
        return v1",
        "f′′′(p0: num) → num
        return 6",
        "f′′′′(p0: num) → num
        return 0",
      ]
    `);
  });
});

describe("the gradient of", () => {
  test("a maximum is one if", () => {
    expect(gradient("export function f(x: number, y: number) { return x > y ? x : y; }", [1, 2])).toMatchInlineSnapshot(`
      "f∇(p0: num, p1: num) → (num, num, num)
        v1: bool = gt(p0, p1)
        v2: (num, num, num) = if(v1, p0, p1)
          λ(p3: num, p4: num)
            v3: (num, num, num) = tuple(p3, 1, 0)
            return v3
          λ(p6: num, p7: num)
            v4: (num, num, num) = tuple(p7, 0, 1)
            return v4
        return v2"
    `);
  });

  test("functions that return functions is 1", () => {
    expect(
      gradient("const f2 = (b: number) => (_c: number) => b; export function f(a: number) { return f2(a)(1); }", [1]),
    ).toMatchInlineSnapshot(`
      "f∇(p0: num) → (num, num)
        v1: (num, num) = tuple(p0, 1)
        return v1"
    `);
  });

  test("a power by a loop is two loops and one stack", () => {
    expect(
      gradient("export function f(x: number, n: number) { let r = 1; for (let i = 0; i < n; i++) r *= x; return r; }", [2, 3], [0]),
    ).toMatchInlineSnapshot(`
      "f∇(p0: num, p1: num) → (num, num)
        v1: [num] = arrayOf()
        v2: (num, num, [num]) = loop(1, 0, v1; p1, p0)
          λ(p3: num, p4: num, p5: [num], p6: num, p7: num)
            v3: bool = lt(p4, p6)
            return v3
          λ(p9: num, p10: num, p11: [num], p12: num, p13: num)
            v4: num = mul(p9, p13)
            v5: num = add(p10, 1)
            v6: [num] = arrayPush(p11, p9)
            v7: (num, num, [num]) = tuple(v4, v5, v6)
            return v7
        v8: num = get 0(v2)
        v9: [num] = get 2(v2)
        v10: num = arrayLength(v9)
        v11: (num, num, num) = loop(v10, 1, 0; v9, p0)
          λ(p22: num, p23: num, p24: num, p25: [num], p26: num)
            v12: bool = gt(p22, 0)
            return v12
          λ(p28: num, p29: num, p30: num, p31: [num], p32: num)
            v13: num = sub(p28, 1)
            v14: num = arrayGet(p31, v13)
            v15: num = mul(p29, p32)
            v16: num = mul(p29, v14)
            v17: num = add(p30, v16)
            v18: (num, num, num) = tuple(v13, v15, v17)
            return v18
        v19: num = get 2(v11)
        v20: (num, num) = tuple(v8, v19)
        return v20"
    `);
  });

  test("an argument that nothing reads is 0", () => {
    expect(gradient("export function f(x: number, _y: number) { return Math.sin(x); }", [1, 2])).toMatchInlineSnapshot(`
      "f∇(p0: num, p1: num) → (num, num, num)
        v1: num = sin(p0)
        v2: num = cos(p0)
        v3: (num, num, num) = tuple(v1, v2, 0)
        return v3"
    `);
  });

  test("a value that both arms give comes out of them, and an invariant out of the loop", () => {
    const source = `export function f(x: number, n: number) {
      let s = 0;
      for (let i = 0; i < n; i++) { const e = Math.exp(x); s = i > 2 ? s + e : s; }
      return s;
    }`;
    expect(gradient(source, [0.3, 5], [0])).toMatchInlineSnapshot(`
      "f∇(p0: num, p1: num) → (num, num)
        v1: num = exp(p0)
        v2: (num, num) = loop(0, 0; p1, v1)
          λ(p3: num, p4: num, p5: num, p6: num)
            v3: bool = lt(p3, p5)
            return v3
          λ(p8: num, p9: num, p10: num, p11: num)
            v4: bool = gt(p8, 2)
            v5: num = if(v4, p9, p11)
              λ(p13: num, p14: num)
                v6: num = add(p13, p14)
                return v6
              λ(p16: num, p17: num)
                return p16
            v7: num = add(p8, 1)
            v8: (num, num) = tuple(v7, v5)
            return v8
        v9: num = get 0(v2)
        v10: num = get 1(v2)
        v11: (num, num) = loop(v9, 0; )
          λ(p24: num, p25: num)
            v12: bool = gt(p24, 0)
            return v12
          λ(p27: num, p28: num)
            v13: num = sub(p27, 1)
            v14: bool = gt(v13, 2)
            v15: num = if(v14)
              λ()
                return 1
              λ()
                return 0
            v16: num = add(p28, v15)
            v17: (num, num) = tuple(v13, v16)
            return v17
        v18: num = get 1(v11)
        v19: num = mul(v18, v1)
        v20: (num, num) = tuple(v10, v19)
        return v20"
    `);
  });
});
