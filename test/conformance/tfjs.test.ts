/** Every primitive in f32 on the backends of tfjs that are installed, against the interpreter; and memory over many steps. */
import { expect, test } from "vitest";
import { createRng } from "../../core/base/rng.ts";
import type { Device } from "../../core/device/device.ts";
import { createInterpreter } from "../../core/device/interpreter/device.ts";
import { installedBackends, loadTfjs } from "../../core/device/tfjs/backend.ts";
import { createTfjs } from "../../core/device/tfjs/device.ts";
import type { AnyPrimitive } from "../../core/primitive.ts";
import { type PrimitiveName, primitiveNames, primitives } from "../../core/primitives/table.ts";
import { apply } from "../../core/tensor/apply.ts";
import { scope } from "../../core/tensor/scope.ts";
import { createTensor, Tensor, useDevice } from "../../core/tensor/tensor.ts";
import { endure, type Footprint, shapes, training } from "../endurance.ts";
import { draw, type Sample, samples } from "./samples.ts";

const SEED = 20220829;
const interpreter = createInterpreter();

/** The sample with f32 in the place of f64. */
function evaluate(device: Device, name: PrimitiveName, sample: Sample<unknown>, seed: number): number[] {
  useDevice(device);
  return scope(() => {
    const rng = createRng(seed);
    const inputs = sample.inputs.map((spec) => {
      const dtype = spec.dtype ?? "f64";
      return createTensor(draw(spec, rng), spec.shape, dtype === "f64" ? "f32" : dtype);
    });
    const { params } = sample;
    const asked = (params as { dtype?: string } | undefined)?.dtype === "f64" ? { ...(params as object), dtype: "f32" } : params;
    const y = apply(primitives[name] as AnyPrimitive, inputs, asked);
    return y instanceof Tensor ? Array.from(y.toArray()) : [y as number];
  });
}

test.each(installedBackends())("every primitive gives the interpreter's numbers on %s", async (backend) => {
  const device = createTfjs(await loadTfjs(backend));
  let compared = 0;
  for (const name of primitiveNames) {
    if (name === "lift" || name === "item") continue;
    for (const [i, sample] of (samples[name] as readonly Sample<unknown>[]).entries()) {
      const [got, wanted] = [device, interpreter].map((d) => evaluate(d, name, sample, SEED + i)) as [number[], number[]];
      const size = Math.max(...wanted.map(Math.abs), 1e-6);
      expect(got.length, name).toBe(wanted.length);
      for (const [k, w] of wanted.entries())
        expect(Math.abs((got[k] as number) - w), `${name}, sample ${i}, element ${k}: ${got[k]}, wanted ${w}`).toBeLessThanOrEqual(
          2e-5 * size,
        );
      compared += wanted.length;
    }
  }
  expect(compared).toBeGreaterThan(5000);
  expect(device.stats()).toMatchObject({ liveBytes: 0, liveBuffers: 0 });
});

const at = (marks: readonly Footprint[], i: number) => marks[i] as Footprint;

test("ten thousand training steps hold what a thousand hold, to the byte", { timeout: 120_000 }, async () => {
  const marks = endure(createTfjs(await loadTfjs("wasm")), training, 10_000, 10, () => {});
  expect(marks.slice(1, -1).map((m) => m.live)).toEqual(new Array(10).fill(at(marks, 1).live));
  expect(at(marks, 10).reserved).toBe(at(marks, 1).reserved);
  expect(at(marks, 11).live).toBe(0);
});

test("operations of any shape are computed right and freed", async () => {
  const marks = endure(createTfjs(await loadTfjs("wasm")), shapes, 300, 1, () => {});
  expect(marks.map((m) => m.live)).toEqual([0, 0, 0]);
});
