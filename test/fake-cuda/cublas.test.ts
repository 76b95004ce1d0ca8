/** The fake cuBLAS: column-major products on the handle's stream, its checks, and what is caught when it is used wrongly. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Driver, must } from "./driver.ts";
import { fakeCuda } from "./fake-cuda.ts";

const fake = fakeCuda();
const [N, T] = [0, 1];

describe.runIf(fake !== undefined)("the fake cuBLAS", () => {
  beforeAll(() => {
    process.env.FAKE_CUDA_QUIET = "1";
  });
  afterAll(() => {
    delete process.env.FAKE_CUDA_QUIET;
  });

  function begin() {
    const d = new Driver(fake as NonNullable<typeof fake>);
    const handle = d.made((out) => d.call.cublasCreate_v2(out));
    must(d.call.cublasSetStream_v2(handle, d.stream));
    return { d, handle };
  }
  const numbers = (n: number) => Float32Array.from({ length: n }, (_, i) => ((i * 5) % 13) - 6);
  const [M, COLUMNS, K] = [5, 4, 3];

  it("multiplies column-major matrices, transposed or not, with alpha and beta", () => {
    const { d, handle } = begin();
    const [a, b, c] = [numbers(M * K), numbers(K * COLUMNS), numbers(M * COLUMNS)];
    for (const [ta, tb] of [
      [N, N],
      [T, N],
      [N, T],
      [T, T],
    ] as const) {
      const out = d.put(c);
      const [lda, ldb] = [ta ? K : M, tb ? COLUMNS : K];
      const scalars = [new Float32Array([2]), new Float32Array([-1])] as const;
      must(d.call.cublasSgemm_v2(handle, ta, tb, M, COLUMNS, K, scalars[0], d.put(a), lda, d.put(b), ldb, scalars[1], out, M));
      const wanted = c.map((old, at) => {
        const [i, j] = [at % M, Math.floor(at / M)];
        let sum = 0;
        for (let p = 0; p < K; p++) sum += (a[ta ? p + i * lda : i + p * lda] as number) * (b[tb ? j + p * ldb : p + j * ldb] as number);
        return 2 * sum - old;
      });
      expect(d.floats(out, M * COLUMNS)).toEqual(wanted);
    }
  });

  it("multiplies batches in f64, and does not read what a beta of 0 forgets", () => {
    const { d, handle } = begin();
    const a = Float64Array.from(numbers(2 * M * K));
    const b = Float64Array.from(numbers(K * COLUMNS));
    const out = d.alloc(2 * M * COLUMNS * 8);
    const [one, zero] = [new Float64Array([1]), new Float64Array([0])];
    must(
      d.call.cublasDgemmStridedBatched(handle, N, N, M, COLUMNS, K, one, d.put(a), M, M * K, d.put(b), K, 0, zero, out, M, M * COLUMNS, 2),
    );
    const got = d.get(out, new Float64Array(2 * M * COLUMNS));
    const wanted = got.map((_, at) => {
      const [batch, i, j] = [Math.floor(at / (M * COLUMNS)), at % M, Math.floor((at % (M * COLUMNS)) / M)];
      return Array.from({ length: K }, (_, p) => (a[batch * M * K + i + p * M] as number) * (b[p + j * K] as number)).reduce(
        (x, y) => x + y,
      );
    });
    expect(got).toEqual(wanted);
  });

  it("catches rows taken for columns, and arguments that do not fit", () => {
    const { d, handle } = begin();
    const [a, b] = [d.put(numbers(M * K)), d.put(numbers(K * COLUMNS))];
    const out = d.alloc(M * COLUMNS * 4);
    const [one, zero] = [new Float32Array([1]), new Float32Array([0])];
    const gemm = (m: number, n: number, k: number, lda: number, ldb: number, ldc: number, left = a, right = b) =>
      d.call.cublasSgemm_v2(handle, N, N, m, n, k, one, left, lda, right, ldb, zero, out, ldc);
    // The row-major product C = A B is the column-major C' = B' A'.
    must(gemm(COLUMNS, M, K, COLUMNS, K, COLUMNS, b, a));
    const right = d.floats(out, M * COLUMNS);
    must(gemm(M, COLUMNS, K, M, K, M));
    expect(d.floats(out, M * COLUMNS)).not.toEqual(right);
    expect(gemm(M, COLUMNS, K, M - 1, K, M)).toBe(7);
    expect(gemm(M, COLUMNS, K, M, K - 1, M)).toBe(7);
    expect(gemm(M, COLUMNS, K, M, K, M - 1)).toBe(7);
    expect(gemm(-1, COLUMNS, K, M, K, M)).toBe(7);
    expect(d.call.cublasSetWorkspace_v2(handle, a + 4, 16)).toBe(7);
    must(d.sync());
  });

  it("is lazy, is captured, and faults where it leaves its memory", () => {
    const { d, handle } = begin();
    const [a, b] = [d.put(numbers(M * K)), d.put(numbers(K * COLUMNS))];
    const out = d.alloc(M * COLUMNS * 4);
    const [one, zero] = [new Float32Array([1]), new Float32Array([0])];
    must(d.sync());
    must(d.call.cuStreamBeginCapture_v2(d.stream, 0));
    must(d.call.cublasSgemm_v2(handle, N, N, M, COLUMNS, K, one, a, M, b, K, zero, out, M));
    const graph = d.made((handle) => d.call.cuStreamEndCapture(d.stream, handle));
    expect(d.floats(out, 1)[0]).toBeNaN();
    must(
      d.call.cuGraphLaunch(
        d.made((handle) => d.call.cuGraphInstantiateWithFlags(handle, graph, 0)),
        d.stream,
      ),
    );
    expect(d.floats(out, 1)[0]).not.toBeNaN();
    must(d.call.cublasSgemm_v2(handle, N, N, M, COLUMNS, K, one, a, M + 40, b, K, zero, out, M));
    expect(d.sync()).toBe(700);
  });

  it("rounds to the precision of tensor cores only where it is told to", () => {
    const { d, handle } = begin();
    const x = d.put(Float32Array.of(1 + 2 ** -12));
    const out = d.alloc(4);
    const [one, zero] = [new Float32Array([1]), new Float32Array([0])];
    const squared = (mode: number) => {
      must(d.call.cublasSetMathMode(handle, mode));
      must(d.call.cublasSgemm_v2(handle, N, N, 1, 1, 1, one, x, 1, x, 1, zero, out, 1));
      return d.floats(out, 1)[0];
    };
    expect(squared(0)).toBe(Math.fround((1 + 2 ** -12) ** 2));
    expect(squared(3)).toBe(1);
  });
});
