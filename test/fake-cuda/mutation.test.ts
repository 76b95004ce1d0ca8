/**
 * What the fake is for: a fault that is put into a kernel, or into the use of the driver, is caught every time, whatever the seed.
 * Caught means: wrong numbers where right ones are expected, or the status that a GPU gives.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Driver, int, type Launch, must, pointer } from "./driver.ts";
import { fakeCuda } from "./fake-cuda.ts";
import { LAYER_NORM, MATMUL, SUM, TRANSPOSE } from "./kernels.ts";

const fake = fakeCuda();
const ILLEGAL_ADDRESS = 700;
const MISALIGNED = 716;
const LAUNCH_FAILED = 719;

/** A source in which `from`, which it must have, is replaced. */
function mutate(source: string, from: string, to: string): string {
  expect(source).toContain(from);
  return source.replace(from, to);
}

describe.runIf(fake !== undefined)("the fake catches", () => {
  beforeAll(() => {
    process.env.FAKE_CUDA_QUIET = "1";
  });
  afterAll(() => {
    delete process.env.FAKE_CUDA_QUIET;
    delete process.env.FAKE_CUDA_SEED;
  });
  const driver = () => new Driver(fake as NonNullable<typeof fake>);
  const N = 32;
  const numbers = Float32Array.from({ length: N * N }, (_, i) => ((i * 7) % 11) - 5);

  function product(i: number, j: number): number {
    let sum = 0;
    for (let p = 0; p < N; p++) sum += (numbers[i * N + p] as number) * (numbers[p * N + j] as number);
    return sum;
  }

  /** Elements of the product that are wrong, of 1024; or the status. */
  function wrongElements(source: string): number | string {
    const d = driver();
    const [c, a, b] = [d.alloc(N * N * 4), d.put(numbers), d.put(numbers)];
    const given = [pointer(c), pointer(a), pointer(b), int(N), int(N), int(N)];
    const status = d.launch(d.kernel(source, "matmul"), { grid: [2, 2], block: [16, 16], arguments: given }) || d.sync();
    if (status !== 0) return `status ${status}`;
    return d.floats(c, N * N).filter((v, k) => v !== product(Math.floor(k / N), k % N)).length;
  }

  /** The status of a launch with one buffer of `floats` numbers, and of the call after it. */
  function statusOf(source: string, name: string, launch: Omit<Launch, "arguments">, floats = 64): readonly number[] {
    const d = driver();
    const buffer = d.alloc(floats * 4);
    must(d.call.cuMemsetD32Async(buffer, 0, floats, d.stream));
    must(d.launch(d.kernel(source, name), { ...launch, arguments: [pointer(buffer)] }));
    return [d.sync(), d.call.cuMemAlloc_v2(new BigUint64Array(1), 4)];
  }
  const kernel = (body: string) => `extern "C" __global__ void k(float *p) { ${body} }`;

  const seeds = ["0", "1", "2", "3", "4"];
  const underSeeds = (body: () => void) => {
    for (const seed of seeds) {
      process.env.FAKE_CUDA_SEED = seed;
      body();
    }
    delete process.env.FAKE_CUDA_SEED;
  };

  it("either barrier of a tiled product removed, under every seed", () => {
    underSeeds(() => {
      expect(wrongElements(MATMUL)).toBe(0);
      expect(wrongElements(mutate(MATMUL, "__syncthreads(); // filled", ""))).toBeGreaterThan(100);
      expect(wrongElements(mutate(MATMUL, "__syncthreads(); // used", ""))).toBeGreaterThan(100);
    });
  });

  it("a barrier removed from a transpose, a tree of sums, and between two uses of one array", () => {
    underSeeds(() => {
      const d = driver();
      const [x, y] = [d.put(numbers), d.alloc(numbers.byteLength)];
      const launch = { grid: [1, 1], block: [32, 8], arguments: [pointer(y), pointer(x), int(N), int(N)] };
      must(d.launch(d.kernel(mutate(TRANSPOSE, "__syncthreads();", ""), "transpose"), launch));
      const wanted = numbers.map((_, k) => numbers[(k % N) * N + Math.floor(k / N)] as number);
      expect(d.floats(y, numbers.length)).not.toEqual(wanted);

      const total = d.alloc(4);
      const ones = d.put(new Int32Array(128).fill(1));
      const sum = (source: string) => {
        must(d.call.cuMemsetD32Async(total, 0, 1, d.stream));
        must(
          d.launch(d.kernel(source, "sum"), { grid: [1], block: [128], shared: 512, arguments: [pointer(total), pointer(ones), int(128)] }),
        );
        return d.get(total, new Int32Array(1))[0];
      };
      expect(sum(SUM)).toBe(128);
      expect(sum(mutate(SUM, "part[threadIdx.x + s];\n    __syncthreads();", "part[threadIdx.x + s];"))).not.toBe(128);

      const norm = mutate(LAYER_NORM, "sum += part[w];\n  __syncthreads();", "sum += part[w];");
      const rows = { grid: [2], block: [96], arguments: [pointer(y), pointer(x), int(300)] };
      must(d.launch(d.kernel(LAYER_NORM, "layer_norm"), rows));
      const right = d.floats(y, 600);
      must(d.launch(d.kernel(norm, "layer_norm"), rows));
      expect(d.floats(y, 600)).not.toEqual(right);
    });
  });

  it("a barrier, or a shuffle, that some threads never come to, and different barriers", () => {
    const launch = { grid: [1], block: [64] };
    expect(statusOf(kernel("__syncthreads(); p[threadIdx.x] = 1;"), "k", launch)).toEqual([0, 0]);
    expect(statusOf(kernel("if (threadIdx.x < 16) __syncthreads();"), "k", launch)).toEqual([LAUNCH_FAILED, LAUNCH_FAILED]);
    expect(statusOf(kernel("if (threadIdx.x >= 60) return; __syncthreads();"), "k", launch)[0]).toBe(LAUNCH_FAILED);
    expect(statusOf(kernel("if (threadIdx.x < 32) __syncthreads();\nelse __syncthreads();"), "k", launch)[0]).toBe(LAUNCH_FAILED);
    expect(
      statusOf(kernel("if (threadIdx.x % 2) p[0] = __shfl_xor_sync(0xffffffffu, p[0], 1); else __syncthreads();"), "k", launch)[0],
    ).toBe(LAUNCH_FAILED);
    expect(statusOf(kernel("p[0] = __shfl_sync(0x0000ffffu, p[0], 1);"), "k", launch)[0]).toBe(LAUNCH_FAILED);
    const apart =
      "float a = threadIdx.x; if (threadIdx.x % 2) a = __shfl_xor_sync(~0u, a, 1);\nelse a = __shfl_down_sync(~0u, a, 1); p[0] = a;";
    expect(statusOf(kernel(apart), "k", launch)[0]).toBe(LAUNCH_FAILED);
  });

  it("a value shuffled from a lane outside the mask, and a warp that trusts in lockstep", () => {
    const d = driver();
    const out = d.alloc(256);
    const run = (body: string) => {
      must(d.launch(d.kernel(kernel(body), "k"), { grid: [1], block: [32], arguments: [pointer(out)] }));
      return d.floats(out, 32);
    };
    expect(run("p[threadIdx.x] = 0; if (threadIdx.x < 16) p[threadIdx.x] = __shfl_sync(0xffffu, 1.0f, 20);")[3]).toBeNaN();
    const lockstep = (sync: string) =>
      `__shared__ float s[32]; s[threadIdx.x] = threadIdx.x; ${sync} p[threadIdx.x] = s[31 - threadIdx.x];`;
    const reversed = Float32Array.from({ length: 32 }, (_, i) => 31 - i);
    expect(run(lockstep("__syncwarp();"))).toEqual(reversed);
    expect(run(lockstep(""))).not.toEqual(reversed);
  });

  it("reads and writes outside a block of memory, from the first byte on, for good", () => {
    const launch = { grid: [1], block: [1] };
    expect(statusOf(kernel("p[63] = 1;"), "k", launch)).toEqual([0, 0]);
    expect(statusOf(kernel("p[64] = 1;"), "k", launch)).toEqual([ILLEGAL_ADDRESS, ILLEGAL_ADDRESS]);
    expect(statusOf(kernel("p[0] = p[64];"), "k", launch)[0]).toBe(ILLEGAL_ADDRESS);
    expect(statusOf(kernel("p[-1] = 1;"), "k", launch)[0]).toBe(ILLEGAL_ADDRESS);
    expect(statusOf(kernel("p[1 << 20] = 1;"), "k", launch)[0]).toBe(ILLEGAL_ADDRESS);
    expect(statusOf(kernel("p[60] = 1;"), "k", launch, 60)[0]).toBe(ILLEGAL_ADDRESS);
    expect(statusOf(kernel("((float *)16)[0] = 1;"), "k", launch)[0]).toBe(ILLEGAL_ADDRESS);
    expect(statusOf(kernel("__shared__ float s[8]; s[threadIdx.x + (p == 0 ? 0 : 8)] = 1; p[0] = s[0];"), "k", launch)[0]).toBe(
      ILLEGAL_ADDRESS,
    );
    expect(statusOf(kernel("extern __shared__ float s[]; s[4] = 1; p[0] = s[0];"), "k", { ...launch, shared: 16 })[0]).toBe(
      ILLEGAL_ADDRESS,
    );
  });

  it("vectors at addresses that they do not fit, and arithmetic that C++ does not define", () => {
    const launch = { grid: [1], block: [1] };
    expect(statusOf(kernel("*(float4 *)(p + 4) = make_float4(1, 2, 3, 4);"), "k", launch)[0]).toBe(0);
    expect(statusOf(kernel("*(float4 *)(p + 1) = make_float4(1, 2, 3, 4);"), "k", launch)[0]).toBe(MISALIGNED);
    expect(statusOf(kernel("p[0] = ((float2 *)(p + 1))->x;"), "k", launch)[0]).toBe(MISALIGNED);
    const zero = "(int)threadIdx.x";
    expect(statusOf(kernel(`p[0] = 7 / ${zero};`), "k", launch)[0]).toBe(LAUNCH_FAILED);
    expect(statusOf(kernel(`p[0] = 2147483647 + (${zero} + 1);`), "k", launch)[0]).toBe(LAUNCH_FAILED);
    expect(statusOf(kernel(`p[0] = 1 << (${zero} + 32);`), "k", launch)[0]).toBe(LAUNCH_FAILED);
    expect(statusOf(kernel("p[0] = (int)(p[0] + 1e20f);"), "k", launch)[0]).toBe(LAUNCH_FAILED);
  });

  it("memory that was never written: NaN, in buffers, shared memory and what is freed and allocated again", () => {
    const d = driver();
    const out = d.alloc(4);
    const run = (body: string, ...more: number[]) => {
      const source = `extern "C" __global__ void k(float *p, const float *x) { ${body} }`;
      must(d.launch(d.kernel(source, "k"), { grid: [2], block: [1], arguments: [pointer(out), pointer(more[0] ?? 0)] }));
      return d.floats(out, 1)[0];
    };
    expect(run("p[0] = x[2] + 1;", d.alloc(16))).toBeNaN();
    expect(run("__shared__ float s[4]; p[0] = s[1]; s[1] = 3;")).toBeNaN();
    const used = d.put(new Float32Array(64).fill(7));
    must(d.call.cuMemFree_v2(used));
    expect(run("p[0] = x[2];", d.alloc(256))).toBeNaN();
  });

  it("the use of what was freed: at once, in the order of the stream, and by another stream", () => {
    const use = kernel("p[threadIdx.x] = 1;");
    for (const order of ["free, use", "use, free", "ordered: free, use", "ordered: use, free"]) {
      const d = driver();
      const isOrdered = order.startsWith("ordered");
      const block = isOrdered ? d.made((out) => d.call.cuMemAllocAsync(out, 256, d.stream)) : d.alloc(256);
      const launched = () => must(d.launch(d.kernel(use, "k"), { grid: [1], block: [64], arguments: [pointer(block)] }));
      const freed = () => must(isOrdered ? d.call.cuMemFreeAsync(block, d.stream) : d.call.cuMemFree_v2(block));
      const isWrong = order.endsWith("free, use");
      for (const act of isWrong ? [freed, launched] : [launched, freed]) act();
      expect([order, d.sync()]).toEqual([order, isWrong ? ILLEGAL_ADDRESS : 0]);
    }
  });

  it("a block freed twice, freed in the wrong way, or never allocated", () => {
    const d = driver();
    const [plain, other] = [d.alloc(64), d.alloc(64)];
    must(d.call.cuMemFree_v2(plain));
    expect(d.call.cuMemFree_v2(plain)).toBe(1);
    expect(d.call.cuMemFree_v2(other + 4)).toBe(1);
    expect(d.call.cuMemFreeAsync(other, d.stream)).toBe(1);
    const ordered = d.made((out) => d.call.cuMemAllocAsync(out, 64, d.stream));
    must(d.call.cuMemFreeAsync(ordered, d.stream));
    expect(d.call.cuMemFreeAsync(ordered, d.stream)).toBe(1);
    expect(d.call.cuMemFreeHost(plain)).toBe(1);
    expect(d.call.cuMemcpyHtoDAsync_v2(plain, new Float32Array(1), 4, d.stream)).toBe(1);
    expect(d.call.cuMemcpyHtoDAsync_v2(other, new Float32Array(32), 128, d.stream)).toBe(1);
    must(d.sync());
  });

  it("results read before they are there, and pinned memory written again too early", () => {
    const d = driver();
    const source = d.pinned(64);
    const target = d.pinned(64);
    source.values.fill(1);
    const block = d.alloc(256);
    must(d.call.cuMemcpyHtoDAsync_v2(block, source.at, 256, d.stream));
    must(d.launch(d.kernel(kernel("p[threadIdx.x] += 1;"), "k"), { grid: [1], block: [64], arguments: [pointer(block)] }));
    must(d.call.cuMemcpyDtoHAsync_v2(target.at, block, 256, d.stream));
    expect(target.values[5]).toBeNaN();
    source.values.fill(10);
    must(d.sync());
    expect(target.values[5]).toBe(11);
    const event = d.newEvent();
    source.values.fill(20);
    must(d.call.cuMemcpyHtoDAsync_v2(block, source.at, 256, d.stream));
    must(d.call.cuEventRecord(event, d.stream));
    must(d.call.cuEventSynchronize(event));
    source.values.fill(0);
    expect(d.floats(block, 1)[0]).toBe(20);
    must(d.call.cuMemcpyHtoDAsync_v2(block, source.at, 256, d.stream));
    must(d.call.cuMemFreeHost(source.at));
    expect(d.sync()).toBe(ILLEGAL_ADDRESS);
  });

  it("a kernel that does not end", () => {
    process.env.FAKE_CUDA_TIMEOUT = "1";
    expect(statusOf(kernel("volatile float *q = p; while (q[0] < 1) {}"), "k", { grid: [1], block: [1] })).toEqual([702, 702]);
    delete process.env.FAKE_CUDA_TIMEOUT;
  });

  it("an error that nobody looked at: the launch did not happen", () => {
    const d = driver();
    const out = d.alloc(4096 * 4);
    expect(d.launch(d.kernel(kernel("p[threadIdx.x] = 1;"), "k"), { grid: [1], block: [2048], arguments: [pointer(out)] })).toBe(1);
    expect(d.floats(out, 1)[0]).toBeNaN();
  });
});
