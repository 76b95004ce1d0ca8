/**
 * What the command line does when CUDA fails: no GPU, old or missing libraries, memory that ends, a kernel that does not compile, a
 * kernel that goes wrong. Nothing is half-written, and what one cell breaks does not reach the next, which has a process of its own.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { EXIT } from "../../cli/failure.ts";
import { benchIn } from "../cli/bench.ts";
import { fakeCuda } from "../fake-cuda/fake-cuda.ts";

const fake = fakeCuda();

interface Cell {
  readonly cell: { readonly model: string; readonly size: string };
  readonly outcome: { readonly kind: string; readonly reason?: string };
}

describe.runIf(fake !== undefined)("bench on a CUDA that fails", { timeout: 180_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "trigrad-cuda-errors-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs the command line on the fake, with these variables set. */
  const benchWith = (environment: Record<string, string>, ...words: string[]) =>
    benchIn({ ...fake?.environment, FAKE_CUDA_QUIET: "1", ...environment }, ...words);

  test.each([
    ["no driver", { TRIGRAD_LIBCUDA: "" }, "no NVIDIA driver"],
    ["no GPU", { FAKE_CUDA_DEVICES: "0" }, "finds no GPU"],
    ["an old driver", { FAKE_CUDA_DRIVER: "11080" }, "too old"],
    ["no NVRTC", { TRIGRAD_LIBNVRTC: "" }, "NVRTC"],
    ["a library that is none", { TRIGRAD_LIBCUDA: join(folder, "missing.so") }, "cannot be loaded"],
    ["an NVRTC that does not know the GPU", { FAKE_CUDA_ARCH: "130" }, "sm_130"],
    ["a GPU that is not there", { TRIGRAD_CUDA_DEVICE: "3" }, "GPU 3"],
  ])("%s: exit code 3, the reason, and no folder", async (_, environment, reason) => {
    const out = join(mkdtempSync(join(folder, "none-")), "run");
    const { code, stderr } = await benchWith(environment, "run", "logistic", "--quick", "--device", "cuda", "--out", out);
    expect(stderr).toContain(reason);
    expect(code).toBe(EXIT.environment);
    expect(existsSync(out)).toBe(false);
  });

  test("without cuBLAS products are made by kernels, and are right", async () => {
    const { code, stderr, lines } = await benchWith(
      { TRIGRAD_LIBCUBLAS: "" },
      "verify",
      "mlp",
      "--engine",
      "graph",
      "--device",
      "cuda",
      "--json",
    );
    expect([code, stderr]).toEqual([EXIT.ok, ""]);
    expect(lines.slice(0, -1).map((l) => l.status)).toEqual(new Array(3).fill("pass"));
  });

  async function cells(environment: Record<string, string>, ...words: string[]) {
    const out = join(mkdtempSync(join(folder, "run-")), "run");
    const ran = await benchWith(environment, "run", ...words, "--quick", "--device", "cuda", "--json", "--no-progress", "--out", out);
    const found = ran.lines.filter((l) => "outcome" in l) as unknown as Cell[];
    return { ...ran, found, kinds: found.map(({ cell, outcome }) => `${cell.size} ${outcome.kind}`).sort() };
  }

  test("memory that ends: the cells that need more say so with the numbers, the others are measured", async () => {
    const { found, kinds } = await cells({ FAKE_CUDA_MEMORY: String(33_500 * 1024) }, "mlp", "--engine", "graph");
    expect(kinds).toEqual(["128x128 out-of-memory", "256x256 out-of-memory", "32x32 ok"]);
    expect(found.find((c) => c.outcome.kind === "out-of-memory")?.outcome.reason).toMatch(/out of memory on cuda: .* asked for, .* live/);
  });

  test("a kernel that does not compile: its text, its file and the compiler's words", async () => {
    const environment = { FAKE_CUDA_FAIL_COMPILE: "1", TRIGRAD_CACHE: join(folder, "cache") };
    const { code, lines } = await benchWith(environment, "verify", "logistic", "--engine", "tape", "--device", "cuda", "--json");
    expect(code).toBe(EXIT.checkFailed);
    const { status, message } = lines[0] as { status: string; message: string };
    expect(status).toBe("error");
    expect(message).toMatch(/NVRTC does not compile .*\.cu \(NVRTC_ERROR_COMPILATION/);
    expect(message).toMatch(/kernels\.cu\(\d+\): error: .*a_fault_that_was_asked_for/);
    expect(message).toMatch(/\d+ \| extern "C" __global__ void/);
    expect(existsSync(/compile (\S+\.cu)/.exec(message)?.[1] as string)).toBe(true);
  });

  test("a kernel that goes wrong breaks its process only: one cell is an error, and the next ones are measured", async () => {
    const trap = join(folder, "once");
    writeFileSync(trap, "");
    const { found } = await cells({ FAKE_CUDA_FAIL_ONCE: trap }, "mlp", "--engine", "graph");
    const wrong = found.filter((c) => c.outcome.kind === "error");
    expect(existsSync(trap)).toBe(false);
    expect(wrong.length).toBe(1);
    expect(wrong[0]?.outcome.reason).toContain("CUDA_ERROR_ILLEGAL_ADDRESS (700)");
    expect(found.filter((c) => c.outcome.kind === "ok").length).toBe(2);
  });
});
