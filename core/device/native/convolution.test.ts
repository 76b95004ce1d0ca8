import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { canCallNative } from "../foreign.ts";
import { findCompiler } from "./compiler.ts";
import { nativeRuntime } from "./runtime.ts";

const usable = findCompiler() !== undefined && canCallNative();
if (!usable) console.warn("skipping tests of native convolutions: no C compiler, or no koffi, on this machine");

type Floats = Float32Array | Float64Array;
type Pair = readonly [number, number];
interface Shape {
  readonly n: number;
  readonly groups: number;
  /** Channels of x and y in each group. */
  readonly c: number;
  readonly o: number;
  readonly input: Pair;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly padding: Pair;
}

const outputOf = (s: Shape): Pair =>
  [0, 1].map((d) => {
    const at = d as 0 | 1;
    return Math.max(0, Math.floor((s.input[at] + 2 * s.padding[at] - s.dilation[at] * (s.kernel[at] - 1) - 1) / s.stride[at]) + 1);
  }) as unknown as Pair;

/** Calls `visit` with the places of every product x · w that is part of a y. This loop nest is the definition of all three products. */
function eachTerm(s: Shape, visit: (x: number, w: number, y: number) => void): void {
  const [oH, oW] = outputOf(s);
  for (let n = 0; n < s.n; n++)
    for (let g = 0; g < s.groups; g++)
      for (let o = 0; o < s.o; o++)
        for (let c = 0; c < s.c; c++)
          for (let kh = 0; kh < s.kernel[0]; kh++)
            for (let kw = 0; kw < s.kernel[1]; kw++)
              for (let i = 0; i < oH; i++)
                for (let j = 0; j < oW; j++) {
                  const h = i * s.stride[0] + kh * s.dilation[0] - s.padding[0];
                  const v = j * s.stride[1] + kw * s.dilation[1] - s.padding[1];
                  if (h < 0 || h >= s.input[0] || v < 0 || v >= s.input[1]) continue;
                  const x = (((n * s.groups + g) * s.c + c) * s.input[0] + h) * s.input[1] + v;
                  const w = (((g * s.o + o) * s.c + c) * s.kernel[0] + kh) * s.kernel[1] + kw;
                  visit(x, w, (((n * s.groups + g) * s.o + o) * oH + i) * oW + j);
                }
}

function integers(make: new (n: number) => Floats, length: number, seed: number): Floats {
  const out = new make(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    out[i] = ((state >>> 16) % 9) - 4;
  }
  return out;
}

const product = (pair: Pair) => pair[0] * pair[1];
const MAKERS = { f32: Float32Array, f64: Float64Array } as const;

