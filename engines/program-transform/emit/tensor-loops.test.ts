/** Loops over tensors: what they hold while they turn, and that nothing is freed that is read. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDevice } from "../../../core/device/registry.ts";
import { releaseConstants } from "../../../core/tensor/eager.ts";
import { scope } from "../../../core/tensor/scope.ts";
import { createTensor, type Tensor, useDevice } from "../../../core/tensor/tensor.ts";
import { projectRoot } from "../../../harness/root.ts";
import { loadProgram } from "../../../loader/load.ts";
import type { Engine, Tree } from "../../engine.ts";
import { tape } from "../../tape/engine.ts";
import { programTransform } from "../engine.ts";

test("a loop over tensors holds what one turn does, and its gradient what the way back reads", () => {
  const device = openDevice("interpreter");
  useDevice(device);
  const source = `import { add, item, mul, sum, tanh } from "../../core/ops.ts";
    export function f(x: any, w: any, n: number) { let s = x; for (let i = 0; i < n; i++) s = tanh(add(mul(s, w), 0.1)); return item(sum(s)); }`;
  const size = 256;
  const peaks = [10, 100].map((n) =>
    scope(() => {
      const [x, w] = [0.3, 0.9].map((v) => createTensor(new Float64Array(size).fill(v), [size], "f64"));
      const run = programTransform.prepare(
        loadProgram({ file: join(projectRoot, "engines", "program-transform", "given.ts"), source }),
        [x, w, n] as Tree[],
        [0, 1],
      );
      const peakOf = (body: () => unknown) => {
        const before = device.stats().liveBytes;
        device.resetPeak();
        scope(body);
        return (device.stats().peakBytes - before) / (8 * size);
      };
      return [peakOf(() => run.value([x, w, n] as Tree[])), peakOf(() => run.valueAndGrad([x, w, n] as Tree[]))] as const;
    }),
  );
  const [few, many] = peaks as [readonly [number, number], readonly [number, number]];
  expect(many[0]).toBe(few[0]);
  // Two tensors a turn.
  expect(many[1] - few[1]).toBe(2 * 90);
});

/** Bodies of loops over tensors `s` and `w`, and what holds what a turn made. */
const LOOPS: readonly (readonly [name: string, body: string])[] = [
  [
    "the state of the turn before",
    "let a = x, b = w; for (let i = 0; i < n; i++) [a, b] = [mul(b, 0.9), tanh(a)]; return item(sum(mul(a, b)));",
  ],
  [
    "the best so far",
    "let s = x, best = x; for (let i = 0; i < n; i++) { s = tanh(mul(s, w)); if (item(sum(s)) > 60 - 2 * i) best = s; } return item(sum(mul(best, s)));",
  ],
  [
    "an array of the program",
    "let s = x; const all = []; for (let i = 0; i < n; i++) { s = tanh(mul(s, w)); all.push(s); } let t = 0; for (const a of all) t += item(sum(mul(a, x))); return t;",
  ],
  [
    "an array that is pushed to by a condition",
    "let s = x; const all = [x]; for (let i = 0; i < n; i++) { s = tanh(mul(s, w)); if (i % 2) all.push(s); } let t = 0; for (const a of all) t += item(sum(mul(a, x))); return t;",
  ],
  [
    "a loop inside",
    "let s = x; for (let i = 0; i < n; i++) { let r = s; for (let j = 0; j < i; j++) r = tanh(mul(r, w)); s = add(mul(s, 0.5), r); } return item(sum(s));",
  ],
  [
    "a record",
    "let o = { a: x, k: 1 }; for (let i = 0; i < n; i++) o = { a: tanh(mul(o.a, w)), k: o.k + item(sum(o.a)) }; return item(sum(o.a)) * o.k;",
  ],
  ["a test that computes", "let s = x; while (item(sum(s)) > 3) s = mul(s, tanh(w)); return item(sum(mul(s, w)));"],
  [
    "nothing at first, then a tensor",
    "let s = null as any; for (let i = 0; i < n; i++) s = s === null ? mul(x, w) : tanh(add(s, w)); return s === null ? 0 : item(sum(s)) * s.size;",
  ],
  ["nothing", "let t = 0; for (let i = 0; i < n; i++) t += item(sum(mul(x, w))) * i; return t;"],
];

test.each(LOOPS)("a loop over tensors whose turns make %s is what the tape finds, and leaves nothing", (_, body) => {
  const device = openDevice("interpreter");
  useDevice(device);
  const source = `import { add, item, mul, sum, tanh } from "../../core/ops.ts"; export function f(x: any, w: any, n: number) { ${body} }`;
  const program = () => loadProgram({ file: join(projectRoot, "engines", "program-transform", "given.ts"), source });
  releaseConstants();
  const before = device.stats().liveBytes;
  scope(() => {
    const args = [0.8, 0.7].map(
      (v) =>
        createTensor(
          Float64Array.from({ length: 64 }, (_, i) => v + i / 900),
          [64],
          "f64",
        ) as Tree,
    );
    const by = (e: Engine) => e.prepare(program(), [...args, 6], [0, 1]).valueAndGrad([...args, 6]);
    const [ours, theirs] = [by(programTransform), by(tape)];
    const numbers = (r: { value: Tree; grad: readonly Tree[] }) => [
      r.value as number,
      ...[0, 1].flatMap((i) => [...(r.grad[i] as Tensor).toArray()]),
    ];
    const want = numbers(theirs);
    for (const [i, v] of numbers(ours).entries()) expect(v).toBeCloseTo(want[i] as number, 10);
  });
  releaseConstants();
  expect(device.stats().liveBytes).toBe(before);
});

test("a turn that throws leaves nothing", () => {
  const device = openDevice("interpreter");
  useDevice(device);
  const source = `import { item, mul, sum, tanh } from "../../core/ops.ts";
    export function f(x: any, n: number) { let s = x; for (let i = 0; i < n; i++) { s = tanh(mul(s, 0.5)); if (item(sum(s)) < 1) throw new Error("small"); } return item(sum(s)); }`;
  releaseConstants();
  const before = device.stats().liveBytes;
  scope(() => {
    const x = createTensor(new Float64Array(64).fill(1), [64], "f64") as Tree;
    const run = programTransform.prepare(
      loadProgram({ file: join(projectRoot, "engines", "program-transform", "given.ts"), source }),
      [x, 3],
      [0],
    );
    const own = device.stats().liveBytes;
    expect(() => run.valueAndGrad([x, 100])).toThrow("small");
    expect(device.stats().liveBytes).toBe(own);
    expect(run.value([x, 1])).toBeGreaterThan(1);
  });
  releaseConstants();
  expect(device.stats().liveBytes).toBe(before);
});
