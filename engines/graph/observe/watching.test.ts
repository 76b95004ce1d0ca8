/** Programs that are broken on purpose: the node, the line, the turn and the inputs that are named, forward and in gradients. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { BenchError } from "../../../core/base/errors.ts";
import { createWasm } from "../../../core/device/wasm/device.ts";
import * as ops from "../../../core/ops.ts";
import { releaseConstants } from "../../../core/tensor/eager.ts";
import { useDevice } from "../../../core/tensor/tensor.ts";
import { loadProgram } from "../../../loader/load.ts";
import type { WatchedValue } from "../../engine.ts";
import { Dataflow } from "../dataflow.ts";
import { graph as engine } from "../engine.ts";
import { Session } from "../session.ts";

const device = createWasm();
useDevice(device);
const { add, cond, createTensor, div, gt, indexSelect, log, lt, mul, scope, sqrt, sub, sum, whileLoop } = ops;
const T = (values: readonly number[], shape: readonly number[] = [values.length]) => createTensor(values, shape, "f64");
const own = readFileSync(fileURLToPath(import.meta.url), "utf8").split("\n");

function thrownBy(body: () => unknown): BenchError {
  try {
    body();
  } catch (error) {
    return error as BenchError;
  }
  throw new Error("nothing was thrown");
}
/** The text at an error's place. */
const textAt = ({ span }: BenchError) => (own[(span?.line ?? 1) - 1] as string).slice((span?.column ?? 1) - 1);

/** Takes the logarithm of what is halved each turn less a half: of a negative number from the second turn on. */
const logarithms = () =>
  new Dataflow("logarithms", (g) => {
    const x = g.placeholder("x", "f64", [3]);
    const [, y, z] = g.scope("block", () =>
      whileLoop(
        ([i]: [number, ops.Tensor, ops.Tensor]) => lt(i, 4),
        ([i, v, s]: [number, ops.Tensor, ops.Tensor]) =>
          [
            add(i, 1),
            mul(v, 0.5),
            cond(
              gt(i, 1),
              () => {
                const shifted = sub(v, 0.5);
                return add(s, log(shifted));
              },
              () => s,
            ),
          ] as never,
        [0, x, mul(x, 0)] as never,
      ),
    ) as [number, ops.Tensor, ops.Tensor];
    const loss = sum(z) as ops.Tensor;
    return { y, z, loss, slope: g.gradients([loss], [x])[0] as ops.Tensor };
  });

describe("a run that stops at what is no number", () => {
  test("names node, line, turn, inputs and the last sound value", () => {
    const before = device.stats().liveBytes;
    scope(() => {
      const flow = logarithms();
      const session = new Session(flow);
      const x = T([4, 1, 3]);
      const run = (stopOn: "nan" | "nonfinite") => session.run(flow.ends.z, { x }, { watching: { stopOn } });
      const error = thrownBy(() => run("nan"));
      expect(textAt(error)).toMatch(/^log\(shifted\)/);
      const [first, ...rest] = error.message.split("\n") as [string, ...string[]];
      expect(first).toBe("log gives NaN, first at [1]");
      expect(rest[0]).toMatch(/^ {2}node: block\/while_\d+\/body\/if_\d+\/then\/log_\d+, turn 2 of block\/while_\d+$/);
      expect(rest).toContainEqual(
        expect.stringMatching(/^ {2}input 0: block\/while_\d+\/body\/if_\d+\/then\/sub_\d+, f64\[3\] = 0.5, -0.25, 0.25$/),
      );
      expect(rest.at(-1)).toMatch(/^ {2}last sound value before: .*\/sub_\d+ \(.*watching\.test\.ts:\d+:\d+\)$/);
      // What is sound runs to its end, to the same bits as without.
      const sound = T([64, 32, 16]);
      const plain = session.run(flow.ends.slope, { x: sound });
      expect([...session.run(flow.ends.slope, { x: sound }, { watching: { stopOn: "nonfinite" } }).toArray()]).toEqual([
        ...plain.toArray(),
      ]);
      // And the session's own runs stay as fast and as blind as they were.
      expect(session.run(flow.ends.loss, { x }).item()).toBeNaN();
      session.dispose();
    });
    releaseConstants();
    expect(device.stats().liveBytes).toBe(before);
  });

  test("names what a part of a gradient is the derivative of", () => {
    const flow = new Dataflow("roots", (g) => {
      const x = g.placeholder("x", "f64", [2]);
      const loss = sum(mul(sqrt(x), 3)) as ops.Tensor;
      return { loss, slope: g.gradients([loss], [x])[0] as ops.Tensor };
    });
    const session = new Session(flow);
    const feeds = { x: T([4, 0]) };
    expect(session.run(flow.ends.loss, feeds, { watching: { stopOn: "nonfinite" } }).item()).toBe(6);
    const error = thrownBy(() => session.run(flow.ends.slope, feeds, { watching: { stopOn: "nonfinite" } }));
    expect(error.message).toMatch(/gives an infinity, first at \[1\]\n {2}node: \w+\n {2}a part of the derivative of: sqrt_\d+\n/);
    expect(textAt(error)).toMatch(/^sqrt\(x\)/);
    // Infinities alone are let through where only NaN is asked for.
    expect([...session.run(flow.ends.slope, feeds, { watching: { stopOn: "nan" } }).toArray()]).toEqual([0.75, Number.POSITIVE_INFINITY]);
    expect(thrownBy(() => session.run(flow.ends.loss, { x: T([Number.NaN, 1]) }, { watching: { stopOn: "nan" } })).message).toMatch(
      /^x is given NaN, first at \[0\]/,
    );
    session.dispose();
  });

  test("finds the backward turn of a loop where a gradient breaks", () => {
    const flow = new Dataflow("backward", (g) => {
      const x = g.placeholder("x", "f64", []);
      const [, y] = whileLoop(
        ([i]: [number, ops.Tensor]) => lt(i, 3),
        ([i, v]: [number, ops.Tensor]) => [add(i, 1), sqrt(mul(v, sub(i, 1)))] as never,
        [0, x] as [number, ops.Tensor],
      ) as [number, ops.Tensor];
      return { slope: g.gradients([y], [x])[0] as ops.Tensor };
    });
    const session = new Session(flow);
    // Turn 1 multiplies by 0, and the root has no derivative there; it is the second of the way back.
    const error = thrownBy(() => session.run(flow.ends.slope, { x: T([-2], []) }, { watching: { stopOn: "nonfinite" } }));
    expect(error.message).toMatch(/turn 0 of while_\d+\n {2}a part of the derivative of: while_\d+\/body\/sqrt_\d+/);
    expect(textAt(error)).toMatch(/^sqrt\(mul\(v, sub\(i, 1\)\)\)/);
    session.dispose();
  });

  test("is there for programs in TypeScript, with the place of the operator", () => {
    const source = ["export function f(x: number): number {", "  const y = x - 1;", "  return Math.log(y) / y;", "}"].join("\n");
    const prepared = engine.prepare(loadProgram({ file: "/user/logs.ts", source }), [3], [0]);
    const error = thrownBy(() => prepared.watched?.([0.5], { stopOn: "nan" }));
    expect(error.span).toMatchObject({ file: "/user/logs.ts", line: 3, column: 15 });
    expect(error.message).toMatch(/^log gives NaN\n {2}node: log_\d+\n {2}value: number = NaN\n {2}input 0: sub_\d+, number = -0\.5\n/);
    expect(prepared.watched?.([3], { stopOn: "nan" })).toEqual(prepared.valueAndGrad([3]));
  });
});

