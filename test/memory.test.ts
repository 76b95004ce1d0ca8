import { expect, test } from "vitest";
import { primitives } from "../core/primitives/table.ts";
import { createTensor } from "../core/tensor/tensor.ts";
import { beginTape } from "../engines/tape/tape.ts";
import { watchMemory } from "./memory.ts";

test("a tensor made by hand is freed with the test", () => {
  const end = watchMemory("interpreter");
  createTensor([1, 2, 3], [3], "f64");
  expect(end).not.toThrow();
});

test("the memory harness fails on a tensor that is retained and never released", () => {
  const end = watchMemory("interpreter");
  const leaked = createTensor([1, 2, 3], [3], "f64").retain();
  expect(end).toThrow("live memory");
  leaked.release();
});

test("the memory harness fails on a tape that is never released", () => {
  const end = watchMemory("interpreter");
  const tape = beginTape();
  const x = tape.leaf(createTensor([1, 2, 3], [3], "f64"));
  tape.record(primitives.exp, [x], undefined);
  expect(end).toThrow("live memory");
  tape.release();
});