describe.skipIf(!usable)("native convolutions", () => {
  const { library } = nativeRuntime();
  const data = ["data", "data", "data", "data", "address", "address"] as const;
  const calls = {
    f32: library.declare("tg_convolution_f32", "void", data),
    f64: library.declare("tg_convolution_f64", "void", data),
  };
  const setThreads = library.declare("tg_set_threads", "void", ["int64"]);
  const before = library.declare("tg_threads", "int64", [])();
  afterAll(() => void setThreads(before));

  function run(dtype: "f32" | "f64", s: Shape, which: number, first: Floats, second: Floats, out: Floats): void {
    const [oH, oW] = outputOf(s);
    const pairs = [s.input, [oH, oW], s.kernel, s.stride, s.dilation, s.padding].flat();
    const numbers = [which, s.n, s.groups, s.groups * s.c, s.groups * s.o, ...pairs] as number[];
    calls[dtype](BigInt64Array.from(numbers.map(BigInt)), first, second, out, 0, 0);
  }

  function check(dtype: "f32" | "f64", s: Shape): void {
    const make = MAKERS[dtype];
    const x = integers(make, s.n * s.groups * s.c * product(s.input), 3);
    const w = integers(make, s.groups * s.o * s.c * product(s.kernel), 5);
    const y = integers(make, s.n * s.groups * s.o * product(outputOf(s)), 7);
    const want = [new make(y.length), new make(x.length), new make(w.length)] as const;
    eachTerm(s, (i, j, k) => {
      want[0][k] = (want[0][k] as number) + (x[i] as number) * (w[j] as number);
      want[1][i] = (want[1][i] as number) + (y[k] as number) * (w[j] as number);
      want[2][j] = (want[2][j] as number) + (y[k] as number) * (x[i] as number);
    });
    const operands = [
      [x, w],
      [y, w],
      [x, y],
    ] as const;
    for (const which of [0, 1, 2] as const) {
      const length = want[which].length;
      const out = new make(length + 32).fill(77);
      run(dtype, s, which, operands[which][0], operands[which][1], out);
      for (let i = 0; i < out.length; i++) {
        const wanted = i < length ? want[which][i] : 77;
        if (out[i] !== wanted) throw new Error(`product ${which}, element ${i}: ${out[i]} instead of ${wanted}`);
      }
    }
  }

  const pair = (min: number, max: number) => fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));
  const shapes = fc
    .record({
      n: fc.integer({ min: 0, max: 3 }),
      groups: fc.integer({ min: 1, max: 3 }),
      c: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 40 })),
      o: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 14 })),
      input: pair(1, 13),
      kernel: pair(1, 4),
      stride: pair(1, 3),
      dilation: pair(1, 3),
      padding: pair(0, 3),
    })
    .filter((s) => product(outputOf(s)) > 0);

  test.each(["f32", "f64"] as const)("all three products equal the definition on random shapes in %s", (dtype) => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 4 }), (s, threads) => {
        setThreads(threads);
        check(dtype, s);
      }),
      { numRuns: 200 },
    );
  });

  const plain = { stride: [1, 1], dilation: [1, 1], padding: [1, 1], kernel: [3, 3] } as const;
  /** More rows than a slab, more terms than a block, more than one lane block, many images; depthwise; a kernel smaller than its stride. */
  const LARGE: readonly [string, Shape][] = [
    ["many channels", { ...plain, n: 2, groups: 1, c: 40, o: 8, input: [20, 24] }],
    ["many images", { ...plain, n: 40, groups: 1, c: 5, o: 7, input: [6, 7] }],
    ["depthwise", { ...plain, n: 3, groups: 40, c: 1, o: 1, input: [25, 19], stride: [2, 1] }],
    ["two channels out of one", { ...plain, n: 2, groups: 12, c: 1, o: 2, input: [25, 19] }],
    [
      "a stride beyond the kernel",
      { ...plain, n: 2, groups: 1, c: 3, o: 4, input: [17, 20], kernel: [1, 2], stride: [3, 4], padding: [0, 0] },
    ],
    [
      "rows that no output reaches",
      { ...plain, n: 1, groups: 1, c: 2, o: 2, input: [8, 9], kernel: [2, 2], stride: [3, 3], padding: [0, 0] },
    ],
    ["more padding than image", { ...plain, n: 1, groups: 1, c: 2, o: 3, input: [2, 3], padding: [4, 5], stride: [1, 2] }],
  ];
  test.each(LARGE)("all three products equal the definition with %s", (_name, shape) => {
    setThreads(3);
    check("f32", shape);
    check("f64", shape);
  });

  test("results do not depend on the number of threads", () => {
    const s: Shape = { ...plain, n: 5, groups: 1, c: 33, o: 9, input: [20, 21] };
    const x = Float32Array.from({ length: s.n * s.c * product(s.input) }, (_, i) => Math.sin(i));
    const w = Float32Array.from({ length: s.o * s.c * 9 }, (_, i) => Math.cos(i));
    const y = Float32Array.from({ length: s.n * s.o * product(outputOf(s)) }, (_, i) => Math.sin(i * i));
    const results = [1, 2, 5].map((threads) => {
      setThreads(threads);
      const out = [new Float32Array(y.length), new Float32Array(x.length), new Float32Array(w.length)] as const;
      run("f32", s, 0, x, w, out[0]);
      run("f32", s, 1, y, w, out[1]);
      run("f32", s, 2, x, y, out[2]);
      return out;
    });
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });
});
