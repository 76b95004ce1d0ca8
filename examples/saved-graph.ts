/**
 * Trains a perceptron on the handwritten digits as a dataflow graph with variables, saves the graph and what it has learnt, and goes on
 * from a saved file in another process, to the same bits.
 *
 *     npm run build
 *     node dist/examples/saved-graph.js --steps 50 --to half.json
 *     node dist/examples/saved-graph.js --from half.json --steps 50     # prints what one run of 100 steps prints at its end
 *     node dist/examples/saved-graph.js --steps 100
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import { createRng } from "../core/base/rng.ts";
import { add, createTensor, crossEntropy, matmul, mul, relu, scope, sub, type Tensor } from "../core/ops.ts";
import { Dataflow, type Update } from "../engines/graph/dataflow.ts";
import { restore, save } from "../engines/graph/saved.ts";
import { Session } from "../engines/graph/session.ts";
import { digits } from "../suites/dense/mlp.ts";

const BATCH = 32;
const PIXELS = 64;
const HIDDEN = 48;
const CLASSES = 10;

interface Ends {
  readonly loss: Tensor;
  readonly step: readonly Update[];
}

/** The network with momentum; the batch is open. */
function network(): Dataflow<Ends> {
  const rng = createRng(7);
  return new Dataflow("digits", (g) => {
    const x = g.placeholder("x", "f32", ["batch", PIXELS]);
    const t = g.placeholder("t", "i32", ["batch"]);
    const layer = (name: string, input: Tensor, rows: number, columns: number) =>
      g.scope(name, () => {
        const start = rng.split(rows).normal(rows * columns);
        const w = g.variable(`${name}/w`, () =>
          createTensor(
            start.map((v) => v / Math.sqrt(rows)),
            [rows, columns],
          ),
        );
        return add(
          matmul(input, w),
          g.variable(`${name}/b`, () => createTensor(new Float32Array(columns), [columns])),
        ) as Tensor;
      });
    const loss = crossEntropy(layer("out", relu(layer("hidden", x, PIXELS, HIDDEN)) as Tensor, HIDDEN, CLASSES), t);
    const parameters = g.trainable();
    const gradients = g.gradients([loss], parameters);
    const step = parameters.flatMap((p, i) => {
      const v = g.variable(`momentum${i}`, () => createTensor(new Float32Array(p.aval.size), p.shape), { trainable: false });
      const next = add(mul(v, 0.9), gradients[i] as Tensor) as Tensor;
      return [g.assign(v, next), g.assign(p, sub(p, mul(next, 0.02)) as Tensor)];
    });
    const done = g.variable("steps", () => createTensor([0], [], "f64"), { trainable: false });
    return { loss, step: [...step, g.assign(done, add(done, 1) as Tensor)] };
  });
}

/** Trains from where the session stands; the loss of the last step. */
function train(session: Session, ends: Ends, steps: number): number {
  const root = join(dirname(fileURLToPath(import.meta.url)), import.meta.url.includes("/dist/") ? "../.." : "..");
  const { pixels, classes } = digits(gunzipSync(readFileSync(join(root, "suites/data/digits/digits.csv.gz"))).toString("utf8"));
  const begun = scope(() => session.read("steps").item());
  let loss = Number.NaN;
  for (let i = begun; i < begun + steps; i++) {
    loss = scope(() => {
      const rows = [...createRng(11).split(i).permutation(classes.length).subarray(0, BATCH)];
      const x = createTensor(
        rows.flatMap((r) => pixels.slice(r * PIXELS, (r + 1) * PIXELS)),
        [BATCH, PIXELS],
      );
      const t = createTensor(
        rows.map((r) => classes[r] as number),
        [BATCH],
        "i32",
      );
      return session.run(ends, { x, t }).loss.item();
    });
  }
  return loss;
}

export interface Options {
  readonly steps: number;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** The loss of the last of `steps` steps, begun anew or from a saved file. */
export function trainSaved({ steps, from, to }: Options): number {
  return scope(() => {
    const { dataflow, session } = from === undefined ? begin() : restore(JSON.parse(readFileSync(from, "utf8")));
    const loss = train(session, dataflow.ends as Ends, steps);
    if (to !== undefined) writeFileSync(to, JSON.stringify(save(session, { x: [BATCH, PIXELS], t: [BATCH] })));
    session.dispose();
    return loss;
  });
}

function begin(): { readonly dataflow: Dataflow; readonly session: Session } {
  const dataflow = network();
  return { dataflow, session: new Session(dataflow) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { steps: { type: "string", default: "100" }, from: { type: "string" }, to: { type: "string" } },
  });
  const loss = trainSaved({ steps: Number(values.steps), from: values.from, to: values.to });
  console.log(`loss ${loss}`);
}
