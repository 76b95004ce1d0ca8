/** Products out of loops: what the passes make of a recurrence of unknown length, that it is right, and where they leave a loop alone. */
import { describe, expect, test } from "vitest";
import { createWasm } from "../../../core/device/wasm/device.ts";
import * as ops from "../../../core/ops.ts";
import { releaseConstants } from "../../../core/tensor/eager.ts";
import { useDevice } from "../../../core/tensor/tensor.ts";
import { traced } from "../../../test/graph/passes-agree.ts";
import type { Tree } from "../../engine.ts";
import { load } from "../execute/load.ts";
import type { Graph } from "../graph.ts";
import { printGraph } from "../print.ts";
import { optimise, passes } from "./optimise.ts";

const device = createWasm();
useDevice(device);

const { add, lt, matmul, mul, scan, scope, sin, sum, tanh, whileLoop } = ops;
type Tensor = ops.Tensor;

const filled = (...shape: number[]): Tensor =>
  ops.createTensor(
    Array.from({ length: shape.reduce((a, d) => a * d, 1) }, (_, i) => Math.sin(12.9898 * i + shape.length)),
    shape,
    "f64",
  );
/** Without the flags of products that turn nothing. */
const text = (graph: Graph) => `\n${printGraph(graph).replaceAll(' {"transposeA":false,"transposeB":false}', "")}\n`;
function results(graph: Graph, args: readonly Tree[]): number[][] {
  const executor = load(graph);
  const rows = executor.run(args as never).map((r) => (typeof r === "number" ? [r] : [...(r as Tensor).toArray()]));
  executor.dispose();
  return rows;
}
function same(a: readonly number[][], b: readonly number[][]): void {
  expect(a.length).toBe(b.length);
  for (const [i, row] of a.entries()) for (const [k, x] of row.entries()) expect(b[i]?.[k]).toBeCloseTo(x, 11);
}

/** A recurrence that turns n times, or as often as there are rows. */
const recurrence = (h: Tensor, w: Tensor, n: number) =>
  ops.item(
    sum(
      whileLoop(
        ({ i }) => lt(i, n),
        (s) => ({ i: add(s.i, 1), h: tanh(matmul(s.h, w)) as Tensor }),
        { i: 0, h },
      ).h,
    ),
  );
const network = (wx: Tensor, wh: Tensor, wy: Tensor, rows: Tensor) => {
  const [last, ys] = scan(
    (h: Tensor, x: Tensor) => {
      const next = tanh(add(matmul(mul(x, 2) as Tensor, wx), matmul(h, wh))) as Tensor;
      return [next, matmul(next, wy)] as const;
    },
    ops.createTensor([0, 0, 0, 0, 0, 0], [2, 3], "f64"),
    rows,
  );
  return ops.item(add(sum(last), sum(sin(ys) as Tensor)) as Tensor);
};

