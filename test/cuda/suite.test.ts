/**
 * The CUDA device from end to end on the fake: a small suite measured and reported by three engines, golden data in processes of their own,
 * and steps that are replayed as graphs. The whole of the golden data runs on it in harness/cases/shipped.test.ts.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compile } from "../../core/compile/compile.ts";
import { createCuda } from "../../core/device/cuda/device.ts";
import { Library } from "../../core/device/foreign.ts";
import * as ops from "../../core/ops.ts";
import { type Tensor, useDevice } from "../../core/tensor/tensor.ts";
import { valueAndGrad } from "../../engines/tape/transforms.ts";
import { projectRoot } from "../../harness/root.ts";
import { benchIn } from "../cli/bench.ts";
import { cuda } from "../cuda.ts";
import { fakeCuda } from "../fake-cuda/fake-cuda.ts";

const fake = fakeCuda();

describe.runIf(fake !== undefined && cuda.available)("a suite on the fake CUDA", { timeout: 300_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "trigrad-cuda-suite-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const environment = { ...fake?.environment };

  test("is verified, measured and reported by all engines", async () => {
    const out = join(folder, "run");
    const words = ["logistic", "gmm", "--quick", "--device", "cuda", "--json", "--no-progress", "--out", out];
    const { code, lines } = await benchIn(environment, "run", ...words);
    const outcomes = lines.filter((l) => "outcome" in l).map((l) => (l.outcome as { kind: string }).kind);
    expect(outcomes).toEqual(new Array(9).fill("ok"));
    expect(code).toBe(0);
    for (const file of ["run.json", "cells.jsonl", "report.html"]) expect(existsSync(join(out, file)), file).toBe(true);
    expect(readFileSync(join(out, "cells.jsonl"), "utf8")).toContain('"device":"cuda"');
  });

  test("passes golden operators, a program and a model in fresh processes", async () => {
    const golden = (path: string) => ["--cases", join(projectRoot, "test/data/golden", path)];
    const cases = ["ops/matmul_2d.json", "models/mlp_a.json", "models/lstm_a.json"].flatMap(golden);
    const { code, lines } = await benchIn(environment, "verify", ...cases, "--device", "cuda", "--json");
    expect(lines.slice(0, -1).map((l) => [l.case, l.status])).not.toEqual([]);
    for (const line of lines.slice(0, -1)) expect([line.case, line.engine, line.status]).toEqual([line.case, line.engine, "pass"]);
    expect(code).toBe(0);
  });

  test("replays a step as one graph, with numbers that change", () => {
    const device = createCuda();
    useDevice(device);
    const graphs = () => new Library(fake?.cuda as string).declare("fakeCudaCount", "int64", ["string"])("graphs");
    const step = compile(
      (w: Tensor, x: Tensor) => {
        const [loss, gradient] = valueAndGrad((p: unknown) => ops.sum(ops.tanh(ops.matmul(x, p as Tensor))))(w) as [Tensor, Tensor];
        return [ops.sub(w, ops.mul(gradient, 0.1)), loss];
      },
      { donate: [0] },
    );
    const x = ops.createTensor(
      Array.from({ length: 12 }, (_, i) => Math.sin(i)),
      [4, 3],
      "f64",
    );
    let w = ops.createTensor(
      Array.from({ length: 6 }, (_, i) => Math.cos(i)),
      [3, 2],
      "f64",
    );
    const before = graphs();
    const losses: number[] = [];
    for (let i = 0; i < 8; i++) {
      const [next, loss] = step(w, x) as [Tensor, Tensor];
      losses.push(Number(loss.toArray()[0]));
      loss.dispose();
      w = next;
    }
    expect(graphs() - before).toBeGreaterThanOrEqual(4);
    // The first loss by hand, and a descent.
    const at = (i: number, j: number) => [0, 1, 2].reduce((s, p) => s + Math.sin(3 * i + p) * Math.cos(2 * p + j), 0);
    const first = [0, 1, 2, 3].flatMap((i) => [0, 1].map((j) => Math.tanh(at(i, j)))).reduce((a, b) => a + b);
    expect(Math.abs((losses[0] as number) - first)).toBeLessThan(1e-12);
    for (let i = 1; i < losses.length; i++) expect(losses[i]).toBeLessThan(losses[i - 1] as number);
    w.dispose();
    x.dispose();
    step.dispose();
  });
});
