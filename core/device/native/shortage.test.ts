import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { BenchError } from "../../base/errors.ts";
import type { Launch, RoutineLaunch } from "../../kernel/launch.ts";
import { Library, type NativeFunction } from "../foreign.ts";
import { findNative } from "./availability.ts";
import { createNative } from "./device.ts";
import { compileAndLoad } from "./library.ts";
import { SOURCES } from "./runtime.ts";

const { available, detail } = findNative();
const usable = available && process.platform === "linux";
if (!usable) console.warn(`skipping tests of the native device without memory: ${available ? "made for Linux" : detail}`);

const ARGSORT: RoutineLaunch = {
  kind: "routine",
  routine: "argsort",
  dtype: "f32",
  batch: 1,
  n: 0,
  columns: 0,
  lower: false,
  transpose: false,
  descending: false,
  inputs: [0],
};

/** A symmetric matrix with a large diagonal. */
const dominant = (n: number) => Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? n : 0.5));

describe.skipIf(!usable)("without working memory", () => {
  /** The runtime's own code with an allocator that refuses more than `most` bytes; its symbols are its own. */
  const refusing = () =>
    compileAndLoad(
      [
        "#include <stdlib.h>",
        "#include <stdint.h>",
        "static int64_t most = INT64_MAX;",
        "static int refuse(void **to, size_t alignment, size_t size) {",
        "  return size > (size_t)most ? 12 : posix_memalign(to, alignment, size);",
        "}",
        "#define posix_memalign refuse",
        ...SOURCES.map((file) => `#include "${file}"`),
        "TG_EXPORT void limit(int64_t bytes) { most = bytes; }",
        "TG_EXPORT void forget(void) { tg_release_scratch(); }",
      ].join("\n"),
      "refusing",
      { flags: ["-O1", "-ldl", "-Wl,-Bsymbolic"] },
    );

  test("every product, convolution and routine says what it asked for in vain, and works when there is memory", {
    timeout: 120_000,
  }, () => {
    const library = refusing();
    const limit = library.declare("limit", "void", ["int64"]);
    const shortage = library.declare("tg_take_shortage", "int64", []);
    const forget = library.declare("forget", "void", []);
    // One thread: which of several has working memory already would be chance.
    library.declare("tg_set_threads", "void", ["int64"])(1);
    const gemm = library.declare("tg_gemm_f64", "void", ["data", "data", "data", "data", "address", "address"]);
    const convolution = library.declare("tg_convolution_f64", "void", ["data", "data", "data", "data", "address", "address"]);
    const routine = library.declare("tg_routine_f64", "void", ["data", "data", "data", "data"]);
    const words = (...values: number[]) => BigInt64Array.from(values, BigInt);
    const room = () => new Float64Array(200 * 200).fill(0.5);
    const multiply = (m: number, n: number, k: number) => () => gemm(words(m, n, k, 0, 1, k, k, n, 1, 0), room(), room(), room(), 0, 0);
    const convolve = (product: number, groups: number) => () =>
      convolution(words(product, 2, groups, 4, 4, 9, 9, 7, 7, 3, 3, 1, 1, 1, 1, 0, 0), room(), room(), room(), 0, 0);
    const runs: [string, () => unknown][] = [
      ["a packed product", multiply(150, 150, 150)],
      ["a direct product", multiply(20, 20, 20)],
      ["a matrix times a strided vector", () => gemm(words(50, 1, 50, 0, 0, 50, 2, 1, 1, 0), room(), room(), room(), 0, 0)],
      ...[0, 1, 2].flatMap((product) => [1, 4].map((g): [string, () => unknown] => [`convolution ${product}, ${g}`, convolve(product, g)])),
      ...[0, 1, 2, 3, 4, 5, 6].map((r): [string, () => unknown] => [
        `routine ${r}`,
        () => routine(words(r, 1, 100, 100, 1, 0, 0), dominant(100), r === 6 ? null : room(), room()),
      ]),
      ["cofactors of a singular matrix", () => routine(words(6, 1, 50, 0, 0, 0, 0), room(), null, room())],
      ["the derivative of cofactors", () => routine(words(6, 1, 50, 0, 0, 0, 0), room(), room(), room())],
    ];
    for (const [name, run] of runs) {
      limit(0);
      run();
      expect(shortage(), name).toBeGreaterThan(0);
      expect(shortage(), `${name}, asked again`).toBe(0);
      limit(2 ** 40);
      run();
      expect(shortage(), `${name}, with memory`).toBe(0);
      forget();
    }
  });

  test("a plan ends with an error that has the numbers, and the device works afterwards", () => {
    const device = createNative();
    const libc = new Library("libc.so.6");
    const [get, set] = ["getrlimit", "setrlimit"].map((name) => libc.declare(name, "int32", ["int32", "data"])) as [
      NativeFunction,
      NativeFunction,
    ];
    const addressSpace = 9;
    const before = new BigInt64Array(2);
    expect(get(addressSpace, before)).toBe(0);
    const argsort = (n: number): Launch => ({ ...ARGSORT, n });
    const [many, few] = [2 ** 24, 4];
    const large = device.prepare(argsort(many));
    const small = device.prepare(argsort(few));
    const [x, order] = [device.alloc(4 * many), device.alloc(4 * many)];
    device.upload(x, Float32Array.of(3, 1, 2, 0));
    small(order, x);
    const kibibytes = Number(/VmSize:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
    // Argsort of 2^24 numbers works in 512 MiB; half of that is left for Node itself.
    set(addressSpace, BigInt64Array.of(BigInt(kibibytes) * 1024n + 2n ** 28n, before[1] as bigint));
    let error: unknown;
    try {
      large(order, x);
    } catch (caught) {
      error = caught;
    } finally {
      set(addressSpace, before);
    }
    expect(error).toBeInstanceOf(BenchError);
    expect((error as BenchError).kind).toBe("out-of-memory");
    expect((error as BenchError).message).toBe(
      "out of memory on native: 512 MiB of working memory asked for, 128 MiB live, 128 MiB reserved",
    );
    small(order, x);
    expect([...device.download(order, "i32", few)]).toEqual([3, 1, 2, 0]);
    device.free(x, 4 * many);
    device.free(order, 4 * many);
  });
});
