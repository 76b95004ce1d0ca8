/** The programs for a machine with a GPU, tried where there is none: that they run, not how fast. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, describe, expect, test } from "vitest";
import { runtimeText } from "../../core/device/cuda/runtime-text.ts";
import { buildProject } from "../build.ts";
import { fakeCuda } from "../fake-cuda/fake-cuda.ts";

const fake = fakeCuda();
const folder = mkdtempSync(join(tmpdir(), "trigrad-gpu-check-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (script: string, words: readonly string[], env: Record<string, string>) =>
  execa(process.execPath, [join(buildProject(), "scripts", script), ...words], { reject: false, env, all: true });

describe.runIf(fake !== undefined)("gpu-check on the fake CUDA", { timeout: 240_000 }, () => {
  test("measures traffic, products, launches and all models, and writes a table", async () => {
    const environment = { ...fake?.environment, TRIGRAD_PYTHON: join(folder, "no-python") };
    const { exitCode, all } = await run("gpu-check.js", ["--small", "--skip-verify", "--out", folder], environment);
    expect([exitCode, exitCode === 0 ? "" : all]).toEqual([0, ""]);
    expect(all).toContain("PyTorch eager and torch.compile left out");
    const text = readFileSync(join(folder, "gpu-check.md"), "utf8");
    expect(text).toMatch(/^Small sizes, to try the script: the times say nothing/);
    for (const by of ["device copy", "cuBLAS, bare", "launch, bare", "as a graph", "cuda, compiled", "tape", "graph", "program-transform"])
      expect(text).toContain(`| ${by} |`);
    const { measured } = JSON.parse(readFileSync(join(folder, "gpu-check.json"), "utf8")) as { measured: { samples: object }[] };
    expect(measured.length).toBeGreaterThan(10);
  });

  test("says where there is no GPU, with exit code 3", async () => {
    const { exitCode, stderr } = await run("gpu-check.js", ["--small"], { ...fake?.environment, FAKE_CUDA_DEVICES: "0" });
    expect([exitCode, stderr]).toEqual([3, expect.stringContaining("finds no GPU")]);
  });
});

test("programs of kernels are compiled together by NVIDIA's compilers, where these are, and a wrong one is found", {
  timeout: 120_000,
}, async () => {
  const kernel = (value: string) => `extern "C" __global__ void k0(float *x) { x[0] = ${value}; }\n`;
  for (const [i, value] of ["1.0f", "tg_exp_f32(x[1])"].entries())
    writeFileSync(join(folder, `${i}.cu`), `${runtimeText("")}\n${kernel(value)}`);
  const right = await run("compile-kernels.js", [folder], {});
  expect([right.exitCode, right.all]).toEqual([0, expect.stringMatching(/nvcc: (2 programs for sm_75, sm_80, sm_90|left out)/)]);
  expect(right.all).toMatch(/NVRTC(: left out| [\d.]+: 2 programs for sm_90)/);
  writeFileSync(join(folder, "2.cu"), `${runtimeText("")}\n${kernel("missing(1)")}`);
  const wrong = await run("compile-kernels.js", [folder], {});
  const isHere = right.all?.includes("2 programs") === true;
  expect(wrong.exitCode).toBe(isHere ? 1 : 0);
  if (isHere) expect(wrong.all).toContain("missing");
});
