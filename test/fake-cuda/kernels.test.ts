/** Kernels run on the fake as they would on a GPU: against the same computation in JavaScript. */
import { describe, expect, it } from "vitest";
import { Driver, float, int, must, pointer } from "./driver.ts";
import { fakeCuda } from "./fake-cuda.ts";
import { LAYER_NORM, MATMUL, SUM, TRANSPOSE } from "./kernels.ts";

const fake = fakeCuda();

const numbers = (length: number, scale = 1) => Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7) * scale);

function expectClose(got: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number): void {
  let worst = 0;
  for (let i = 0; i < wanted.length; i++) {
    const difference = Math.abs((got[i] as number) - (wanted[i] as number));
    worst = Math.max(worst, Number.isNaN(difference) ? Infinity : difference);
  }
  expect(worst).toBeLessThan(tolerance);
}

describe.runIf(fake !== undefined)("kernels on the fake", () => {
  const driver = () => new Driver(fake as NonNullable<typeof fake>);

  it("adds vectors in blocks, with a remainder", () => {
    const d = driver();
    const source = `extern "C" __global__ void __launch_bounds__(256) axpy(float *__restrict__ y, const float *__restrict__ x, float a, int n) {
      for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) y[i] = fmaf(a, __ldg(x + i), y[i]);
    }`;
    const [x, y] = [numbers(5000), numbers(5000, 3)];
    const [dx, dy] = [d.put(x), d.put(y)];
    must(d.launch(d.kernel(source, "axpy"), { grid: [7], block: [256], arguments: [pointer(dy), pointer(dx), float(0.5), int(5000)] }));
    expectClose(
      d.floats(dy, 5000),
      x.map((v, i) => v * 0.5 + (y[i] as number)),
      1e-6,
    );
  });

  it("sums through dynamic shared memory and barriers, and by integer atomics", () => {
    const d = driver();
    const out = d.alloc(4);
    must(d.call.cuMemsetD32Async(out, 0, 1, d.stream));
    const x = d.put(Int32Array.from({ length: 10_000 }, (_, i) => (i * 37) % 101));
    must(d.launch(d.kernel(SUM, "sum"), { grid: [5], block: [128], shared: 512, arguments: [pointer(out), pointer(x), int(10_000)] }));
    expect(d.get(out, new Int32Array(1))[0]).toBe(Array.from({ length: 10_000 }, (_, i) => (i * 37) % 101).reduce((a, b) => a + b));
  });

  it("normalises rows with shuffles in warps and shared memory between them", () => {
    const d = driver();
    const [rows, columns] = [9, 300];
    const x = numbers(rows * columns, 2);
    const [dx, y] = [d.put(x), d.alloc(x.byteLength)];
    const given = { grid: [rows], block: [96], arguments: [pointer(y), pointer(dx), int(columns)] };
    must(d.launch(d.kernel(LAYER_NORM, "layer_norm"), given));
    const wanted = new Float64Array(x.length);
    for (let r = 0; r < rows; r++) {
      const row = [...x.subarray(r * columns, (r + 1) * columns)];
      const mean = row.reduce((a, b) => a + b) / columns;
      const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / columns;
      for (const [c, v] of row.entries()) wanted[r * columns + c] = (v - mean) / Math.sqrt(variance + 1e-5);
    }
    expectClose(d.floats(y, x.length), wanted, 1e-5);
  });

  it("multiplies matrices by tiles, whatever the seed of the order", () => {
    const [m, n, k] = [45, 38, 51];
    const [a, b] = [numbers(m * k), numbers(k * n)];
    const wanted = new Float64Array(m * n);
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++)
        for (let p = 0; p < k; p++) wanted[i * n + j] = (wanted[i * n + j] as number) + (a[i * k + p] as number) * (b[p * n + j] as number);
    for (const seed of ["0", "1", "2", "3"]) {
      process.env.FAKE_CUDA_SEED = seed;
      const d = driver();
      const c = d.alloc(m * n * 4);
      const given = [pointer(c), pointer(d.put(a)), pointer(d.put(b)), int(m), int(n), int(k)];
      must(d.launch(d.kernel(MATMUL, "matmul"), { grid: [3, 3], block: [16, 16], arguments: given }));
      expectClose(d.floats(c, m * n), wanted, 1e-4);
    }
    delete process.env.FAKE_CUDA_SEED;
  });

  it("transposes through a padded tile, with blocks of two dimensions", () => {
    const d = driver();
    const [rows, columns] = [70, 45];
    const x = numbers(rows * columns);
    const y = d.alloc(x.byteLength);
    const given = [pointer(y), pointer(d.put(x)), int(rows), int(columns)];
    must(d.launch(d.kernel(TRANSPOSE, "transpose"), { grid: [2, 3], block: [32, 8], arguments: given }));
    const wanted = Float32Array.from({ length: x.length }, (_, i) => x[(i % rows) * columns + Math.floor(i / rows)] as number);
    expect(d.floats(y, x.length)).toEqual(wanted);
  });

  it("exchanges values between lanes as the hardware does", () => {
    const d = driver();
    const source = `extern "C" __global__ void lanes(int *out) {
      const int lane = threadIdx.x;
      out[lane] = __shfl_up_sync(0xffffffffu, lane, 3);
      out[32 + lane] = __shfl_down_sync(0xffffffffu, lane, 5, 16);
      out[64 + lane] = __shfl_sync(0xffffffffu, lane, 2, 8);
      out[96 + lane] = __shfl_xor_sync(0xffffffffu, lane, 1);
      out[128 + lane] = (int)__ballot_sync(0xffffffffu, lane % 3 == 0);
      out[160 + lane] = __any_sync(0xffffffffu, lane == 9) * 2 + __all_sync(0xffffffffu, lane < 32);
      if (lane < 8) out[192 + lane] = __shfl_sync(0x000000ffu, lane * 10, 7 - lane);
      else out[192 + lane] = __popc(0xf0u) + __clz(1) + __ffs(8);
      out[224 + lane] = (int)__shfl_sync(0xffffffffu, 1ll << lane, 31);
    }`;
    const out = d.alloc(1024);
    must(d.launch(d.kernel(source, "lanes"), { grid: [1], block: [32], arguments: [pointer(out)] }));
    const got = [...d.get(out, new Int32Array(256))];
    const lane = Array.from({ length: 32 }, (_, i) => i);
    const ballot = lane.reduce((bits, l) => (l % 3 === 0 ? bits | (1 << l) : bits), 0);
    expect(got).toEqual([
      ...lane.map((l) => (l < 3 ? l : l - 3)),
      ...lane.map((l) => (l % 16 >= 11 ? l : l + 5)),
      ...lane.map((l) => l - (l % 8) + 2),
      ...lane.map((l) => l ^ 1),
      ...lane.map(() => ballot),
      ...lane.map(() => 3),
      ...lane.map((l) => (l < 8 ? (7 - l) * 10 : 4 + 31 + 4)),
      ...lane.map(() => -2147483648),
    ]);
  });

  it("has the barriers that count, vectors of four, parameters by structure, and conversions that saturate", () => {
    const d = driver();
    const source = `struct args { float *p[2]; int n[3]; };
      extern "C" __global__ void __launch_bounds__(64) mixed(const args a) {
        const int t = threadIdx.x;
        const float4 v = *(const float4 *)(a.p[1] + 4 * t);
        const int many = __syncthreads_count(t % 2 == 0), every = __syncthreads_and(t >= 0), some = __syncthreads_or(t == 5);
        *(float4 *)(a.p[0] + 4 * t) = make_float4(v.x + a.n[0], v.y * a.n[1], v.z - a.n[2], many * 100 + every * 10 + some);
        if (t == 0) { a.p[0][0] = __float2int_rz(1e20f); a.p[0][1] = __float2int_rz(__int_as_float(0x7fc00000)); a.p[0][2] = (float)__double2int_rn(2.5); }
      }`;
    const x = numbers(256);
    const y = d.alloc(1024);
    const given = [pointer(y), pointer(d.put(x)), int(1), int(2), int(3), int(0)];
    must(d.launch(d.kernel(source, "mixed"), { grid: [1], block: [64], arguments: given }));
    const wanted = x.map((v, i) => [v + 1, v * 2, v - 3, 3211][i % 4] as number);
    wanted.set([2147483647, 0, 2]);
    expect(d.floats(y, 256)).toEqual(wanted);
  });

  it("contracts products and sums unless it is told not to", () => {
    const source = `extern "C" __global__ void f(float *y, float a, float b, float c) { y[0] = a * b + c; }`;
    const results = ["--fmad=true", "--fmad=false"].map((option) => {
      const d = driver();
      const { image } = d.tryCompile(source, ["--gpu-architecture=sm_90", option]);
      const module = d.made((out) => d.call.cuModuleLoadData(out, image));
      const kernel = d.made((out) => d.call.cuModuleGetFunction(out, module, "f"));
      const y = d.alloc(4);
      const x = 1 + 2 ** -12;
      must(d.launch(kernel, { grid: [1], block: [1], arguments: [pointer(y), float(x), float(x), float(-Math.fround(x * x))] }));
      return d.floats(y, 1)[0];
    });
    expect(results).toEqual([2 ** -24, 0]);
  });
});
