/** Donated inputs: outputs take their memory where that changes no number, and nobody sees a tensor that was overwritten. */
import { describe, expect, test } from "vitest";
import { compile } from "../../core/compile/compile.ts";
import { add, cast, createTensor, div, exp, matmul, mul, neg, reshape, scope, sqrt, sub, sum, type Tensor } from "../../core/ops.ts";
import { releaseConstants } from "../../core/tensor/eager.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import { everyDevice } from "../devices.ts";

const N = 5;
const square = (seed: number): Tensor =>
  createTensor(
    Array.from({ length: N * N }, (_, i) => Math.cos(i * 1.7 + seed)),
    [N, N],
    "f64",
  );
const list = (t: Tensor | undefined) => [...(t as Tensor).toArray()];

/** p, m, v and the gradient to p, m, v. */
function adam(p: Tensor, m: Tensor, v: Tensor, g: Tensor): Tensor[] {
  const m1 = add(mul(m, 0.9), mul(g, 0.1));
  const v1 = add(mul(v, 0.999), mul(mul(g, g), 0.001));
  return [sub(p, mul(0.01, div(m1, add(sqrt(v1), 1e-8)))), m1, v1];
}

describe.each(everyDevice)("on %s", (_, open) => {
  test("an optimiser updates its state where it is, step after step, with no memory but that", () => {
    const device = open();
    useDevice(device);
    const before = device.stats().liveBytes;
    const step = compile(adam, { donate: [0, 1, 2] });
    const start = () => [square(0), mul(square(1), 0), mul(square(2), 0)] as Tensor[];
    scope(() => {
      const g = square(3);
      let [state, eager] = [start(), start()];
      const addresses = state.map((t) => t.storage.address);
      const taken = device.stats().allocations;
      for (let i = 0; i < 3; i++) {
        const used = state;
        state = step(...(used as [Tensor, Tensor, Tensor]), g);
        for (const t of used) expect(() => t.toArray()).toThrow(/used after its scope has freed it/);
      }
      expect(device.stats().allocations - taken).toBe(0);
      expect(state.map((t) => t.storage.address)).toEqual(addresses);
      for (let i = 0; i < 3; i++) eager = adam(...(eager as [Tensor, Tensor, Tensor]), g);
      for (const [i, want] of eager.entries()) for (const [j, x] of list(want).entries()) expect(list(state[i])[j]).toBeCloseTo(x, 14);
      expect(list(g)).toEqual(list(square(3)));
    });
    step.dispose();
    releaseConstants();
    expect(device.stats().liveBytes).toBe(before);
  });

  test.each<[string, (x: Tensor) => Tensor[]]>([
    ["that a later step reads", (x) => [exp(x), matmul(x, x)]],
    ["that is read at other elements", (x) => [add(x, matmul(x, x)), reshape(neg(x), [N * N])]],
    ["that is returned", (x) => [neg(x), x]],
    ["that is read once reduced", (x) => [sub(x, sum(x, [1], true))]],
    ["of another size than the output", (x) => [sum(x, [0])]],
  ])("an input %s gives the numbers that it gives undonated, and is freed", (_, f) => {
    useDevice(open());
    const [plain, donated] = [compile(f), compile(f, { donate: [0] })];
    scope(() => {
      const x = square(0);
      const want = plain(square(0)).map(list);
      expect(donated(x).map(list)).toEqual(want);
      expect(() => x.toArray()).toThrow(/used after/);
    });
    plain.dispose();
    donated.dispose();
  });

  test("a tensor that has other holders is not overwritten but refused", () => {
    useDevice(open());
    const f = compile((x, y) => [add(x as Tensor, y as Tensor)], { donate: [0] });
    scope(() => {
      const [x, y, held] = [square(0), square(1), square(2)];
      const view = reshape(x, [N * N]);
      held.retain();
      for (const wrong of [x, y, held]) expect(() => f(wrong, y)).toThrow(/input 0 is donated/);
      held.release();
      expect([list(x), list(y), list(held)]).toEqual([0, 1, 2].map((i) => list(square(i))));
      view.dispose();
      const want = list(add(square(0), y));
      expect(list(f(x, y)[0])).toEqual(want);
    });
    f.dispose();
  });

  test("a wider output has memory of its own", () => {
    useDevice(open());
    const f = compile((x) => [cast(x as Tensor, "f64")], { donate: [0] });
    scope(() => {
      const x = createTensor([...Array(64).keys()], [64], "f32");
      const { address } = x.storage;
      const y = f(x)[0] as Tensor;
      expect(y.storage.address).not.toBe(address);
      expect(list(y)).toEqual([...Array(64).keys()]);
    });
    f.dispose();
  });

  test("a position without an input is refused", () => {
    useDevice(open());
    const f = compile((x) => [neg(x as Tensor)], { donate: [1] });
    scope(() => expect(() => f(square(0))).toThrow(/input 1 is donated by a program of 1 inputs/));
  });
});