describe("products after loops", () => {
  test("the cotangents of a weight are summed by one product after a loop of unknown length", () => {
    const args = [filled(2, 3), filled(3, 3), 4];
    const before = optimise(traced(recurrence as never, args).gradient(), ["products after loops", "products before loops"]).graph;
    expect(text(before)).toMatchInlineSnapshot(`
      "
      gradient(%0: f64[2, 3], %1: f64[3, 3], %2: number)
        %3: list of f64[2, 3] = emptyList()
        %4: number, %5: f64[2, 3], %6: number, %7: list of f64[2, 3], %8: list of f64[2, 3] = while(0, %0, 0, %3, %3; %2, %1)
          test(%9: number, %10: f64[2, 3], %11: number, %12: list of f64[2, 3], %13: list of f64[2, 3], %14: number, %15: f64[3, 3])
            %16: number = lt(%9, %14)
            give %16
          body(%17: number, %18: f64[2, 3], %19: number, %20: list of f64[2, 3], %21: list of f64[2, 3], %22: number, %23: f64[3, 3])
            %24: number = add(%17, 1)
            %25: f64[2, 3] = matmul(%18, %23)
            %26: f64[2, 3] = tanh(%25)
            %27: number = add(%19, 1)
            %28: list of f64[2, 3] = push(%20, %26)
            %29: list of f64[2, 3] = push(%21, %18)
            give %24, %26, %27, %28, %29
        %30: f64[] = sum(%5) {"axes":[0,1],"keepdims":false}
        %31: number = item(%30)
        %32: f64[2, 3] = constant()
        %33: f64[3, 3] = constant()
        %34: number, %35: f64[2, 3], %36: f64[3, 3], %37: list of f64[2, 3], %38: list of f64[2, 3] = while(%6, %32, %33, %7, %8; %1)
          test(%39: number, %40: f64[2, 3], %41: f64[3, 3], %42: list of f64[2, 3], %43: list of f64[2, 3], %44: f64[3, 3])
            %45: number = gt(%39, 0)
            give %45
          body(%46: number, %47: f64[2, 3], %48: f64[3, 3], %49: list of f64[2, 3], %50: list of f64[2, 3], %51: f64[3, 3])
            %52: number = sub(%46, 1)
            %53: f64[] = lift(1) {"dtype":"f64"}
            %54: list of f64[2, 3], %55: f64[2, 3] = pop(%49)
            %56: f64[2, 3] = square(%55)
            %57: f64[2, 3] = sub(%53, %56)
            %58: f64[2, 3] = mul(%47, %57)
            %59: f64[2, 3] = matmul(%58, %51) {"transposeA":false,"transposeB":true}
            %60: list of f64[2, 3], %61: f64[2, 3] = pop(%50)
            %62: f64[3, 3] = matmul(%61, %58) {"transposeA":true,"transposeB":false}
            %63: f64[3, 3] = add(%48, %62)
            give %52, %59, %63, %54, %60
        give %31, %35, %36, 0
      "
    `);
    expect(text(passes["products after loops"](before))).toMatchInlineSnapshot(`
      "
      gradient(%0: f64[2, 3], %1: f64[3, 3], %2: number)
        %3: list of f64[2, 3] = emptyList()
        %4: number, %5: f64[2, 3], %6: number, %7: list of f64[2, 3], %8: list of f64[2, 3] = while(0, %0, 0, %3, %3; %2, %1)
          test(%9: number, %10: f64[2, 3], %11: number, %12: list of f64[2, 3], %13: list of f64[2, 3], %14: number, %15: f64[3, 3])
            %16: number = lt(%9, %14)
            give %16
          body(%17: number, %18: f64[2, 3], %19: number, %20: list of f64[2, 3], %21: list of f64[2, 3], %22: number, %23: f64[3, 3])
            %24: number = add(%17, 1)
            %25: f64[2, 3] = matmul(%18, %23)
            %26: f64[2, 3] = tanh(%25)
            %27: number = add(%19, 1)
            %28: list of f64[2, 3] = push(%20, %26)
            %29: list of f64[2, 3] = push(%21, %18)
            give %24, %26, %27, %28, %29
        %30: f64[] = sum(%5) {"axes":[0,1],"keepdims":false}
        %31: number = item(%30)
        %32: f64[2, 3] = constant()
        %33: list of f64[2, 3] = emptyList()
        %34: list of f64[2, 3] = emptyList()
        %35: number, %36: f64[2, 3], %37: list of f64[2, 3], %38: list of f64[2, 3], %39: list of f64[2, 3], %40: list of f64[2, 3] = while(%6, %32, %7, %8, %33, %34; %1)
          test(%41: number, %42: f64[2, 3], %43: list of f64[2, 3], %44: list of f64[2, 3], %45: list of f64[2, 3], %46: list of f64[2, 3], %47: f64[3, 3])
            %48: number = gt(%41, 0)
            give %48
          body(%49: number, %50: f64[2, 3], %51: list of f64[2, 3], %52: list of f64[2, 3], %53: list of f64[2, 3], %54: list of f64[2, 3], %55: f64[3, 3])
            %56: number = sub(%49, 1)
            %57: f64[] = lift(1) {"dtype":"f64"}
            %58: list of f64[2, 3], %59: f64[2, 3] = pop(%51)
            %60: f64[2, 3] = square(%59)
            %61: f64[2, 3] = sub(%57, %60)
            %62: f64[2, 3] = mul(%50, %61)
            %63: f64[2, 3] = matmul(%62, %55) {"transposeA":false,"transposeB":true}
            %64: list of f64[2, 3], %65: f64[2, 3] = pop(%52)
            %66: list of f64[2, 3] = push(%53, %65)
            %67: list of f64[2, 3] = push(%54, %62)
            give %56, %63, %58, %64, %66, %67
        %68: f64[3, 3] = sumProducts(%39, %40)
        give %31, %36, %68, 0
      "
    `);
  });

  test.each([0, 1, 4, 31, 32, 33, 70])("%i turns give the gradients that there were", (n) => {
    scope(() => {
      const args = [filled(2, 3), filled(3, 3), n];
      // The loop turns as often as a number says that is a parameter of the graph.
      const gradient = traced(recurrence as never, args).gradient();
      same(results(optimise(gradient).graph, args), results(gradient, args));
    });
  });
});

