/** What is computed again: which values, where, and that it changes no number and less is live. */
import { describe, expect, test } from "vitest";
import { everyDevice } from "../../test/devices.ts";
import { aval } from "../base/aval.ts";
import { createNull } from "../device/null/device.ts";
import { createTensor, exp, matmul, mul, sub, sum, type Tensor, tanh, transpose } from "../ops.ts";
import { scope } from "../tensor/scope.ts";
import { useDevice } from "../tensor/tensor.ts";
import { compileProgram } from "./executable.ts";
import { runPass } from "./passes.ts";
import { type Program, showProgram } from "./program.ts";
import { traceProgram } from "./trace.ts";

const N = 64;
const LAYERS = 12;

/** Layers exp(tanh(x · w)) and the gradients of the sum by all weights, as a walk back gives them. */
function step(x: Tensor, ...weights: Tensor[]): Tensor[] {
  const made: { readonly input: Tensor; readonly t: Tensor; readonly output: Tensor }[] = [];
  let h = x;
  for (const w of weights) {
    const t = tanh(matmul(h, w)) as Tensor;
    const output = exp(t) as Tensor;
    made.push({ input: h, t, output });
    h = output;
  }
  const value = sum(h);
  let ct = mul(h, 0) as Tensor;
  ct = exp(ct) as Tensor;
  const gradients: Tensor[] = [];
  for (const [i, { input, t, output }] of [...made.entries()].reverse()) {
    const back = mul(mul(ct, output), sub(1, mul(t, t))) as Tensor;
    gradients.push(matmul(transpose(input), back));
    ct = matmul(back, transpose(weights[i] as Tensor));
  }
  return [value, ...gradients, ct];
}

const avals = Array.from({ length: 1 + LAYERS }, () => aval([N, N], "f32"));
const layers = (n: number) => traceProgram(step as (...x: Tensor[]) => Tensor[], avals.slice(0, 1 + n));
const program = layers(LAYERS);

function arena(of: Program, isAgain: boolean): number {
  const executable = compileProgram(of, createNull(), { recompute: isAgain });
  executable.dispose();
  return executable.statistics.arenaBytes;
}

test("of values that are computed of each other one is kept, and the others again, after the cotangent that is waited for", () => {
  const again = runPass("recompute", program).program;
  const lines = showProgram(again).split("\n");
  const repeated = lines.filter((l) => l.includes(" after "));
  expect(repeated).toHaveLength(LAYERS);
  expect(repeated.every((l) => l.includes("exp("))).toBe(true);
});

test("less is live at once: of each layer one matrix instead of two", () => {
  const [all, less] = [arena(program, false), arena(program, true)];
  expect(less).toBeLessThan(0.75 * all);
});

test("never more: nothing is computed again where that takes the room that it saves", () => {
  let [same, less] = [0, 0];
  for (let n = 1; n <= LAYERS; n++) {
    const [all, again] = [arena(layers(n), false), arena(layers(n), true)];
    expect(again).toBeLessThanOrEqual(all);
    if (again < all) less++;
    else same++;
  }
  expect(Math.min(same, less)).toBeGreaterThan(0);
});

test("a program in which nothing is cheap, or nothing is read again, is as it was", () => {
  const products = traceProgram((a, b) => [matmul(matmul(a as Tensor, b as Tensor), b as Tensor)], avals.slice(0, 2));
  expect(showProgram(runPass("recompute", products).program)).toBe(showProgram(products));
});

describe.each(everyDevice)("on %s", (_, open) => {
  test("values and gradients have the bits that they have when all is kept", () => {
    const device = open();
    const before = useDevice(device);
    const [kept, again] = scope(() => {
      const inputs = avals.map((a, k) =>
        createTensor(
          Array.from({ length: a.size }, (_v, i) => Math.sin(i * 12.9898 + k) * 0.1),
          a.shape,
          "f32",
        ),
      );
      return [false, true].map((recompute) =>
        compileProgram(program, device, { recompute })
          .run(inputs)
          .map((r) => [...r.toArray()]),
      );
    }) as [number[][], number[][]];
    if (before !== undefined) useDevice(before);
    expect(again).toEqual(kept);
  });
});
