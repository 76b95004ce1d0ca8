/** Traced runs: what each launch and each node took, and the export that trace viewers read. */
import { expect, test } from "vitest";
import { createWasm } from "../../../core/device/wasm/device.ts";
import * as ops from "../../../core/ops.ts";
import { useDevice } from "../../../core/tensor/tensor.ts";
import { Dataflow } from "../dataflow.ts";
import { type RunMetadata, Session } from "../session.ts";
import { chromeTrace, type Timeline } from "./timeline.ts";

useDevice(createWasm());
const { add, createTensor, lt, matmul, mean, mul, square, sum, tanh, whileLoop } = ops;
const T = (values: readonly number[], shape: readonly number[]) => createTensor(values, shape, "f64");

function traced<F>(session: Session, fetches: F, feeds: Record<string, ops.Tensor>) {
  let metadata: RunMetadata | undefined;
  const results = session.run(fetches, feeds, {
    trace: true,
    onRun: (m) => {
      metadata = m;
    },
  });
  return { results, timeline: metadata?.timeline as Timeline, metadata: metadata as RunMetadata };
}

test("each launch says its time, its nodes and its bytes, and each node the launches that it shares", () => {
  const flow = new Dataflow("layer", (g) => {
    const x = g.placeholder("x", "f64", [4, 3]);
    const w = g.variable("w", () => T([1, 2, 3, 4, 5, 6], [3, 2]));
    const hidden = g.scope("hidden", () => tanh(add(matmul(x, w), 1))) as ops.Tensor;
    const loss = mean(square(hidden));
    return { loss, slope: g.gradients([loss as ops.Tensor], [w])[0] as ops.Tensor };
  });
  const session = new Session(flow);
  const x = T(
    Array.from({ length: 12 }, (_, i) => Math.sin(i)),
    [4, 3],
  );
  const { results, timeline, metadata } = traced(session, flow.ends, { x });
  const plain = session.run(flow.ends, { x });
  expect([...results.slope.toArray()]).toEqual([...plain.slope.toArray()]);
  const launches = timeline.events.filter((e) => e.kind === "launch");
  expect(launches).toHaveLength(metadata.plans.reduce((n, p) => n + p.launches, 0));
  let end = 0;
  for (const e of launches) {
    expect(e.start).toBeGreaterThanOrEqual(end);
    end = e.start + e.milliseconds;
  }
  expect(end).toBeLessThanOrEqual(metadata.milliseconds);
  // The bias and the activation are one launch with what follows; the sum before the activation is never stored.
  const [forward] = launches.filter((e) => e.nodes.some((n) => /^hidden\/tanh_\d+$/.test(n)));
  expect(forward?.nodes.map((n) => n.replace(/_\d+$/, ""))).toEqual(expect.arrayContaining(["hidden/add", "hidden/tanh", "square"]));
  const biased = timeline.nodes.find((n) => /^hidden\/add_\d+$/.test(n.name));
  expect(biased).toMatchObject({
    kind: "add",
    type: "f64[4, 2]",
    bytes: 64,
    isStored: false,
    launches: 1,
    sharedBy: forward?.nodes.length,
  });
  expect(biased?.milliseconds).toBe(forward?.milliseconds);
  const product = timeline.nodes.find((n) => /^hidden\/matmul_\d+$/.test(n.name));
  expect(product).toMatchObject({ isStored: true, sharedBy: 1 });
  const [alone] = launches.filter((e) => e.nodes.includes(product?.name as string));
  expect(alone?.bytes).toBe(64);
  expect(product?.span?.file).toMatch(/timeline\.test\.ts$/);
  expect(timeline.nodes.some((n) => n.about?.startsWith("hidden/tanh"))).toBe(true);
  expect(timeline.deviceMilliseconds).toBeCloseTo(
    launches.reduce((s, e) => s + e.milliseconds, 0),
    9,
  );
  session.dispose();
});

test("turns of loops are slices, and the export nests launches in turns in loops", () => {
  const flow = new Dataflow("turning", (g) => {
    const x = g.placeholder("x", "f64", [5]);
    const n = g.placeholder("n", "f64", []);
    const [, y] = whileLoop(
      ([i]: [ops.Tensor, ops.Tensor]) => lt(i, n),
      ([i, v]: [ops.Tensor, ops.Tensor]) => [add(i, 1), tanh(mul(v, 1.5))] as never,
      [createTensor([0], [], "f64"), x] as [ops.Tensor, ops.Tensor],
    ) as [ops.Tensor, ops.Tensor];
    return { y: sum(y) as ops.Tensor };
  });
  const session = new Session(flow);
  const { timeline } = traced(session, flow.ends, { x: T([1, 2, 3, 4, 5], [5]), n: T([3], []) });
  const tanhs = timeline.nodes.find((n) => /^while_\d+\/body\/tanh_\d+$/.test(n.name));
  expect(tanhs?.launches).toBe(3);
  // Three turns, and the question that ends the loop.
  expect(timeline.events.filter((e) => e.kind === "turn").map((e) => e.name)).toEqual(["turn 0", "turn 1", "turn 2", "turn 3"]);
  const { traceEvents } = JSON.parse(JSON.stringify(chromeTrace(timeline))) as {
    traceEvents: { name: string; ph: string; ts: number; dur: number; cat?: string; args: { nodes?: string[]; bytes?: number } }[];
  };
  const slices = traceEvents.filter((e) => e.ph === "X");
  expect(slices).toHaveLength(timeline.events.length);
  const within = (inner: (typeof slices)[number], outer: (typeof slices)[number]) =>
    inner.ts >= outer.ts && inner.ts + inner.dur <= outer.ts + outer.dur + 1e-6;
  const [loop] = slices.filter((e) => e.cat === "loop") as [(typeof slices)[number]];
  const turns = slices.filter((e) => e.cat === "turn");
  for (const t of turns) expect(within(t, loop)).toBe(true);
  for (const e of slices.filter((s) => s.cat === "launch" && s.args.nodes?.some((n) => n.startsWith("while_")))) {
    expect(turns.filter((t) => within(e, t))).toHaveLength(1);
    expect(e.args.nodes?.[0]).toMatch(/timeline\.test\.ts:\d+:\d+$/);
  }
  session.dispose();
});
