/**
 * `npm run benchmark:places`: what knowing the lines of nodes costs the graph engine. Tracing as it is, which notes no lines; tracing with
 * the stack of each node noted; and finding the line of each node when one is asked for. In turns, medians, a quarter of a minute.
 */

import { join } from "node:path";
import { openDevice } from "../core/device/registry.ts";
import { createTensor } from "../core/ops.ts";
import { scope } from "../core/tensor/scope.ts";
import { useDevice } from "../core/tensor/tensor.ts";
import { notingStacks, spanOf } from "../engines/graph/origin.ts";
import { TracedProgram } from "../engines/graph/traced-program.ts";
import { inOrder } from "../engines/graph/walk.ts";
import { projectRoot } from "../harness/root.ts";
import { median } from "../harness/statistics.ts";
import { loadProgram } from "../loader/load.ts";

const ROUNDS = 40;

const SOURCE = `
import { add, matmul, mul, sigmoid, split, square, sum, tanh } from "../core/ops.ts";
export function f(p, x, h0, c0) {
  let [h, c, loss] = [h0, c0, 0];
  for (let t = 0; t < 100; t++) {
    const z = add(add(matmul(x, p.wx), matmul(h, p.wh)), p.b);
    const [i, f, g, o] = split(z, [8, 8, 8, 8], 1);
    c = add(mul(sigmoid(f), c), mul(sigmoid(i), tanh(g)));
    h = mul(sigmoid(o), tanh(c));
    loss = add(loss, sum(square(h)));
  }
  return loss;
}`;

useDevice(openDevice("null"));
scope(() => {
  const tensor = (...shape: number[]) => createTensor(new Float32Array(shape.reduce((n, d) => n * d, 1)), shape);
  const args = [{ wx: tensor(8, 32), wh: tensor(8, 32), b: tensor(32) }, tensor(4, 8), tensor(4, 8), tensor(4, 8)];
  const program = loadProgram({ file: join(projectRoot, "scripts/lstm.ts"), source: SOURCE });
  const trace = () => new TracedProgram(program, args, [0]);
  const nodes = () => inOrder(trace().results.map((r) => r as never));
  const times: Record<"tracing" | "noted" | "found", number[]> = { tracing: [], noted: [], found: [] };
  const timed = <T>(what: keyof typeof times, body: () => T): T => {
    const start = performance.now();
    const result = body();
    times[what].push(performance.now() - start);
    return result;
  };
  for (let round = 0; round < ROUNDS; round++) {
    timed("tracing", trace);
    notingStacks(() => timed("noted", trace));
    const all = nodes();
    timed("found", () => all.map(spanOf));
  }
  const count = nodes().length;
  const [tracing, noted, found] = [median(times.tracing), median(times.noted), median(times.found)] as [number, number, number];
  const each = (t: number) => `${((t / count) * 1000).toFixed(2)} µs`;
  console.log(`an LSTM of 100 steps without a loop, ${count} nodes; a node:`);
  console.log(`  tracing, no lines noted     ${each(tracing)}`);
  console.log(`  with stacks noted           ${each(noted)}, ${(noted / tracing).toFixed(1)} times as long`);
  console.log(`  finding lines when asked    ${each(found)}, ${(found / tracing).toFixed(1)} times as long as tracing, once`);
});
