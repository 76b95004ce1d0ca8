/** Every kind of generated kernel is compiled by NVIDIA's compilers, nvcc and NVRTC, where they are installed: no GPU is needed for that. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { drawKernelCase } from "../../../test/arbitrary-kernel.ts";
import { teamCases } from "../../../test/kernel-cases.ts";
import type { MatmulLaunch } from "../../kernel/launch.ts";
import { describeFused } from "../../kernel/lower.ts";
import { binary, load, unary } from "../../kernel/scalar-expr.ts";
import { canBeMany, renderCuda } from "../../render/cuda.ts";
import { type ProductLaunch, type ProductPlan, planProduct, renderProduct } from "../../render/cuda-product.ts";
import { renderRoutine } from "../../render/cuda-routine.ts";
import { cudaSchedule } from "../../render/cuda-schedule.ts";
import { canCallNative, type Library } from "../foreign.ts";
import { ImageCache } from "../image-cache.ts";
import { CudaCompiler } from "./compiler.ts";
import { openCudaLibrary } from "./find.ts";
import { runtimeText } from "./runtime-text.ts";

function hasCompiler(): boolean {
  try {
    execFileSync("nvcc", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const usable = hasCompiler();
if (!usable) console.warn("skipping the check of CUDA kernels by nvcc: it is not on this machine");

describe.runIf(usable)("nvcc", () => {
  const folder = mkdtempSync(join(tmpdir(), "trigrad-nvcc-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const compile = (text: string, architecture: string) => {
    const file = join(folder, "kernels.cu");
    writeFileSync(file, runtimeText(text) + text);
    const flags = ["-cubin", `-arch=${architecture}`, "--fmad=false", "-diag-suppress", "177", "-Werror", "all-warnings"];
    return execFileSync("nvcc", [...flags, "-o", join(folder, "kernels.cubin"), file], { encoding: "utf8", stdio: "pipe" });
  };

  it("compiles random kernels, and the functions of the runtime", { timeout: 180_000 }, () => {
    const seed = Date.now() % 2 ** 31;
    const text = randomKernels(seed, 80) + everySchedule() + FUNCTIONS;
    for (const architecture of ["sm_75", "sm_80", "sm_90"]) expect(() => compile(text, architecture), `seed ${seed}`).not.toThrow();
  });

  it("compiles products with every tile, convolutions and routines", { timeout: 180_000 }, () => {
    for (const architecture of ["sm_75", "sm_90"]) expect(() => compile(products() + routines(), architecture)).not.toThrow();
  });

  it("is a check that can fail", () => {
    expect(() => compile('extern "C" __global__ void f(float *x) { x[0] = missing(1); }\n', "sm_90")).toThrow("missing");
  });
});

const nvrtc = canCallNative() ? openCudaLibrary("nvrtc", 13) : undefined;
if (nvrtc === undefined) console.warn("skipping the check of CUDA kernels by NVRTC: it is not on this machine");

describe.runIf(nvrtc !== undefined)("NVRTC", () => {
  const folder = mkdtempSync(join(tmpdir(), "trigrad-nvrtc-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("compiles random kernels, products and convolutions to images for a GPU, and tells what is wrong", { timeout: 180_000 }, () => {
    const compiler = new CudaCompiler(nvrtc as Library, "sm_90", new ImageCache(folder, undefined, ".cubin"));
    const seed = Date.now() % 2 ** 31;
    for (const text of [randomKernels(seed, 40) + everySchedule() + FUNCTIONS, products() + routines()])
      expect(compiler.image(text).subarray(0, 4), `seed ${seed}`).toEqual(Buffer.from([0x7f, 0x45, 0x4c, 0x46]));
    expect(() => compiler.image('extern "C" __global__ void f(float *x) { x[0] = missing(1); }')).toThrow("missing");
  });
});

const FUNCTIONS = 'extern "C" __global__ void f(double *x) { x[0] = tg_polygamma_f64(x[1], x[2]) + tg_pow_f32(x[3], x[4]); }\n';

function randomKernels(seed: number, count: number): string {
  const cases = fc.sample(
    fc.gen().map((gen) => drawKernelCase(gen)),
    { seed, numRuns: count },
  );
  return cases.map(({ kernel, geometry }, i) => renderCuda(kernel, cudaSchedule(kernel, geometry), `k${i}`).source).join("\n");
}

/** Kernels in every way in which work is given to threads, numbered by 32 and by 64 bits, and over several sets of operands. */
function everySchedule(): string {
  const texts = teamCases().map(({ kernel, geometry }) => ({ kernel, schedule: cudaSchedule(kernel, geometry) }));
  const single = texts.flatMap(({ kernel, schedule }, i) =>
    [false, true].map((wide) => renderCuda(kernel, { ...schedule, wide }, `way${i}_${wide}`).source),
  );
  const many = texts.filter(({ kernel, schedule }) => canBeMany(kernel, schedule));
  return [...single, ...many.map(({ kernel, schedule }, i) => renderCuda(kernel, schedule, `many${i}`, true).source)].join("\n");
}

function routines(): string {
  const plain = { batch: 2, n: 5, columns: 3, lower: true, transpose: true, descending: true, inputs: [0, 1] } as const;
  return (["cholesky", "triangularSolve", "solve", "determinant", "logDeterminant", "argsort"] as const)
    .flatMap((routine) =>
      (["f32", "f64"] as const).map(
        (dtype) => renderRoutine({ kind: "routine", routine, dtype, ...plain }, routine, `${routine}_${dtype}`).source,
      ),
    )
    .join("\n");
}

/** Products of every tile, dtype and transposition, whole and in parts, one with an epilogue; the three products of a convolution. */
function products(): string {
  const launches: ProductLaunch[] = [];
  for (const dtype of ["f32", "f64"] as const) {
    for (const [size, k, batches] of [
      [20, 30, 1],
      [20, 3000, 3],
      [100, 70, 40],
      [400, 500, 20],
    ] as const) {
      const batch = Array.from({ length: batches }, (_, i) => ({ a: i * size * k, b: 0, c: i * size * size }));
      for (const transposeA of [false, true])
        launches.push({ kind: "matmul", dtype, m: size, n: size, k, transposeA, transposeB: !transposeA, batch, inputs: [0, 1] });
    }
    const strides = [400, 20, 1];
    const epilogue = describeFused({
      extents: [1, 20, 20],
      operands: [
        { dtype, strides, input: -1 },
        { dtype, strides: [0, 0, 1], input: 2 },
      ],
      outputs: [{ dtype, strides, result: unary("tanh", binary("add", load(0, dtype), load(1, dtype))) }],
      indexed: true,
    });
    launches.push({ ...(launches.at(-8) as MatmulLaunch), dtype, epilogue });
    for (const product of ["forward", "input", "weight"] as const) {
      const pairs = { input: [9, 8], output: [4, 4], kernel: [3, 2], stride: [2, 2], dilation: [1, 1], padding: [0, 0] } as const;
      launches.push({ kind: "convolution", product, dtype, n: 30, groups: 2, c: 6, o: 4, ...pairs, inputs: [0, 1] });
    }
  }
  const plans = launches.map((launch) => planProduct(launch));
  expect(new Set(plans.map((p) => `${p.tile[0]} ${p.splits > 1}`))).toEqual(new Set(["32 false", "32 true", "64 false", "128 false"]));
  return launches.map((launch, i) => renderProduct(launch, plans[i] as ProductPlan, `k${i}`).source).join("\n");
}
