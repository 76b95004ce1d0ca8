/** Names and places of nodes: in graphs built by hand and in traced programs, of derivatives, through passes, and in files. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { BenchError } from "../../core/base/errors.ts";
import { createInterpreter } from "../../core/device/interpreter/device.ts";
import * as ops from "../../core/ops.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import { loadProgram } from "../../loader/load.ts";
import { Dataflow } from "./dataflow.ts";
import { Graph, graphsIn, type Node, type Output } from "./graph.ts";
import { optimise } from "./optimise/optimise.ts";
import { aboutOf, nameOf, spanOf } from "./origin.ts";
import { restore, save } from "./saved.ts";
import { Session } from "./session.ts";
import { TracedProgram } from "./traced-program.ts";
import { inOrder } from "./walk.ts";

useDevice(createInterpreter());
const { add, cond, gt, lt, matmul, mul, sum, tanh, whileLoop } = ops;
const own = readFileSync(fileURLToPath(import.meta.url), "utf8").split("\n");
type State = [ops.Tensor, ops.Tensor];

/** All nodes of a graph, those inside of others too. */
function nodesOf(graph: Graph): Node[] {
  return inOrder(graph.results).flatMap((n) => [n, ...graphsIn(n).flatMap(nodesOf)]);
}
/** What is written where a node is from. */
const textAt = (n: Node, lines: readonly string[] = own) => {
  const span = spanOf(n);
  return span === undefined ? "" : (lines[span.line - 1] as string).slice(span.column - 1);
};
const view = (parameters: readonly Output[], results: readonly Output[]) => {
  const graph = new Graph("view");
  graph.parameters.push(...parameters);
  graph.results.push(...results);
  return graph;
};

const turning = () =>
  new Dataflow("turning", (g) => {
    const x = g.placeholder("x", "f64", [2]);
    const steps = g.placeholder("steps", "f64", []);
    const [, y] = g.scope("layer", () =>
      whileLoop(
        ([i]: State) => lt(i, steps),
        ([i, v]: State) =>
          [
            add(i, 1),
            cond(
              gt(sum(v), 0),
              () => tanh(v),
              () => mul(v, 3),
            ),
          ] as State,
        [ops.createTensor([0], [], "f64"), x] as State,
      ),
    ) as State;
    const loss = sum(mul(y, y)) as ops.Tensor;
    const [slope] = g.gradients([loss], [x]) as [ops.Tensor];
    return { loss, slope };
  });
const both = (flow: ReturnType<typeof turning>) => {
  const { building } = flow.first;
  const ends = flow.ends as unknown as { loss: Output; slope: Output };
  return view(
    [...building.placeholders.values()].map((p) => p.output),
    [ends.loss, ends.slope],
  );
};