describe("products before loops", () => {
  test("rows meet a weight all at once, and what is kept of the products with another one does", () => {
    const args = [filled(4, 3), filled(3, 3), filled(3, 5), filled(80, 2, 4)];
    const value = optimise(traced(network as never, args).value(), ["products after loops", "products before loops"]).graph;
    expect(text(value)).toMatchInlineSnapshot(`
      "
      value(%0: f64[4, 3], %1: f64[3, 3], %2: f64[3, 5], %3: f64[80, 2, 4])
        %4: f64[2, 3] = constant()
        %5: list of f64[2, 4] = unstack(%3)
        %6: list of f64[2, 5] = emptyList()
        %7: number, %8: f64[2, 3], %9: list of f64[2, 4], %10: list of f64[2, 5] = while(0, %4, %5, %6; %0, %1, %2)
          test(%11: number, %12: f64[2, 3], %13: list of f64[2, 4], %14: list of f64[2, 5], %15: f64[4, 3], %16: f64[3, 3], %17: f64[3, 5])
            %18: number = lt(%11, 80)
            give %18
          body(%19: number, %20: f64[2, 3], %21: list of f64[2, 4], %22: list of f64[2, 5], %23: f64[4, 3], %24: f64[3, 3], %25: f64[3, 5])
            %26: number = add(%19, 1)
            %27: list of f64[2, 4], %28: f64[2, 4] = pop(%21)
            %29: f64[] = lift(2) {"dtype":"f64"}
            %30: f64[2, 4] = mul(%28, %29)
            %31: f64[2, 3] = matmul(%30, %23)
            %32: f64[2, 3] = matmul(%20, %24)
            %33: f64[2, 3] = add(%31, %32)
            %34: f64[2, 3] = tanh(%33)
            %35: f64[2, 5] = matmul(%34, %25)
            %36: list of f64[2, 5] = push(%22, %35)
            give %26, %34, %27, %36
        %37: f64[] = sum(%8) {"axes":[0,1],"keepdims":false}
        %38: f64[80, 2, 5] = stack(%10)
        %39: f64[80, 2, 5] = sin(%38)
        %40: f64[] = sum(%39) {"axes":[0,1,2],"keepdims":false}
        %41: f64[] = add(%37, %40)
        %42: number = item(%41)
        give %42
      "
    `);
    expect(text(passes["products after loops"](passes["products before loops"](value)))).toMatchInlineSnapshot(`
      "
      value(%0: f64[4, 3], %1: f64[3, 3], %2: f64[3, 5], %3: f64[80, 2, 4])
        %4: f64[2, 3] = constant()
        %5: f64[80, 2, 4] = reshape(%3) {"shape":[80,2,4]}
        %6: f64[] = lift(2) {"dtype":"f64"}
        %7: f64[80, 2, 4] = mul(%5, %6)
        %8: f64[160, 4] = reshape(%7) {"shape":[160,4]}
        %9: f64[160, 3] = matmul(%8, %0)
        %10: f64[80, 2, 3] = reshape(%9) {"shape":[80,2,3]}
        %11: list of f64[2, 3] = unstack(%10)
        %12: list of f64[2, 3] = emptyList()
        %13: number, %14: f64[2, 3], %15: list of f64[2, 3], %16: list of f64[2, 3] = while(0, %4, %11, %12; %1)
          test(%17: number, %18: f64[2, 3], %19: list of f64[2, 3], %20: list of f64[2, 3], %21: f64[3, 3])
            %22: number = lt(%17, 80)
            give %22
          body(%23: number, %24: f64[2, 3], %25: list of f64[2, 3], %26: list of f64[2, 3], %27: f64[3, 3])
            %28: number = add(%23, 1)
            %29: list of f64[2, 3], %30: f64[2, 3] = pop(%25)
            %31: f64[2, 3] = matmul(%24, %27)
            %32: f64[2, 3] = add(%30, %31)
            %33: f64[2, 3] = tanh(%32)
            %34: list of f64[2, 3] = push(%26, %33)
            give %28, %33, %29, %34
        %35: f64[] = sum(%14) {"axes":[0,1],"keepdims":false}
        %36: f64[80, 2, 3] = stack(%16)
        %37: f64[160, 3] = reshape(%36) {"shape":[160,3]}
        %38: f64[160, 5] = matmul(%37, %2)
        %39: f64[80, 2, 5] = reshape(%38) {"shape":[80,2,5]}
        %40: f64[80, 2, 5] = sin(%39)
        %41: f64[] = sum(%40) {"axes":[0,1,2],"keepdims":false}
        %42: f64[] = add(%35, %41)
        %43: number = item(%42)
        give %43
      "
    `);
  });

  test("values and gradients are those that there were", () => {
    const live = device.stats().liveBytes;
    scope(() => {
      const args = [filled(4, 3), filled(3, 3), filled(3, 5), filled(80, 2, 4)];
      const program = traced(network as never, args);
      for (const graph of [program.value(), program.gradient()]) {
        const { graph: after } = optimise(graph);
        same(results(after, args), results(graph, args));
      }
    });
    releaseConstants();
    expect(device.stats().liveBytes).toBe(live);
  });
});

test("keep less: what the way back of a loop can compute from what else is kept, it computes", () => {
  const f = (x: Tensor, n: number) =>
    ops.item(
      sum(
        whileLoop(
          ({ i }) => lt(i, n),
          (s) => {
            const y = mul(s.h, x) as Tensor;
            return { i: add(s.i, 1), h: tanh(mul(sin(y), y)) as Tensor };
          },
          { i: 0, h: x },
        ).h,
      ),
    );
  const args = [filled(3), 5];
  const gradient = optimise(traced(f as never, args).gradient()).graph;
  const less = passes["keep less"](gradient);
  const pushes = (g: Graph) => printGraph(g).split("push(").length - 1;
  expect([pushes(gradient), pushes(less)]).toEqual([4, 1]);
  for (const n of [0, 1, 5]) same(results(less, [args[0] as Tensor, n]), results(gradient, [args[0] as Tensor, n]));
});
