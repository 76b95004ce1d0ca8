/**
 * Extremes in fused programs of f32: the kernel that looks for where an extreme lies may compute again what another kernel computed
 * when it found it, so both have to round every operation alike. If not, no element attains its own maximum, and its gradient is 0/0.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { compile } from "../../core/compile/compile.ts";
import type { Device } from "../../core/device/device.ts";
import { createInterpreter } from "../../core/device/interpreter/device.ts";
import * as ops from "../../core/ops.ts";
import { releaseConstants } from "../../core/tensor/eager.ts";
import { type Tensor, useDevice } from "../../core/tensor/tensor.ts";
import { valueAndGrad } from "../../engines/tape/transforms.ts";
import { everyDevice } from "../devices.ts";

type Map = (y: Tensor, x: Tensor) => Tensor;

/** Rounded exactly, so that every device gives the same bits. */
const EXACT: readonly Map[] = [
  (y) => ops.mul(y, ops.add(y, 1)),
  (y, x) => ops.div(y, ops.add(ops.abs(x), 0.7)),
  (y, x) => ops.sub(ops.mul(y, 1.1), x),
  (y) => ops.sqrt(ops.add(ops.abs(y), 0.1)),
  (y, x) => ops.add(ops.mul(x, 0.3), ops.mul(y, y)),
];
/** As near as each device can. */
const NEAR: readonly Map[] = [(y) => ops.exp(ops.minimum(y, 2)), (y) => ops.tanh(y), (y) => ops.sigmoid(y)];

const chains = fc.record({
  maps: fc.array(fc.nat(EXACT.length + NEAR.length - 1), { minLength: 1, maxLength: 5 }),
  shape: fc.constantFrom([1, 2], [3, 4], [5, 19], [2, 67]),
  axis: fc.constantFrom(0, 1),
  isMax: fc.boolean(),
  /** So many different numbers: few of them make ties. */
  numbers: fc.constantFrom(2, 7, 1000),
});
type Chain = typeof chains extends fc.Arbitrary<infer T> ? T : never;

function input({ shape: [m, n], numbers }: Chain): Tensor {
  return ops.createTensor(
    Array.from({ length: (m as number) * (n as number) }, (_, i) => Math.sin(((i * 7919) % numbers) * 12.9)),
    [m as number, n as number],
    "f32",
  );
}

const applied = ({ maps }: Chain, x: Tensor) => maps.reduce((y, k) => ([...EXACT, ...NEAR][k] as Map)(y, x), x);

/** What has no rounding of its own: the extreme, where it lies, the element there, and how many elements equal it. */
function attained(chain: Chain, x: Tensor): Tensor[] {
  const y = applied(chain, x);
  const extreme = (chain.isMax ? ops.reduceMax : ops.reduceMin)(y, [chain.axis], true);
  const at = (chain.isMax ? ops.argmax : ops.argmin)(y, chain.axis);
  const hits = ops.sum(ops.cast(ops.eq(y, extreme), "f32"), [chain.axis], true);
  return [extreme, at, ops.gather(y, ops.expandDims(at, [chain.axis]), chain.axis), hits];
}

function gradient(chain: Chain, x: Tensor): Tensor {
  const loss = (x: unknown) => {
    const y = applied(chain, x as Tensor);
    return ops.sum(ops.mul(y, (chain.isMax ? ops.reduceMax : ops.reduceMin)(y, [chain.axis], true)));
  };
  return valueAndGrad(loss)(x)[1] as Tensor;
}

const programOf = (chain: Chain) => (x: Tensor) => [...attained(chain, x), gradient(chain, x)];
const numbersOf = (tensors: readonly Tensor[]) => tensors.map((t) => [...t.toArray()]);

function on<T>(device: Device, run: () => T): T {
  useDevice(device);
  releaseConstants();
  const result = ops.scope(run);
  releaseConstants();
  return result;
}

// Where a compiler runs for every program there are few of them.
test.each(everyDevice)("an extreme is attained in any fused program on %s", { timeout: 240_000 }, (name, open) => {
  const [device, reference] = [open(), createInterpreter()];
  fc.assert(
    fc.property(chains, (chain) => {
      const single = on(device, () => numbersOf(programOf(chain)(input(chain))));
      const fused = on(device, () => {
        const compiled = compile(programOf(chain));
        const got = numbersOf(compiled(input(chain)));
        compiled.dispose();
        return got;
      });
      const [extreme, , found, hits, slope] = fused as [number[], number[], number[], number[], number[]];
      expect(found).toEqual(extreme);
      expect(Math.min(...hits)).toBeGreaterThanOrEqual(1);
      expect(fused.slice(0, -1)).toEqual(single.slice(0, -1));
      for (const [i, wanted] of (single.at(-1) as number[]).entries()) {
        const scale = Math.max(1e-3, ...slope.map(Math.abs));
        expect(Math.abs((slope[i] as number) - wanted) / scale, `gradient ${i} is ${slope[i]}, not ${wanted}`).toBeLessThan(1e-5);
      }
      if (chain.maps.some((k) => k >= EXACT.length)) return;
      expect(fused.slice(0, -1)).toEqual(on(reference, () => numbersOf(attained(chain, input(chain)))));
    }),
    { numRuns: name === "native" || name === "cuda" ? 8 : 300 },
  );
});
