/** Every kind of generated kernel is compiled by NVIDIA's compiler, where it is installed: no GPU is needed for that. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { drawKernelCase } from "../../../test/arbitrary-kernel.ts";
import { renderCuda } from "../../render/cuda.ts";
import { cudaSchedule } from "../../render/cuda-schedule.ts";
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
    const cases = fc.sample(
      fc.gen().map((gen) => drawKernelCase(gen)),
      { seed, numRuns: 80 },
    );
    const text = cases.map(({ kernel, geometry }, i) => renderCuda(kernel, cudaSchedule(kernel, geometry), `k${i}`).source).join("\n");
    const functions = `extern "C" __global__ void f(double *x) { x[0] = tg_polygamma_f64(x[1], x[2]) + tg_pow_f32(x[3], x[4]); }\n`;
    for (const architecture of ["sm_75", "sm_90"]) expect(() => compile(text + functions, architecture), `seed ${seed}`).not.toThrow();
  });

  it("is a check that can fail", () => {
    expect(() => compile('extern "C" __global__ void f(float *x) { x[0] = missing(1); }\n', "sm_90")).toThrow("missing");
  });
});
