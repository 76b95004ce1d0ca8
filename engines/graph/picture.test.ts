/** Graphs as pictures: what is in which group, and what goes where. */
import { describe, expect, test } from "vitest";
import { createInterpreter } from "../../core/device/interpreter/device.ts";
import * as ops from "../../core/ops.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import { loadProgram } from "../../loader/load.ts";
import type { Picture } from "../picture/picture.ts";
import { Dataflow } from "./dataflow.ts";
import { graph as engine } from "./engine.ts";
import { Graph, type Output } from "./graph.ts";
import { pictureOf } from "./picture.ts";
import { Session } from "./session.ts";

useDevice(createInterpreter());
const { add, cond, createTensor, gt, lt, matmul, mul, sum, tanh, whileLoop } = ops;

/** `group / group / label`, of labels without numbers. */
const pathsOf = ({ boxes }: Picture) =>
  boxes.map((b) => {
    const parts = [b.label];
    for (let p = boxes[b.parent]; p !== undefined; p = boxes[p.parent]) parts.unshift(p.label);
    return parts.map((l) => l.replace(/_\d+$/, "")).join(" / ");
  });
const edgesOf = (p: Picture) => {
  const paths = pathsOf(p);
  return p.edges.map((e) => `${paths[e.from]} -> ${paths[e.to]}${e.isControl ? " decides" : ""}${e.isBack ? " next turn" : ""} ${e.label}`);
};

describe("a graph built by hand", () => {
  const flow = new Dataflow("net", (g) => {
    const x = g.placeholder("x", "f64", [2, 3]);
    const w = g.variable("w", () => createTensor([1, 2, 3, 4, 5, 6, 7, 8, 9], [3, 3], "f64"));
    const n = g.placeholder("n", "f64", []);
    const h = g.scope("layer", () => g.scope("dense", () => matmul(x, w)));
    const [, y] = whileLoop(
      ([i]: [ops.Tensor, ops.Tensor]) => lt(i, n),
      ([i, v]: [ops.Tensor, ops.Tensor]) =>
        [
          add(i, 1),
          cond(
            gt(sum(v), 0),
            () => tanh(v),
            () => mul(v, w.shape.length),
          ),
        ] as never,
      [createTensor([0], [], "f64"), h] as [ops.Tensor, ops.Tensor],
    ) as [ops.Tensor, ops.Tensor];
    const loss = sum(y) as ops.Tensor;
    return { loss, slope: g.gradients([loss], [w])[0] as ops.Tensor };
  });
  const graph = new Graph("net");
  graph.parameters.push(...[...flow.first.building.placeholders.values()].map((p) => p.output), ...flow.first.building.reads.values());
  graph.results.push(flow.ends.loss as unknown as Output, flow.ends.slope as unknown as Output);
  const picture = pictureOf(graph, "net", ["loss", "slope"]);

  test("has a group for each scope, loop and branch, and one for what is derived", () => {
    const paths = pathsOf(picture);
    expect(paths).toEqual(
      expect.arrayContaining([
        "x",
        "layer / dense / matmul",
        "while / state 0",
        "while / test / lt",
        "while / body / if / then / tanh",
        "while / body / if / else / mul",
        "gradient / while",
        "gradient / layer / dense / matmul",
        "slope",
      ]),
    );
    expect(paths.filter((p) => p.startsWith("gradient / while / body / if / then /")).length).toBeGreaterThan(0);
    expect(paths.filter((p) => p.startsWith("gradient")).length).toBeLessThan(paths.length / 1.3);
    for (const b of picture.boxes) expect(b.parent).toBeLessThan(picture.boxes.indexOf(b));
  });

  test("joins readers to what they read over borders, with its type; what decides is told apart", () => {
    const edges = edgesOf(picture);
    expect(edges).toEqual(
      expect.arrayContaining([
        "x -> layer / dense / matmul f64[2, 3]",
        "layer / dense / matmul -> while / state 1 f64[2, 3]",
        "n -> while / test / lt f64[]",
        "while / state 1 -> while / body / if / then / tanh f64[2, 3]",
        "while / body / if / then / tanh -> while / body / if / result 0 f64[2, 3]",
        "while / next 1 -> while / state 1 next turn ",
        "while / next 1 -> sum f64[2, 3]",
      ]),
    );
    expect(edges.filter((e) => e.includes("-> while / body / if / condition decides number"))).toHaveLength(1);
    for (const { from, to } of picture.edges) for (const end of [from, to]) expect(picture.boxes[end]?.kind).not.toBe("group");
  });
});

test("a crowd is split by lines, and a line by its visits, of derivatives too", () => {
  const source = [
    "export function f(x: number): number {",
    "  let y = x;",
    "  for (let i = 0; i < 70; i++) {",
    "    y = Math.sin(y);",
    "    y = y * x + 1;",
    "  }",
    "  return y;",
    "}",
  ];
  const prepared = engine.prepare(loadProgram({ file: "/user/lines.ts", source: source.join("\n") }), [0.5], [0]);
  const stages = prepared.stages([0.5]);
  const picture = stages[1]?.picture?.(false) as Picture;
  const paths = pathsOf(picture);
  expect(paths).toEqual(
    expect.arrayContaining(["lines.ts:4 / visit 0 / sin", "lines.ts:5 / visit 69 / mul", "gradient / lines.ts:4 / visit 33 / cos"]),
  );
  expect(picture.measured).toBeUndefined();
  const measured = stages[2]?.picture?.(true) as Picture;
  expect(measured.measured?.device).toBe("interpreter");
});

test("functions stand beside what calls them, with names and lines of their own, and what is watched in them is told with its line", () => {
  const flow = new Dataflow("recursive", (g) => {
    const x = g.placeholder("x", "f64", []);
    const power: (...args: ops.Tensor[]) => readonly ops.Tensor[] = g.function("power", [x, x], [x], (self, v, n) => [
      cond(
        gt(n, 0),
        () => mul(v, self(v, ops.sub(n, 1) as ops.Tensor)[0] as ops.Tensor),
        () => ops.exp(mul(v, 0)),
      ) as ops.Tensor,
    ]);
    const [y] = power(x, add(mul(x, 0), 3) as ops.Tensor) as [ops.Tensor];
    return { y, slope: g.gradients([y], [x])[0] as ops.Tensor };
  });
  const picture = pictureOf(flow.graphOf(flow.ends), "recursive");
  expect(pathsOf(picture)).toEqual(
    expect.arrayContaining([
      "call",
      "function power / argument 0",
      "function power / if / then / call",
      "function power, back / gradient / if / then / call",
    ]),
  );
  const inner = picture.boxes.find((b) => /^power\/if_\d+\/else\/exp_\d+$/.test(b.name));
  expect(inner?.span?.file).toMatch(/picture\.test\.ts$/);
  const session = new Session(flow);
  const seen: string[] = [];
  session.run(
    flow.ends.slope,
    { x: createTensor([2], [], "f64") },
    { watching: { watch: { pattern: "power/if_*/then/mul_*", onValue: (v) => seen.push(v.text.replace(/_\d+/g, "")) } } },
  );
  expect(seen).toEqual(["power/if/then/mul: f64[] = 2", "power/if/then/mul: f64[] = 4", "power/if/then/mul: f64[] = 8"]);
  session.dispose();
});
