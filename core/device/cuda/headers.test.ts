/**
 * Our tables of NVIDIA's functions and constants against NVIDIA's headers. What the headers say is kept in golden/cuda-api.txt, so that the
 * tables are checked where there are none; where there are, that file is checked too (`npx vitest run -u` with all of them writes it:
 * CUDA's toolkit, or pip install nvidia-cuda-runtime nvidia-cuda-nvrtc nvidia-cublas nvidia-cudnn-cu13).
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { disagreements, HEADERS, headerFacts } from "../../../test/cuda-headers.ts";
import { findCompiler } from "../../../test/fake-cuda/fake-cuda.ts";

const GOLDEN = fileURLToPath(new URL("golden/cuda-api.txt", import.meta.url));
const kept = () => (existsSync(GOLDEN) ? readFileSync(GOLDEN, "utf8").trim().split("\n") : []);

test("functions, constants and structs are what NVIDIA's headers say", () => {
  const facts = kept();
  for (const { file } of HEADERS) expect(facts).toContain(`header ${file} = 1`);
  expect(disagreements(facts)).toEqual([]);
});

test("the check sees a wrong parameter, a wrong constant and a wrong size", () => {
  const [driver] = HEADERS;
  const wrong = { ...(driver as (typeof HEADERS)[number]), functions: { cuMemAlloc_v2: ["address", "int32"] as const } };
  expect(disagreements(kept(), [{ ...wrong, constants: { CU_STREAM_NON_BLOCKING: 2 }, sizes: { "sizeof(CUdeviceptr)": 4 } }])).toEqual([
    "cuMemAlloc_v2(address, int32) is ipl",
    "CU_STREAM_NON_BLOCKING is 1, not 2",
    "sizeof(CUdeviceptr) is 8, not 4",
  ]);
});

test("the headers that are here say what is kept", { timeout: 240_000 }, async () => {
  if (findCompiler() === undefined) {
    process.stderr.write("NVIDIA's headers are not read: no C++ compiler runs here\n");
    return;
  }
  const { facts, missing } = headerFacts();
  for (const reason of missing) process.stderr.write(`not compared with NVIDIA's headers: ${reason}\n`);
  if (missing.length === 0) await expect(`${facts.join("\n")}\n`).toMatchFileSnapshot(GOLDEN);
  else expect(kept()).toEqual(expect.arrayContaining([...facts]));
});
