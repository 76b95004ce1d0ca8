/** The fake cuDNN and cuBLASLt: what is caught when they are used wrongly. That right use gives right numbers is tested on the device. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CUBLASLT_FUNCTIONS } from "../../core/device/cuda/cublas-lt.ts";
import { CUDNN_FUNCTIONS } from "../../core/device/cuda/cudnn.ts";
import { Library, type NativeFunction } from "../../core/device/foreign.ts";
import { Driver, must } from "./driver.ts";
import { fakeCuda } from "./fake-cuda.ts";

const fake = fakeCuda();
const BAD_PARAM = 2000;

/** Functions of a library whose out parameters are typed arrays here. */
function bound<F extends object>(path: string, functions: F): Record<keyof F, NativeFunction> {
  const library = new Library(path);
  const types = Object.entries(functions) as [string, readonly ("address" | "int32" | "int64" | "data")[]][];
  return Object.fromEntries(types.map(([name, letters]) => [name, library.declare(name, "int32", letters)])) as Record<
    keyof F,
    NativeFunction
  >;
}

describe.runIf(fake !== undefined)("the fake cuDNN and cuBLASLt", () => {
  beforeAll(() => {
    process.env.FAKE_CUDA_QUIET = "1";
  });
  afterAll(() => {
    delete process.env.FAKE_CUDA_QUIET;
  });

  function begin() {
    const d = new Driver(fake as NonNullable<typeof fake>);
    const cell = d.pinned(4).at;
    const view = new Library("libc.so.6").declare("memcpy", "address", ["data", "address", "int64"]);
    const made = (make: (at: number) => number) => {
      must(make(cell));
      const handle = new BigUint64Array(1);
      view(handle, cell, 8);
      return Number(handle[0]);
    };
    return { d, cell, made };
  }

  /** A convolution of one 4 × 4 image by one 3 × 3 window, as descriptors and memory. */
  function convolution() {
    const { d, cell, made } = begin();
    const f = bound(fake?.cudnn as string, CUDNN_FUNCTIONS);
    const handle = made(f.cudnnCreate);
    must(f.cudnnSetStream(handle, d.stream));
    const [x, y] = [made(f.cudnnCreateTensorDescriptor), made(f.cudnnCreateTensorDescriptor)];
    const [w, c] = [made(f.cudnnCreateFilterDescriptor), made(f.cudnnCreateConvolutionDescriptor)];
    must(f.cudnnSetTensor4dDescriptor(x, 0, 0, 1, 1, 4, 4));
    must(f.cudnnSetTensor4dDescriptor(y, 0, 0, 1, 1, 2, 2));
    must(f.cudnnSetFilter4dDescriptor(w, 0, 0, 1, 1, 3, 3));
    must(f.cudnnSetConvolution2dDescriptor(c, 0, 0, 1, 1, 1, 1, 1, 0));
    must(f.cudnnSetConvolutionMathType(c, 3));
    const image = Float32Array.from({ length: 16 }, (_, i) => Math.sin(i + 1));
    const [px, pw, py] = [d.put(image), d.put(new Float32Array(9).fill(0.1)), d.alloc(16)];
    const one = d.pinned(2);
    one.values.set([1, 0]);
    const workspace = d.alloc(4096);
    const forward = (algorithm: number, bytes = 4096) =>
      f.cudnnConvolutionForward(handle, one.at, x, px, w, pw, c, algorithm, workspace, bytes, one.at + 4, y, py);
    const weights = (algorithm: number) =>
      f.cudnnConvolutionBackwardFilter(handle, one.at, x, px, y, py, c, algorithm, workspace, 4096, one.at + 4, w, pw);
    return { d, f, cell, handle, x, y, w, c, px, pw, py, image, forward, weights };
  }

  it("convolves, lazily, and refuses descriptors that do not fit one another", () => {
    const { d, f, x, y, w, c, image, py, forward } = convolution();
    must(forward(1));
    const sum = (row: number, column: number) => {
      let s = 0;
      for (let r = 0; r < 3; r++) for (let k = 0; k < 3; k++) s += 0.1 * (image[(row + r) * 4 + column + k] as number);
      return s;
    };
    for (const [i, got] of d.floats(py, 4).entries()) expect(Math.abs(got - sum(Math.floor(i / 2), i % 2))).toBeLessThan(1e-6);
    // Less working memory than the algorithm needs, an algorithm that there is not.
    expect([forward(1, 100), forward(5)]).toEqual([BAD_PARAM, 3000]);
    for (const wrong of [
      () => f.cudnnSetConvolution2dDescriptor(c, 1, 0, 1, 1, 1, 1, 1, 0),
      () => f.cudnnSetConvolution2dDescriptor(c, 0, 0, 2, 1, 1, 1, 1, 0),
      () => f.cudnnSetConvolution2dDescriptor(c, 0, 0, 1, 1, 1, 2, 1, 0),
      () => f.cudnnSetConvolutionGroupCount(c, 2),
      () => f.cudnnSetTensor4dDescriptor(x, 0, 1, 1, 1, 4, 4),
      () => f.cudnnSetTensor4dDescriptor(y, 0, 0, 2, 1, 2, 2),
      () => f.cudnnSetFilter4dDescriptor(w, 0, 0, 1, 2, 3, 3),
    ]) {
      must(wrong());
      expect(forward(1)).toBe(BAD_PARAM);
      must(f.cudnnSetConvolution2dDescriptor(c, 0, 0, 1, 1, 1, 1, 1, 0));
      must(f.cudnnSetTensor4dDescriptor(x, 0, 0, 1, 1, 4, 4));
      must(f.cudnnSetTensor4dDescriptor(y, 0, 0, 1, 1, 2, 2));
      must(f.cudnnSetFilter4dDescriptor(w, 0, 0, 1, 1, 3, 3));
    }
    must(forward(1));
  });

  it("offers first what rounds otherwise or adds in an open order, and does so", () => {
    const { d, f, cell, handle, x, y, w, c, py, forward, weights, pw } = convolution();
    const found = new Int32Array(12 * 8);
    must(f.cudnnGetConvolutionForwardAlgorithm_v7(handle, x, w, c, y, 8, cell, found));
    expect(found[0]).toBe(6);
    const results = (algorithm: number) => {
      must(forward(algorithm));
      return [...d.floats(py, 4)];
    };
    const right = results(0);
    expect(results(1)).toEqual(right);
    expect(results(6).map((v, i) => Math.abs(v / (right[i] as number) - 1) > 5e-5)).toEqual([true, true, true, true]);
    const gradients = (algorithm: number) => {
      must(weights(algorithm));
      return d.floats(pw, 9).join();
    };
    expect(new Set([1, 1, 1, 1].map(gradients)).size).toBe(1);
    expect(new Set([0, 0, 0, 0, 0, 0, 0, 0].map(gradients)).size).toBeGreaterThan(1);
  });

  it("stops an algorithm for vectors at an address that they do not fit, and attributes of another size", () => {
    const { d, cell, made } = begin();
    const f = bound(fake?.cublas as string, CUBLASLT_FUNCTIONS);
    const handle = made(f.cublasLtCreate);
    const operation = made((at) => f.cublasLtMatmulDescCreate(at, 68, 0));
    const layout = made((at) => f.cublasLtMatrixLayoutCreate(at, 0, 4, 4, 4));
    const preference = made(f.cublasLtMatmulPreferenceCreate);
    expect(f.cublasLtMatmulDescSetAttribute(operation, 7, BigInt64Array.of(4n), 8)).toBe(7);
    must(f.cublasLtMatmulPreferenceSetAttribute(preference, 1, BigInt64Array.of(4096n), 8));
    const found = new Uint8Array(96);
    must(f.cublasLtMatmulAlgoGetHeuristic(handle, operation, layout, layout, layout, layout, preference, 1, found, cell));
    const algorithm = found.slice(0, 64);
    const [a, b, out, workspace] = [d.put(new Float32Array(20).fill(1)), d.put(new Float32Array(20).fill(1)), d.alloc(64), d.alloc(4096)];
    const one = d.pinned(2);
    one.values.set([1, 0]);
    const multiply = (at: number, algo = algorithm) =>
      f.cublasLtMatmul(
        handle,
        operation,
        one.at,
        at,
        layout,
        b,
        layout,
        one.at + 4,
        out,
        layout,
        out,
        layout,
        algo,
        workspace,
        4096,
        d.stream,
      );
    must(multiply(a));
    expect([...d.floats(out, 16)]).toEqual(new Array(16).fill(4));
    expect(multiply(a, new Uint8Array(64))).toBe(7);
    // A bias is asked for, and there is none.
    must(f.cublasLtMatmulDescSetAttribute(operation, 7, Int32Array.of(4), 4));
    expect(multiply(a)).toBe(7);
    must(f.cublasLtMatmulDescSetAttribute(operation, 7, Int32Array.of(1), 4));
    must(multiply(a + 4));
    expect(d.sync()).toBe(716);
  });
});
