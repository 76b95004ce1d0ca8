import { expect, test } from "vitest";
import { gradient, valueAndGradient } from "../differentiate/gradient.ts";
import { makeGraph } from "./build.ts";
import type { Node } from "./graph.ts";
import { printGraph } from "./print.ts";
import { NUM } from "./type.ts";

const cube = makeGraph("cube", [NUM], (b, [x]) => b.ops.pow(x as Node, 3));

test("the derivative of a cube is two multiplications, and the fourth is a constant", () => {
  expect(printGraph(gradient(cube, 0))).toMatchInlineSnapshot(`
    "cube′(p0: num) → num
      v1: num = mul(p0, p0)
      v2: num = mul(3, v1)
      return v2"
  `);
  const fourth = [1, 2, 3, 4].reduce((g) => gradient(g, 0), cube);
  expect(printGraph(fourth)).toMatchInlineSnapshot(`
    "cube′′′′(p0: num) → num
      return 0"
  `);
});

test("the gradient of a maximum by if runs one arm forward and one back", () => {
  const max = makeGraph("max", [NUM, NUM], (b, [x, y]) => {
    const [a, c] = [x as Node, y as Node];
    const first = makeGraph("a", [NUM, NUM], (_, [p]) => p as Node);
    const second = makeGraph("b", [NUM, NUM], (_, [, q]) => q as Node);
    return b.if(b.ops.gt(a, c), first, second, [a, c]);
  });
  expect(printGraph(valueAndGradient(max, [true, true]))).toMatchInlineSnapshot(`
    "max∇(p0: num, p1: num) → (num, num, num)
      v1: bool = gt(p0, p1)
      v2: num = if(v1, p0, p1)
        λ(p3: num, p4: num)
          return p3
        λ(p5: num, p6: num)
          return p6
      v3: (num, num) = if(v1, 1)
        λ(p8: num)
          v4: (num, num) = tuple(p8, 0)
          return v4
        λ(p10: num)
          v5: (num, num) = tuple(0, p10)
          return v5
      v6: num = get 0(v3)
      v7: num = get 1(v3)
      v8: (num, num, num) = tuple(v2, v6, v7)
      return v8"
  `);
});
