import { beforeEach, expect, test } from "vitest";
import { openDevice } from "../device/registry.ts";
import { add, mul, sum } from "../ops.ts";
import { releaseConstants } from "./eager.ts";
import { scope } from "./scope.ts";
import { createTensor, type Tensor, useDevice } from "./tensor.ts";

const device = openDevice("interpreter");
beforeEach(() => {
  useDevice(device);
  releaseConstants();
});

const live = () => device.stats().liveBytes;

test("a scope frees what it made, except what it returns or keeps", () => {
  const before = live();
  let kept: Tensor | undefined;
  const result = scope((keep) => {
    const a = createTensor([1, 2, 3], [3], "f64");
    kept = keep(add(a, a));
    return { y: [mul(a, a)] };
  });
  expect([...(result.y[0] as Tensor).toArray()]).toEqual([1, 4, 9]);
  expect([...(kept as Tensor).toArray()]).toEqual([2, 4, 6]);
  (result.y[0] as Tensor).dispose();
  (kept as Tensor).dispose();
  expect(live()).toBe(before);
});

test("scopes nest: an inner result belongs to the outer scope", () => {
  const before = live();
  scope(() => {
    const inner = scope(() => scope(() => createTensor([1], [1], "f64")));
    expect(inner.item()).toBe(1);
  });
  expect(live()).toBe(before);
});

test("an exception frees everything", () => {
  const before = live();
  expect(() =>
    scope(() => {
      createTensor([1, 2], [2], "f64");
      throw new Error("stop");
    }),
  ).toThrow("stop");
  expect(live()).toBe(before);
});

test("using a freed tensor is an error that says what to do", () => {
  let leaked: Tensor | undefined;
  scope(() => {
    leaked = createTensor([1, 2], [2], "f64");
  });
  expect(() => sum(leaked as Tensor)).toThrow("after its scope has freed it");
  expect(() => (leaked as Tensor).toArray()).toThrow("after its scope has freed it");
});

test("a reshaped tensor shares storage, and the storage lives as long as either", () => {
  const before = live();
  const a = createTensor([1, 2, 3, 4], [4], "f64");
  const b = scope(() => add(a, 0));
  a.dispose();
  expect([...b.toArray()]).toEqual([1, 2, 3, 4]);
  b.dispose();
  releaseConstants();
  expect(live()).toBe(before);
});

test("a result that stands twice in the returned tree is owned once", () => {
  const before = live();
  const [a, b] = scope(() => {
    const t = createTensor([5], [1], "f64");
    return [t, t] as const;
  });
  expect(a).toBe(b);
  a.dispose();
  expect(live()).toBe(before);
});