test("values are watched by their names, with the turns that they are of", () => {
  const flow = logarithms();
  const session = new Session(flow);
  const seen: WatchedValue[] = [];
  const watch = (pattern: RegExp | string) => {
    seen.length = 0;
    session.run(flow.ends.z, { x: T([64, 32, 16]) }, { watching: { watch: { pattern, onValue: (v) => seen.push(v) } } });
    return seen;
  };
  expect(watch("block/while_*/body/if_*/then/sub_*").map((v) => [v.turns[0]?.turn, ...Array.from(v.values)])).toEqual([
    [2, 15.5, 7.5, 3.5],
    [3, 7.5, 3.5, 1.5],
  ]);
  expect(seen[0]?.text).toMatch(
    /^block\/while_\d+\/body\/if_\d+\/then\/sub_\d+, turn 2 of block\/while_\d+: f64\[3\] = 15\.5, 7\.5, 3\.5$/,
  );
  expect((own[(seen[0]?.span?.line ?? 1) - 1] as string).trim()).toBe("const shifted = sub(v, 0.5);");
  expect(watch("block/*").map((v) => v.name.replace(/_\d+$/, ""))).toEqual(["block/lift", "block/mul"]);
  expect(watch("**/log_*")).toHaveLength(2);
  expect(watch(/log_\d+$/)).toHaveLength(2);
  expect(watch("log")).toHaveLength(0);
  session.dispose();
});

describe("an error of a plain run", () => {
  test("of a check names node, line and shapes", () => {
    const flow = new Dataflow("checked", (g) => {
      const x = g.placeholder("x", "f64", [2]);
      return { y: g.check(div(x, 2) as ops.Tensor, gt(sum(x), 0), "the sum must be positive") };
    });
    const session = new Session(flow);
    const error = thrownBy(() => session.run(flow.ends.y, { x: T([-1, -1]) }));
    expect(error.message).toMatch(/^the sum must be positive \(node check_\d+: f64\[2\] from f64\[2\], number\)$/);
    expect(textAt(error)).toMatch(/^check\(div/);
    session.dispose();
  });

  test("of an index among work that is fused names the node that reads it", () => {
    const flow = new Dataflow("indices", (g) => {
      const x = g.placeholder("x", "f64", [3]);
      const i = g.placeholder("i", "i32", [2]);
      return { y: mul(indexSelect(mul(x, x), i, 0), 3) as ops.Tensor };
    });
    const session = new Session(flow);
    const i = (values: readonly number[]) => createTensor(values, [2], "i32");
    expect([...session.run(flow.ends.y, { x: T([1, 2, 3]), i: i([2, 0]) }).toArray()]).toEqual([27, 3]);
    const error = thrownBy(() => session.run(flow.ends.y, { x: T([1, 2, 3]), i: i([0, 7]) }));
    expect(error.message).toMatch(/7.*\(node indexSelect_\d+: f64\[2\] from f64\[3\], i32\[2\]\)$/);
    expect(textAt(error)).toMatch(/^indexSelect\(mul/);
    session.dispose();
  });
});