describe("a graph built by hand", () => {
  test("knows the line and column of each node, inside loops and branches too, and of each part of a derivative what it is about", () => {
    const nodes = nodesOf(both(turning()));
    const find = (name: RegExp) => nodes.filter((n) => name.test(nameOf(n)));
    const [forward] = find(/^layer\/while_\d+\/body\/if_\d+\/then\/tanh_\d+$/) as [Node];
    expect(textAt(forward)).toMatch(/^tanh\(v\)/);
    const [loop] = find(/^layer\/while_\d+$/) as [Node];
    expect(textAt(loop)).toMatch(/^whileLoop\(/);
    expect(textAt(find(/^x$/)[0] as Node)).toMatch(/^placeholder\("x"/);
    const adjoints = nodes.filter((n) => aboutOf(n) === nameOf(forward));
    expect(adjoints.length).toBeGreaterThan(1);
    for (const n of adjoints) expect(spanOf(n)).toEqual(spanOf(forward));
    expect(nodes.filter((n) => n.op === "apply" && spanOf(n) === undefined).map(nameOf)).toEqual([]);
    expect(new Set(nodes.map(nameOf)).size).toBe(new Set(nodes).size);
  });

  test("keeps names and places through all passes, and says the turn of an unrolled loop", () => {
    const flow = new Dataflow("short", (g) => {
      const x = g.placeholder("x", "f64", [2]);
      const [, y] = whileLoop(
        ([i]: [number, ops.Tensor]) => lt(i, 3),
        ([i, v]: [number, ops.Tensor]) => [add(i, 1), tanh(v)] as never,
        [0, x] as [number, ops.Tensor],
      );
      return { y };
    });
    const before = view([flow.first.building.placeholders.get("x")?.output as Output], [flow.ends.y as unknown as Output]);
    const after = nodesOf(optimise(before).graph).filter((n) => n.op === "apply");
    expect(after.map(nameOf)).toEqual([0, 1, 2].map((t) => expect.stringMatching(new RegExp(`^while_\\d+/body/tanh_\\d+@${t}$`))));
    for (const n of after) expect(textAt(n)).toMatch(/^tanh\(v\)\] as never/);
    const flow2 = both(turning());
    const known = new Map(nodesOf(flow2).map((n) => [nameOf(n), spanOf(n)]));
    for (const n of nodesOf(optimise(flow2).graph)) if (n.op === "apply") expect(spanOf(n)).toEqual(known.get(nameOf(n)));
  });

  test("keeps names, places and what they are about in a file", () => {
    const flow = turning();
    const again = restore(JSON.parse(JSON.stringify(save(new Session(flow))))).dataflow as ReturnType<typeof turning>;
    const listed = (f: ReturnType<typeof turning>) =>
      nodesOf(both(f)).flatMap((n) => (n.op === "parameter" ? [] : [[nameOf(n), spanOf(n), aboutOf(n)]]));
    expect(listed(again)).toEqual(listed(flow));
  });

  test("names the line of what does not fit when it is built", () => {
    let thrown: BenchError | undefined;
    try {
      new Dataflow("wrong", (g) => {
        const x = g.placeholder("x", "f64", [2, 3]);
        return { y: matmul(x, x) };
      });
    } catch (error) {
      thrown = error as BenchError;
    }
    expect(thrown?.message).toMatch(/matmul.*\[2, 3\].*\[2, 3\]/);
    expect((own[(thrown?.span?.line ?? 1) - 1] as string).slice((thrown?.span?.column ?? 1) - 1)).toMatch(/^matmul\(x, x\)/);
  });
});

test("a traced program knows its lines, also those of operators and of functions that it calls, and is traced again for them alone", () => {
  const source = [
    "function square(x: number): number { return x * x; }",
    "export function f(x: number, w: { a: number }): number {",
    "  return square(Math.sin(x) + w.a);",
    "}",
  ];
  const program = loadProgram({ file: "/user/place.ts", source: source.join("\n") });
  const traced = new TracedProgram(program, [0.5, { a: 2 }], [0, 1]);
  const nodes = nodesOf(traced.gradient());
  const find = (name: RegExp) => nodes.find((n) => name.test(nameOf(n))) as Node;
  expect(nodes.flatMap((n) => (n.op === "parameter" ? [nameOf(n)] : [])).sort()).toEqual(["arg0", "arg1.a"]);
  expect(textAt(find(/^mul_\d+$/), source)).toMatch(/^x \* x/);
  expect(textAt(find(/^sin_\d+$/), source)).toMatch(/^(Math\.)?sin\(x\)/);
  expect(spanOf(find(/^add_\d+$/))).toMatchObject({ file: "/user/place.ts", line: 3 });
  const cosine = find(/^cos_\d+$/);
  expect(aboutOf(cosine)).toBe(nameOf(find(/^sin_\d+$/)));
  expect(spanOf(cosine)).toEqual(spanOf(find(/^sin_\d+$/)));
});

test("every node of a gradient through loops, branches and derivatives in the program has a line, before and after all passes", () => {
  const source = `import { add, cond, gt, lt, matmul, mul, scan, square, sub, sum, tanh, whileLoop } from "../../core/ops.ts";
export function f(p, xs) {
  const [h, ys] = scan(([h, c], x) => {
    const z = tanh(add(matmul(x, p.w), matmul(h, p.u)));
    return [[z, cond(gt(sum(c), 0), () => mul(c, z), () => sub(c, z))], mul(z, c)];
  }, [p.h, p.h], xs);
  const [, q] = whileLoop(([i]) => lt(i, 3), ([i, q]) => [add(i, 1), sub(q, grad((v) => sum(square(tanh(v))))(q))], [0, h[0]]);
  const [, r] = whileLoop(([i]) => lt(i, sum(p.n)), ([i, q]) => [add(i, 1), tanh(mul(q, sum(square(p.h))))], [0, q]);
  return add(sum(square(ys)), add(sum(q), sum(r)));
}`;
  const file = fileURLToPath(new URL("several.ts", import.meta.url));
  const T = (...shape: number[]) => ops.createTensor(new Array(shape.reduce((n, d) => n * d, 1)).fill(0.3), shape, "f64");
  const traced = new TracedProgram(loadProgram({ file, source }), [{ w: T(3, 3), u: T(3, 3), h: T(2, 3), n: T(1) }, T(70, 2, 3)], [0]);
  for (const graph of [traced.gradient(), optimise(traced.gradient()).graph]) {
    const made = nodesOf(graph).filter((n) => n.op !== "parameter");
    expect(made.length).toBeGreaterThan(100);
    expect(made.filter((n) => spanOf(n)?.file !== file).map(nameOf)).toEqual([]);
  }
});
